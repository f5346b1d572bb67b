"""Table ``certificates``: how many texts are certified to stay right, beside how many stay right under attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from robench.report.tables.cells import attacked_cell, clean_cell, outcome_cell
from robench.report.tables.layout import Layout
from robench.report.tables.model import Cell, Column, Table
from robench.report.tables.options import TableRequest
from robench.report.tables.own import CERTIFICATES
from robench.results import certificates
from robench.results.cells import Result, group, read_results
from robench.results.certificates import CERTIFICATES_FILE, Certificate
from robench.results.info import CellInfo, CertificatesInfo
from robench.results.sample_reader import SampleReader
from robench.results.selection import NoResultsError
from robench.results.store import StoredStage
from robench.study.commands import make_commands

CHANGES = (1, 2, 3, 5, 10)
"""Numbers of changed words with a column; those for which no text of the table is certified have none."""
LEGEND = (
    "clean%: correct / all test samples. certified%: attacked samples on which the model is right, and certified to"
    " stay right if any so many words are changed / all attacked samples. Attacks: accuracy under attack.",
)

Stages = Mapping[str, StoredStage[CertificatesInfo]]
"""Certificates by the key of their model."""


def certificates_table(
    cells: Sequence[StoredStage[CellInfo]], certified: Sequence[StoredStage[CertificatesInfo]], request: TableRequest
) -> Table:
    """Make a table of certified accuracies and accuracies under attack, by task.

    Args:
        cells: finished cells.
        certified: finished certificates.
        request: which table to make.

    Raises:
        NoResultsError: nothing is left to show.
        RobenchError: files of a cell or of certificates are missing or broken.
    """
    stages = _choose(certified)
    kept = [cell for cell in request.select(cells) if cell.info.model in stages]
    if not kept:
        raise NoResultsError(f"no model in {request.runs} has certificates: {request.hint}")
    layout = Layout.of(request.paper, read_results(kept))
    used = {key: stages[key] for key in dict.fromkeys(r.info.model for r in layout.results)}
    lines = {key: certificates.read(stage.folder / CERTIFICATES_FILE) for key, stage in used.items()}
    changes = [k for k in CHANGES if any(line.radius and line.holds(k) for found in lines.values() for line in found)]
    columns = [
        Column("clean%"),
        *(Column(f"certified%, {_count_words(k)}") for k in (0, *changes)),
        *(Column(label.text, attack=label.plain) for label in layout.columns.values()),
    ]
    reader = SampleReader.of(layout.results, request.reader)
    arranged, caption = layout.arranged(partial(_cells, reader, lines, (0, *changes)))
    return request.finish(
        arranged,
        columns,
        caption=caption,
        legend=(*LEGEND, *_describe(list(used.values()))),
        infos=(r.info for r in layout.results),
        commands=make_commands(layout.gaps(), ["--table", CERTIFICATES.number, *request.command_options]),
    )


def _choose(certified: Sequence[StoredStage[CertificatesInfo]]) -> dict[str, StoredStage[CertificatesInfo]]:
    """Return the certificates of each model; of several, those of most texts, then of most draws."""
    ordered = sorted(certified, key=lambda one: (one.info.n, one.info.draws, one.info.alpha, one.key))
    return {stage.info.model: stage for stage in ordered}


def _cells(
    reader: SampleReader,
    lines: Mapping[str, Sequence[Certificate]],
    changes: Sequence[int],
    found: Sequence[Result],
    columns: Sequence[str],
) -> tuple[Cell, ...]:
    models = [members[0] for members in group(found, lambda r: r.info.model).values()]
    certified = (
        outcome_cell({r.seed: {line.id: line.holds(k) for line in lines[r.info.model]} for r in models}, found)
        for k in changes
    )
    attacked = (attacked_cell(reader, [r for r in found if r.column == column]) for column in columns)
    return clean_cell(reader, found), *certified, *attacked


def _describe(stages: Sequence[StoredStage[CertificatesInfo]]) -> list[str]:
    """Say what the certificates of each defense cover, and how sure they are."""
    covered: dict[str, str] = {}
    for stage in stages:
        covered.setdefault(stage.info.defense.name, stage.info.covers)
    drawn = dict.fromkeys(
        f"{stage.info.draws:,} draws, each certificate wrong with a chance of {stage.info.alpha:g} at most"
        for stage in stages
    )
    return [
        *(f"Certificates of {name} cover {covers}." for name, covers in sorted(covered.items())),
        "They cover no words that are added, deleted or split, and are about the vote of all random copies, of which"
        f" the model draws some; {'; '.join(drawn)}.",
    ]


def _count_words(count: int) -> str:
    return f"{count} word" if count == 1 else f"{count} words"
