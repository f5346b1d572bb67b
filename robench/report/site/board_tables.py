"""Tables of boards as readers sort and filter them: defenses, the entries behind them, and an attack on all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from robench.report.pages.phrases import join_names
from robench.report.rendering import texts
from robench.report.site.board import MEAN, Board, BoardRow, training_attack
from robench.report.site.links import defense_page, entry_page
from robench.report.site.parts import Head, Item, Line, SortableTable
from robench.report.tables.comparison import add_interval
from robench.report.tables.legend import FEW_SEEDS, UNPAIRED, describe_intervals
from robench.report.tables.model import CLEAN, WORST, Cell, Column
from robench.report.tables.quality import COLUMNS, quality_cells
from robench.results.cells import Result, find_shared_models
from robench.results.entry_form import Entry
from robench.results.flags import FLAGS, UNLEARNED
from robench.results.intervals import LEVEL
from robench.results.labels import MODEL_LEGEND

RANK = Head("rank", "by the marked column; equal numbers share a rank")
_MEANINGS = {
    WORST: "share of the attacked texts on which one model survives every attack that ranks the board",
    MEAN: "mean of the accuracies under the attacks that rank the board",
    CLEAN: "accuracy on clean texts of the test split",
}
_FILTERS = ("defense", "trained on", "options")
_SURE = "Bold: what a paired test cannot tell from the best of its column."


def board_table(board: Board, name: str, places: Sequence[BoardRow] | None = None) -> SortableTable:
    """Make the table of a board.

    Args:
        board: the board.
        name: anchor of the table.
        places: some of its defenses; all if it is None.
    """
    shown = board.places if places is None else places
    heads = [
        RANK,
        Head("defense", is_text=True),
        *(
            _head(column.name, _MEANINGS.get(column.name, f"accuracy under {column.name}"), by=column.name == board.by)
            for column in board.columns
        ),
        Head("seeds"),
        Head("entries"),
    ]
    return SortableTable(
        name=name,
        caption=f"In %, ranked by {describe_ranking(board)}. {_SURE}",
        heads=heads,
        lines=[_board_line(board, place) for place in shown],
        header=1,
        filters=_FILTERS,
        below=_describe_marks(board, shown),
        label=board.title,
    )


def _head(name: str, meaning: str, *, by: bool = False) -> Head:
    """Return a column; what stands in brackets behind the name of an attack stands apart from it."""
    start, bracket, rest = name.partition(" (")
    return Head(start, meaning, aside=f"({rest}" if bracket else "", by=by)


def describe_ranking(board: Board) -> str:
    """Say in words which column ranks a board."""
    attacks = join_names(board.ranking)
    return {
        WORST: f"the accuracy of one model under the worst of {attacks}",
        MEAN: f"the mean of the accuracies under {attacks}",
    }.get(board.by, f"the accuracy under {board.by}")


def _board_line(board: Board, place: BoardRow) -> Line:
    row = place.row
    marks = [FLAGS[flag] for flag in row.flags if FLAGS[flag].mark]
    label = Item(
        row.label,
        order=row.label,
        aside=" ".join(flag.mark for flag in marks),
        href=defense_page(row.name),
        title="; ".join(f"{flag.mark} {flag.meaning}" for flag in marks),
    )
    numbers = [number_item(cell, column) for cell, column in zip(row.cells, board.columns, strict=True)]
    count, page = len(place.entries), board.entries_page
    entries = Item(
        str(count), order=count, href=entry_page(place.entries[0]) if count == 1 else f"{page}#{anchor(board, place)}"
    )
    rank = Item(texts.DASH if place.rank is None else str(place.rank), order=place.rank or 10**6)
    seeds = Item(texts.seeds_text(row), order=len(row.seeds))
    return Line(
        [rank, label, *numbers, seeds, entries],
        facets=(
            row.name,
            "texts of the attack" if row.per_attack else "clean texts",
            "changed" if row.is_changed else "as they come",
        ),
        unranked=place.rank is None,
    )


def number_item(cell: Cell, column: Column) -> Item:
    """Return a number with its interval, sorted by the number; one that is not known comes last."""
    known = cell.value is not None
    return Item(
        texts.value_text(cell, column),
        order=round(float(cell.value or 0), 6) if known else -1,
        aside=texts.interval_text(cell, column),
        best=cell.best,
    )


def anchor(board: Board, place: BoardRow) -> str:
    """Return the anchor of a defense's first entry on the page of all entries."""
    return f"place{board.places.index(place) + 1}"


