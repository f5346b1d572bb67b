"""Tables for Python and notebooks: what ``robench table`` shows, as an object that draws itself."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from robench.paths import anchor_paths
from robench.report.data_frames import make_selection
from robench.report.rendering import render
from robench.report.rendering.html import as_fragment
from robench.report.tables import TableOptions, make
from robench.report.tables.model import Table
from robench.results.entry_store import open_results
from robench.results.intervals import LEVEL
from robench.results.paper_contents import DEFAULT
from robench.study.option_class import changed_words
from robench.study.options import StoreOptions
from robench.study.values import Names, Numbers, read_value


@dataclass(frozen=True, repr=False)
class TableView(Table):
    """A table that a notebook draws, and that Python shows as text."""

    def __repr__(self) -> str:
        """Return the table as text."""
        return render(self, "rich").rstrip()

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        return as_fragment(self)


def table(
    number: int | str,
    *,
    runs: str | Path = "runs",
    paper: str = DEFAULT,
    against: str | None = None,
    compare: str | None = None,
    intervals: bool = True,
    level: float = LEVEL,
    task: Names = (),
    defense: Names = (),
    attack: Names = (),
    encoder: Names = (),
    preset: Names = (),
    seed: Numbers = (),
    plain: bool = False,
    data: str | Path | None = None,
    offline: bool = False,
) -> TableView:
    """Make a table of what a runs folder holds; a notebook draws it, and Python shows it as text.

    Example:
        The accuracies of two defenses under one attack:

        >>> import robench
        >>> shown = robench.table("5", runs=runs, defense=["base", "taichi"], attack="pwws")
        >>> [row.label for row in shown.blocks[0].rows]
        ['base', 'taichi']
        >>> print(shown)  # doctest: +ELLIPSIS
        Table 5: accuracy on clean samples and under attack, in %
        ...

    Args:
        number: the number of one of the paper's tables, or the name of another, such as ``quality``.
        runs: the runs folder.
        paper: the paper, by its name, or a folder with a ``paper.toml``.
        against: a paper, the same or another, whose published numbers stand beside ours.
        compare: the defense to compare with the others; the paper's by default.
        intervals: whether to show intervals.
        level: of intervals and tests.
        task: names; all by default.
        defense: likewise.
        attack: likewise.
        encoder: likewise.
        preset: likewise.
        seed: seeds; all by default.
        plain: whether to leave out forms of defenses with changed settings.
        data: the folder of data, for the table of data sets.
        offline: whether to fetch nothing, not even the data sets that are counted.

    Raises:
        RobenchError: an argument is not of its type, there is no such table, or the runs folder has nothing for it.
    """
    name: str = read_value("number", int | str, number, MISSING)
    place = StoreOptions(runs=runs)
    data = read_value("data", str | Path | None, data, None)
    filters = {"task": task, "defense": defense, "attack": attack, "encoder": encoder, "preset": preset}
    options = TableOptions(
        selection=make_selection(filters, seed, plain=read_value("plain", bool, plain, MISSING)),
        compare=read_value("compare", str | None, compare, None),
        intervals=read_value("intervals", bool, intervals, MISSING),
        level=read_value("level", float, level, MISSING),
        runs=str(place.runs),
        command_options=changed_words(place),
        data=None if data is None else Path(data),
        offline=read_value("offline", bool, offline, MISSING),
    )
    paper, against = read_value("paper", str, paper, MISSING), read_value("against", str | None, against, None)
    with anchor_paths():
        made = make(name, open_results(Path(place.runs)), paper=paper, against=against, **options)
    return TableView(**{one.name: getattr(made, one.name) for one in fields(made)})
