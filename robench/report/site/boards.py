"""Boards: the defenses that can be compared, ranked, one board for each task, encoder and protocol.

How it works: results of entries are put into blocks as in all tables, so that only what differs in defense, attack and
seed alone shares a board. A row is a defense. Under each attack stands the number of its model; of a defense that is
trained once for each attack, that of the model which was trained against this one, as in table 5 of the TaiChi paper.
If it met an attack that none of its models was trained against, each of its models has a row of its own instead, as in
table ``worst``. ``worst%`` is about one model that met all attacks, so it is not known of every row. If it is, it ranks
the board; otherwise the mean over the attacks does, and the board says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from robench.escaping import slug
from robench.report.site.board import MEAN, Board, BoardRow, training_attack
from robench.report.site.board_titles import name_boards
from robench.report.tables.cells import attacked_cell, clean_cell, make_row, mean_cell, outcome_cell
from robench.report.tables.comparison import Comparison, compare_block
from robench.report.tables.layout import Layout
from robench.report.tables.model import CLEAN, WORST, Block, Cell, Column, Row
from robench.report.tables.worst import average_worst
from robench.results.adaptive import leave_out_adaptive
from robench.results.cells import Result, group, read_model_results, read_results
from robench.results.entries import list_cells
from robench.results.entry_form import Entry
from robench.results.labels import Label, model_labels, row_labels
from robench.results.paper_contents import Paper
from robench.results.papers import find_paper
from robench.results.sample_reader import SampleReader
from robench.results.samples import average
from robench.results.selection import leave_out_crossed
from robench.results.worst import WorstReader


def make_boards(entries: Sequence[Entry]) -> list[Board]:
    """Make the boards of some entries, in the paper's order of tasks.

    Raises:
        RobenchError: a built-in paper is broken.
    """
    cells = [cell for entry in entries for cell in list_cells(entry)]
    kept = leave_out_adaptive(cells, cells)
    if not kept:
        return []
    models, paper, reader = read_model_results(kept), find_paper(), SampleReader.of(kept)
    own = group(read_results(leave_out_crossed(kept)), lambda r: r.block)
    blocks = Layout.of(paper, models).blocks
    titles = name_boards([members[0] for members in blocks.values()])
    return [
        _Maker(paper, own.get(block, []), members, reader).make(title)
        for title, (block, members) in zip(titles, blocks.items(), strict=True)
    ]


def _find_split(models: Sequence[Result]) -> set[str]:
    """Return the defenses that met an attack which none of their models was trained against."""
    found = set()
    for defense, results in group(models, lambda r: r.defense_identity).items():
        trained_against = {r.column for r in results if not r.info.is_crossed}
        if any(r.column not in trained_against for r in results):
            found.add(defense)
    return found


class _Maker:
    """Makes one board.

    Args:
        paper: whose order of attacks it has.
        own: the results of the block, without those of models under other attacks than their own.
        models: all results of the block, a row for each model.
        reader: reads outcomes of single texts.
    """

    def __init__(self, paper: Paper, own: list[Result], models: list[Result], reader: SampleReader) -> None:
        self._split = _find_split(models)
        results = [r for r in own if not self._is_split(r)] + [r for r in models if self._is_split(r)]
        self._layout, self._reader = Layout.of(paper, results, label=self._label_rows), reader
        self._rows, self._columns = group(self._layout.results, lambda r: r.row), list(self._layout.columns)
        self._ranking = self._choose_ranking()
        in_ranking = [r for r in models if r.column in self._ranking and reader.columns(r.folder).id]
        self._models = group(in_ranking, lambda r: r.row if self._is_split(r) else r.defense_identity)
        self._worst = WorstReader(reader, in_ranking, self._ranking)

    def _is_split(self, result: Result) -> bool:
        """Return whether each model of a result's defense has a row of its own."""
        return result.defense_identity in self._split

    def _label_rows(self, results: Sequence[Result]) -> dict[str, Label]:
        whole = row_labels([r for r in results if not self._is_split(r)])
        return whole | model_labels([r for r in results if self._is_split(r)])

    def _choose_ranking(self) -> list[str]:
        """Return the attacks that at least half of the defenses met: one that few met would leave all others out.

        However many variants of a defense there are, it counts once.
        """
        met = {c: {r.defense.name for r in self._layout.results if r.column == c} for c in self._columns}
        needed = len({r.defense.name for r in self._layout.results}) / 2
        return [column for column in self._columns if len(met[column]) >= needed] or self._columns

    def make(self, title: str) -> Board:
        """Make the board, under a title."""
        first, labels = self._layout.results[0], self._layout.columns
        several = len(self._ranking) > 1
        ours = [Column(WORST), Column(MEAN)] if several else []
        columns = [*ours, Column(CLEAN), *(Column(labels[c].text, attack=labels[c].plain) for c in self._columns)]
        rows = {row: self._row(row, found, several=several) for row, found in self._rows.items()}
        by, lacking = self._choose_column(list(rows.values()))
        if by == WORST:  # nothing is ranked by the mean then, and the accuracies stand there, too
            kept = [i for i, column in enumerate(columns) if column.name != MEAN]
            columns = [columns[i] for i in kept]
            rows = {name: replace(row, cells=tuple(row.cells[i] for i in kept)) for name, row in rows.items()}
        where = [column.name for column in columns].index(by)
        order = sorted(rows, key=lambda row: _order(rows[row], where))
        block = Block(first.info.task, title, tuple(rows[row] for row in order))
        compared = compare_block(block, columns, Comparison(), intervals=True)
        values = [row.cells[where].value if row.cells[where].learned else None for row in compared.rows]
        digest = hashlib.sha256(first.block.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        return Board(
            name=f"{slug(f'{first.info.task}-{first.info.encoder.name}'.lower())}-{digest}",
            title=title,
            columns=columns,
            places=[
                BoardRow(row, _rank(value, values), self._rows[name], met, _entries_of(met))
                for name, row, value in zip(order, compared.rows, values, strict=True)
                for met in [self._all_of(name)]
            ],
            attacks={column: labels[column] for column in self._columns},
            ranking=[labels[column].text for column in self._ranking],
            by=by,
            lacking=lacking,
            reader=self._reader,
            few_seeds=compared.few_seeds,
            unpaired=compared.unpaired,
        )

    def _all_of(self, row: str) -> list[Result]:
        """Return the results of a row, and those of its models under other attacks than their own."""
        own = self._rows[row]
        others = self._find_models(own)
        there = {r.info.key for r in own}
        return [*own, *(r for r in others if r.info.key not in there)]

    def _find_models(self, found: list[Result]) -> list[Result]:
        """Return the results of all models of a row under the attacks of the ranking, as far as texts are known."""
        return self._models.get(found[0].row if self._is_split(found[0]) else found[0].defense_identity, [])

    def _row(self, row: str, found: list[Result], *, several: bool) -> Row:
        by_attack = [[r for r in found if r.column == column] for column in self._columns]
        cells = [clean_cell(self._reader, found), *(attacked_cell(self._reader, one) for one in by_attack)]
        if several:
            cells = [self._worst_cell(found), self._mean_cell(found), *cells]
        return make_row(found, self._layout.rows[row], tuple(cells))

    def _worst_cell(self, found: list[Result]) -> Cell:
        models = self._find_models(found)
        samples = average_worst(self._worst, models) if models else {}
        return outcome_cell(samples, [r for r in models if r.seed in samples]) if samples else Cell()

    def _mean_cell(self, found: list[Result]) -> Cell:
        """Return the mean over the attacks of the ranking, of each seed that has all of them."""
        values, outcomes = [], {}
        for seed, members in group(found, lambda r: str(r.seed)).items():
            met = {r.column: r for r in members if r.column in self._ranking}
            accuracies = [r.accuracy_under_attack for r in met.values() if r.accuracy_under_attack is not None]
            if len(accuracies) == len(self._ranking):
                values.append((int(seed), sum(accuracies, Fraction()) / len(accuracies)))
                read = [self._reader.attacked([(int(seed), r.folder)])[int(seed)] for r in met.values()]
                outcomes[int(seed)] = average(read)
        learned = all(r.has_learned for r in found)
        known = outcomes if outcomes and all(outcomes.values()) else None
        return mean_cell(values, found[0].attacked_n, learned=learned, measured=0, outcomes=known)

    def _choose_column(self, rows: Sequence[Row]) -> tuple[str, list[str]]:
        """Return the column that ranks the board, and the defenses that keep the worst attack from doing so."""
        if len(self._ranking) == 1:
            return self._layout.columns[self._ranking[0]].text, []
        complete = [row for row in rows if row.cells[1].value is not None]
        lacking = [row.label for row in complete if row.cells[0].value is None]
        return (WORST, []) if complete and not lacking else (MEAN, lacking)


def _order(row: Row, where: int) -> tuple[bool, bool, Fraction, str]:
    cell = row.cells[where]
    return cell.value is None, not cell.learned, -(cell.value or Fraction()), row.label


def _rank(value: Fraction | None, values: Sequence[Fraction | None]) -> int | None:
    return None if value is None else 1 + sum(one is not None and one > value for one in values)


def _entries_of(results: Sequence[Result]) -> list[Entry]:
    """Return the entries of some results, each once, by seed and the attack that the model was trained against."""
    found = {r.entry.key: r.entry for r in results if r.entry is not None}
    return sorted(found.values(), key=lambda entry: (training_attack(entry), entry.seed, entry.key))
