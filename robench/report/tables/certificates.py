"""Table ``certificates``: how many texts are certified to stay right, beside how many stay right under attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from robench.escaping import count_noun
from robench.report.tables.cells import attacked_cell, clean_cell, outcome_cell
from robench.report.tables.layout import Layout
from robench.report.tables.legend import describe_clean
from robench.report.tables.model import CLEAN, Cell, Column, Table
from robench.report.tables.options import TableRequest
from robench.results import json_lines
from robench.results.cells import Result, group, identity_text, read_results
from robench.results.certificates import CERTIFICATES_FILE, Certificate
from robench.results.info import CellInfo, CertificatesInfo
from robench.results.sample_reader import SampleReader, Samples
from robench.results.samples import average
from robench.results.selection import NoResultsError
from robench.results.store import StoredStage
from robench.study.commands import make_commands
from robench.training.certificate import find_required_share

CHANGES = (1, 2, 3, 5, 10)
"""Numbers of changed words with a column; those for which no text of the table is certified have none."""
LEGEND = (
    "certified%: attacked samples on which the model is right, and certified to stay right if any words, up to so many,"
    " are changed / all attacked samples. all copies: by the vote of all random copies of a text, which nothing can"
    " compute. deployed: by the vote of the copies that the model draws, which attacks meet. Attacks: accuracy under"
    " attack."
)
UNCERTIFIED = (
    "certified% —: certificates of the row's attacked samples are missing, or its attacks have different samples; with"
    " the row's --attack-limit, {hint}"
)

Stages = Mapping[str, StoredStage[CertificatesInfo]]
"""Certificates by the key of their model."""
Lines = Mapping[str, Sequence[Certificate]]
"""The certificates of texts, likewise."""


def certificates_table(
    cells: Sequence[StoredStage[CellInfo]], certified: Sequence[StoredStage[CertificatesInfo]], request: TableRequest
) -> Table:
    """Make a table of certified accuracies and accuracies under attack, by task."""
    stages = _choose(certified)
    kept = [cell for cell in request.select(cells) if cell.info.model in stages and cell.info.split == "test"]
    if not kept:
        raise NoResultsError(f"no model in {request.runs} has certificates of attacked test samples: {request.hint}")
    layout = Layout.of(request.paper, read_results(kept))
    reader = SampleReader.of(layout.results, request.reader)
    used = {key: stages[key] for key in dict.fromkeys(r.info.model for r in layout.results)}
    everything = {key: json_lines.read(stage.folder / CERTIFICATES_FILE, Certificate) for key, stage in used.items()}
    lines = {
        place: _restrict(reader, found, everything) for place, found in group(layout.results, _identify_place).items()
    }
    shown = _choose_columns(
        [stage.info for stage in used.values()],
        [line for models in lines.values() for certified in models.values() for line in certified],
    )
    columns = [
        Column(CLEAN),
        *(
            Column(f"certified%, {'deployed' if is_deployed else 'all copies'}, {count_noun(k, 'word')}")
            for is_deployed, k in shown
        ),
        *layout.list_columns(),
    ]
    arranged, caption = layout.arrange(partial(_cells, reader, used, lines, shown))
    return request.finish(
        arranged,
        columns,
        caption=caption,
        legend=(
            f"{describe_clean(r.info for r in layout.results)}. {LEGEND}",
            *([] if all(lines.values()) else [UNCERTIFIED.format(hint=request.hint)]),
            *_describe([stage.info for stage in used.values()]),
        ),
        infos=(r.info for r in layout.results),
        commands=make_commands(layout.gaps(), ["--table", request.table.number, *request.command_options]),
    )


def _choose(certified: Sequence[StoredStage[CertificatesInfo]]) -> dict[str, StoredStage[CertificatesInfo]]:
    """Return the certificates of each model; of several, those of most texts, then of most draws, then of queries."""

    def rank(one: StoredStage[CertificatesInfo]) -> tuple[int, int, int, float, str]:
        return one.info.n, one.info.draws, one.info.queries, one.info.alpha, one.key

    return {stage.info.model: stage for stage in sorted(certified, key=rank)}


def _choose_columns(infos: Sequence[CertificatesInfo], lines: Sequence[Certificate]) -> list[tuple[bool, int]]:
    """Return for each column whether it is about the deployed vote, and its number of changed words.

    The deployed vote has a column even if nothing is certified, because this is what a reader has to know.
    """
    all_copies = [k for k in CHANGES if any(line.radius and line.holds(k) for line in lines)]
    deployed = [k for k in CHANGES if any(line.deployed_radius and line.holds(k, deployed=True) for line in lines)]
    if any(info.votes for info in infos):
        deployed = deployed or [1]
    return [(False, 0), *((False, k) for k in all_copies), *((True, k) for k in deployed)]


def _identify_place(result: Result) -> str:
    """Return the identity of the row of a block where a result stands."""
    return identity_text([result.block, result.row])


def _restrict(reader: SampleReader, found: Sequence[Result], lines: Lines) -> Lines:
    """Return the certificates of the samples that were attacked, of the models that have one for each of these.

    Args:
        reader: of the results' runs folder.
        found: the results of a row; if they are of different samples, no certificates are about the same as all.
        lines: all certificates of their models.
    """
    attacked = {frozenset(reader.columns(r.folder).id) for r in found}
    if len(attacked) > 1:
        return {}
    (rows,) = attacked
    kept = {r.info.model: [line for line in lines[r.info.model] if line.id in rows] for r in found}
    return {model: of_rows for model, of_rows in kept.items() if len(of_rows) == len(rows)}


def _cells(
    reader: SampleReader,
    stages: Stages,
    lines: Mapping[str, Lines],
    shown: Sequence[tuple[bool, int]],
    found: Sequence[Result],
    columns: Sequence[str],
) -> tuple[Cell, ...]:
    seeds = {r.info.model: r.seed for r in found}
    own = lines[_identify_place(found[0])] if found else {}

    def certify(is_deployed: bool, changes: int) -> Cell:
        held: dict[int, list[Samples]] = {}
        for key, certified in own.items():
            if stages[key].info.votes or not is_deployed:
                of_model = {line.id: line.holds(changes, deployed=is_deployed) for line in certified}
                held.setdefault(seeds[key], []).append(of_model)
        return outcome_cell({seed: average(models) for seed, models in held.items()}, found)

    certified = (certify(*column) for column in shown)
    attacked = (attacked_cell(reader, [r for r in found if r.column == column]) for column in columns)
    return clean_cell(reader, found), *certified, *attacked


def _describe(infos: Sequence[CertificatesInfo]) -> list[str]:
    """Say what the certificates of each defense cover, and how sure they are."""
    covered: dict[str, str] = {}
    for info in infos:
        covered.setdefault(info.defense.name, info.covers)
    drawn = dict.fromkeys(
        f"{info.draws:,} draws, each certificate of all copies wrong with a chance of {info.alpha:g} at most"
        for info in infos
    )
    return [
        *(f"Certificates of {name} cover {covers}." for name, covers in sorted(covered.items())),
        f"They cover no words that are added, deleted or split; {'; '.join(drawn)}.",
        *dict.fromkeys(_describe_deployed(info) for info in infos),
    ]


def _describe_deployed(info: CertificatesInfo) -> str:
    """Say what the certificates of the deployed vote need and promise."""
    name = info.defense.name
    if not info.votes:
        return (
            f"{name} has no certificates of the deployed vote: it combines scores in a way of its own, or an early"
            " version of robench made its certificates."
        )
    share = find_required_share(info.votes, info.queries, info.alpha)
    return (
        f"deployed, {name}: {info.votes:,} votes against an attack of at most {info.queries:,} queries on one text; the"
        f" label needs more than {share:.1%} of all copies, whatever the attack does. A certificate is wrong with a"
        f" chance of {2 * info.alpha:g} at most, of draws and votes together."
    )
