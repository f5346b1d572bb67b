"""Figure ``correlation``: KL (pos) of each model against its accuracy under attack, a panel for each attack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from robench.escaping import escape_matplotlib
from robench.report.figures.canvas import Drawing, apply_style, blank_sheet, draw_marker, legend_of_sheet
from robench.report.figures.captions import begin_caption, describe_caveats, describe_others
from robench.report.figures.palette import Look, looks, title
from robench.report.figures.request import FigureRequest
from robench.report.tables.correlation import ACCURACY, ModelMeans, average_models
from robench.report.tables.model_statistics import MEASURES, ModelStatistics, note_errors, share_setting
from robench.results.cells import Result, group, identity_text, read_results
from robench.results.correlation import FEWEST, correlate
from robench.results.info import CellInfo, StatisticsInfo
from robench.results.labels import attack_source, defense_source, make_labels
from robench.results.seeds import describe_means
from robench.results.selection import NoResultsError
from robench.results.store import Store
from robench.study.commands import make_table_run_command

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Block: TypeAlias = Sequence[ModelMeans]
"""The models that can be compared, over the pairs of one attack."""

STATISTIC = "kl_pos"
"""The statistic that is drawn; ``robench table correlation`` has all."""
MOST_ATTACKS = 6
"""Attacks of one figure; it has a panel for each."""


def draw(store: Store, request: FigureRequest) -> Drawing:
    """Draw a point for each model in the panel of each attack that was made on it.

    Raises:
        NoResultsError: no models have statistics.
    """
    selection = request.selection
    kept = selection.keep(store.stages(StatisticsInfo))
    blocks, others = _choose_setting(average_models(kept, store.stages(CellInfo), request.paper))
    if not blocks:
        command = f"`{make_table_run_command(request.paper, 'correlation', selection, request.command_options)}`"
        raise NoResultsError(f"{store.root} has no {selection.describe()} with statistics yet; {command} makes some.")
    enough = [block for block in blocks if len(block) >= FEWEST] or blocks
    shown = enough[:MOST_ATTACKS]
    left = [block for block in blocks if block not in shown]
    names = make_labels(defense_source(one.row, one.info.defense, one.key) for one in _list_statistics(blocks))
    caption = _describe(shown, request, [_title(block) for block in left])
    caption += describe_caveats(_read_attacks(shown, store)) + describe_others(others)
    with apply_style():
        rows = math.ceil(len(shown) / 2)
        figure = blank_sheet(7.2, 0.8 + 2.6 * rows, caption)
        panels = list(figure.subplots(rows, min(len(shown), 2), squeeze=False).flat)
        every = looks(name.text for name in names.values())
        for axes, block in zip(panels, shown, strict=False):
            for name, models in group(block, lambda m: names[m.models[0].row].text).items():
                _mark(axes, models, every[name], escape_matplotlib(title(name)))
            _label(axes, _title(block))
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        legend_of_sheet(figure, request.heading, columns=4)
    return Drawing(figure, request.file_name(request.task), caption)


def _choose_setting(blocks: Sequence[Block]) -> tuple[list[Block], int]:
    """Return the blocks of the setting with most models, a block for each attack, and the number of other settings."""

    def identify(block: Block) -> str:
        setting = share_setting(block[0].models)
        return identity_text([value for name, value in setting.items() if not name.startswith("attack")])

    settings = sorted(group(blocks, identify).values(), key=lambda found: sum(map(len, found)))
    return (settings[-1], len(settings) - 1) if settings else ([], 0)


def _list_statistics(blocks: Sequence[Block]) -> list[ModelStatistics]:
    return [one for block in blocks for means in block for one in means.models]


def _title(block: Block) -> str:
    info = block[0].models[0].info
    return attack_source("", info.attack, info.key).text


def _mark(axes: Axes, models: Sequence[ModelMeans], look: Look, label: str) -> None:
    """Draw the models of one defense, as far as their statistic is finite."""
    points = [(m.values[STATISTIC], 100 * m.values[ACCURACY]) for m in models if math.isfinite(m.values[STATISTIC])]
    if not points:
        return
    xs, ys = [x for x, _ in points], [y for _, y in points]
    draw_marker(axes, xs, ys, colour=look.colour, marker=look.marker, size=7, linestyle="none", label=label)


def _label(axes: Axes, attack: str) -> None:
    axes.set_xlabel(next(measure.name for measure in MEASURES if measure.key == STATISTIC))
    axes.set_ylabel(escape_matplotlib(f"{attack}%"))
    axes.margins(0.08)
    axes.grid()


def _read_attacks(shown: Sequence[Block], store: Store) -> list[Result]:
    """Return the attacks that the accuracies are of."""

    def identify(info: CellInfo | StatisticsInfo) -> tuple[str, str]:
        return info.model, identity_text([info.attack.title, info.attack.fields])

    met = {identify(one.info) for one in _list_statistics(shown)}
    return read_results([cell for cell in store.stages(CellInfo) if identify(cell.info) in met])


def _describe(shown: Sequence[Block], request: FigureRequest, left: Sequence[str]) -> str:
    models = _list_statistics(shown)
    info = models[0].info
    numbers = ", ".join(f"{_title(block)} {_correlate(block)}" for block in shown)
    attacks = sorted({m.training_attack.title for m in models if m.training_attack})
    seeds = [[m.seed for m in means.models] for block in shown for means in block]
    text = begin_caption(info, f"{info.statistics.samples:,} pairs") + (
        " KL (pos): divergence, in nats, of the predictions for a clean text and for what the attack made of it against"
        f" the reference defense. Rank correlation: {numbers}; {request.table_command('correlation')} has intervals,"
        " tests and the other statistics. models: a defense, or a form of one, each, which count as independent; those"
        f" that learned nothing are left out. {describe_means(seeds)}"
    )
    text += f" Trained against {', '.join(attacks)}, if against any." if attacks else ""
    infinite = sum(not math.isfinite(means.values[STATISTIC]) for block in shown for means in block)
    text += f" Points not drawn, because KL is infinite: {infinite}." if infinite else ""
    text += "".join(f" {note}." for note in note_errors(models))
    return text + (f" Not shown: {', '.join(left)}." if left else "")


def _correlate(block: Block) -> str:
    found = correlate([m.values[STATISTIC] for m in block], [m.values[ACCURACY] for m in block])
    return f"{found.value:.2f} ({found.n} models)" if found else f"none ({len(block)} alone)"