def _describe_marks(board: Board, places: Sequence[BoardRow]) -> list[str]:
    """Return how to read the table: what it is ranked by and why, and what its marks mean."""
    rows = [place.row for place in places]
    cells = [cell for row in rows for cell in row.cells]
    lines = [*describe_intervals(cells, f"{100 * LEVEL:g} %")]
    if board.few_seeds:
        lines.append(f"{FEW_SEEDS}.")
    if board.unpaired:
        lines.append(UNPAIRED)
    lines += _describe_means(board, places)
    if any(r.info.is_crossed for place in places for r in place.results):
        lines.append(MODEL_LEGEND)
    if board.by == MEAN and board.lacking:
        names = ", ".join(board.lacking[:4]) + (f" and {len(board.lacking) - 4} more" if board.lacking[4:] else "")
        lines.append(
            f"Not by the worst attack, since no single model of {names} met all of these attacks: a defense that is"
            " trained once for each attack stands here with the model that knows the attack."
        )
    if any(place.rank is None for place in places):
        lines.append("Without a rank: what did not meet every one of these attacks, or has learned nothing (†).")
    if any(not cell.learned for cell in cells):
        lines.append(f"†: {UNLEARNED}; compared with nothing.")
    flags = dict.fromkeys(flag for row in rows for flag in row.flags if FLAGS[flag].mark)
    return [*lines, *(f"{FLAGS[flag].mark}: {FLAGS[flag].meaning}." for flag in flags)]


def _describe_means(board: Board, places: Sequence[BoardRow]) -> Iterator[str]:
    """Yield which models the means of a defense with several models are over, and which stand under each attack."""
    by_models: dict[tuple[str, ...], list[str]] = {}
    for place in places:
        if place.row.per_attack and len({r.column for r in place.results if not r.info.is_crossed}) > 1:
            shared = dict.fromkeys(board.attacks[r.column].text for r in find_shared_models(place.results))
            by_models.setdefault(tuple(shared), []).append(place.row.label)
    for attacks, names in by_models.items():
        over = "all of these models, of other attacks with each seed"
        if attacks:
            over = f"those that all seeds have: trained against {join_names(attacks)}"
        yield (
            f"{join_names(names)}: a model for each attack, which stands below that attack. The other numbers are means"
            f" over {over}."
        )


def entries_table(board: Board) -> SortableTable:
    """Make the table of all entries of a board, a row for each trained model."""
    titles = {column: label.text for column, label in board.attacks.items()}
    heads = [
        Head("entry", is_text=True),
        Head("trained against", is_text=True),
        Head("seed"),
        Head(CLEAN, _MEANINGS[CLEAN]),
        *(_head(title, f"accuracy under {title}") for title in titles.values()),
        Head("made by", "reported by its author, or run again by another one", is_text=True),
    ]
    lines = []
    for place in board.places:
        by_entry: dict[str, list[Result]] = {entry.key: [] for entry in place.entries}
        for result in place.met:
            if result.entry is not None:
                by_entry[result.entry.key].append(result)
        for number, entry in enumerate(place.entries):
            name = anchor(board, place) if number == 0 else ""
            lines.append(_entry_line(place, entry, by_entry[entry.key], list(titles), name))
    return SortableTable(
        name="entries",
        caption=f"All entries of {board.title}: accuracies in %",
        heads=heads,
        lines=lines,
        filters=("defense", "trained against"),
    )


def _entry_line(place: BoardRow, entry: Entry, results: Sequence[Result], columns: Sequence[str], name: str) -> Line:
    by_column = {r.column: r for r in results}
    clean = Fraction(entry.clean.correct, entry.clean.n)
    numbers = [number_item(Cell(clean), Column(CLEAN))]
    for column in columns:
        result = by_column.get(column)
        numbers.append(number_item(Cell(result.accuracy_under_attack if result else None), Column("")))
    against = training_attack(entry) or "clean texts alone"
    return Line(
        [
            Item(place.row.label, href=entry_page(entry)),
            Item(against),
            Item(str(entry.seed), order=entry.seed),
            *numbers,
            Item(describe_mark(entry)),
        ],
        facets=(place.defense, against),
        name=name,
    )


def describe_mark(entry: Entry) -> str:
    """Say who made an entry."""
    return f"rerun by {entry.rerun_by}" if entry.rerun_by else entry.mark


def attack_table(board: Board, column: str, name: str) -> SortableTable:
    """Make the table of one attack on all defenses of a board.

    Args:
        board: the board.
        column: identity of the attack.
        name: anchor of the table.
    """
    met = []
    for place in board.places:
        results = [r for r in place.results if r.column == column]
        if results:
            cells = [
                add_interval(c, k, LEVEL) for c, k in zip(quality_cells(board.reader, results), COLUMNS, strict=True)
            ]
            met.append((place, cells))
    met.sort(key=lambda one: (one[1][1].value is None, -(one[1][1].value or 0), one[0].row.label))
    heads = [Head("defense", is_text=True), *(Head(column.name, _QUALITY.get(column.name, "")) for column in COLUMNS)]
    lines = [
        Line(
            [
                Item(place.row.marked_label, order=place.row.label, href=defense_page(place.defense)),
                *(number_item(cell, one) for cell, one in zip(cells, COLUMNS, strict=True)),
            ]
        )
        for place, cells in met
    ]
    title = board.attacks[column].text
    return SortableTable(name=name, caption=f"{title} on {board.title}", heads=heads, lines=lines)


_QUALITY = {
    CLEAN: _MEANINGS[CLEAN],
    "attack%": "share of the attacked texts that stay right",
    "success rate%": "share of the texts that were right before and are wrong after the attack",
    "queries": "mean number of texts that the attack asks the model about",
    "words changed%": "mean share of replaced or removed words where the attack succeeded",
    "similarity": "mean cosine of a text before and after, where the attack succeeded",
}
