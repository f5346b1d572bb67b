"""The contents of a paper's tables and figures, and their order, as typed data.

:mod:`robench.results.papers` reads them from ``leaderboards/<name>/paper.toml``, whose keys are the attributes below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

DEFAULT = "paper"
"""The paper whose tables and figures are made unless ``--paper`` names another."""
OTHERS = "*"
"""The place of all other names in a list that gives an order of names."""

TableKind = Literal[
    "methods",
    "datasets",
    "label-conflict",
    "accuracy",
    "encoders",
    "high-order",
    "quality",
    "matrix",
    "worst",
    "differences",
    "budget",
    "price",
    "flips",
    "correlation",
    "transfer",
    "certificates",
]
FigureKind = Literal["plane", "bars", "tradeoff", "budget", "front", "correlation"]


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table of a paper.

    A table of accuracies shows all tasks, defenses and attacks that have results; its own lists say what
    ``robench run --table`` makes. A table of label conflicts, encoders or high-order statistics shows only what its
    lists name, unless the user names something else.

    Attributes:
        number: its number in the paper.
        kind: ``methods``: what each registered defense trains on. ``datasets``: the registered tasks and their sizes.
            ``label-conflict``: clean accuracy by the texts that models were trained on. ``accuracy``: clean and under
            each attack, by task. ``encoders``: the same by encoder. ``high-order``: statistics of representations.
            The others are tables of robench and of no paper (:mod:`robench.report.tables.general_tables`).
        title: its heading, without the number.
        summary: one line about its contents.
        tasks: names of tasks; by default all tasks of the paper.
        attacks: names of attacks; by default all attacks of the paper.
        defenses: names of defenses, and ``before`` for the encoder before fine-tuning; empty for a table of methods or
            data sets.
        encoders: names of encoders; by default the first encoder of the paper.
    """

    number: str
    kind: TableKind
    title: str
    summary: str = ""
    tasks: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ()
    defenses: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """Return the title, with the number if there is one."""
        name = f"table {self.number}" if self.number.isdigit() else self.number
        heading = f"{name}: {self.title}" if name else self.title
        return heading[0].upper() + heading[1:]

    @property
    def is_measured(self) -> bool:
        """Return whether its numbers come from results of defenses."""
        return self.kind not in ("methods", "datasets")

    @property
    def trained_defenses(self) -> tuple[str, ...]:
        """Return its defenses without the encoder before fine-tuning, which is measured but not trained."""
        from robench.results.info import BEFORE  # imported late: it loads msgspec, which `robench --help` does not need

        return tuple(name for name in self.defenses if name != BEFORE)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A defense of a figure that is run once for each value of one of its fields, and drawn as a line.

    Attributes:
        defense: its registered name.
        field: name of the field.
        values: values of the field.
        symbol: the field's symbol in the label of a point.
        title: name of the line in the legend.
        caption: a description of the points that the line joins.
        ends: names of particular points, by the text of their value.
    """

    defense: str
    field: str
    values: tuple[float, ...]
    symbol: str
    title: str
    caption: str
    ends: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """A figure of a paper.

    Attributes:
        number: its number in the paper.
        kind: ``plane``: test samples and their adversarial counterparts in the plane of one classifier. ``bars``: clean
            accuracy and accuracy under each attack. ``tradeoff``: accuracy under attack against clean accuracy, along a
            sweep. The others are figures of robench and of no paper (:mod:`robench.report.figures.general_figures`).
        title: its heading.
        summary: one line about its contents.
        task: name of its task.
        attacks: names of attacks; empty for all that have results.
        defenses: names of defenses, in the order in which they are drawn.
        sweep: the sweep of a ``tradeoff``; None for other kinds.
        notes: sentences, without their full stop, that a reader needs to compare it with the paper's.
    """

    number: str
    kind: FigureKind
    title: str
    summary: str
    task: str
    attacks: tuple[str, ...] = ()
    defenses: tuple[str, ...] = ()
    sweep: Sweep | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_about_one_attack(self) -> bool:
        """Return whether a figure of this kind shows exactly one attack."""
        return self.kind in ("plane", "tradeoff")


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper whose tables and figures robench makes.

    Attributes:
        name: its name for ``--paper``: a folder of ``leaderboards/``, or the path of a user's folder.
        folder: the folder of its files.
        title: title of the publication.
        tasks: names of tasks, in the paper's order.
        attacks: names of attacks, in the order of the columns; a run that names no attack takes these.
        encoders: names of encoders, in the paper's order.
        defense_order: names of defenses, in the order of the rows; all others stand at :data:`OTHERS`.
        compared: the defense that tables compare with the best of the others.
        ablations: parts and variants of the compared defense, which are left out of that comparison.
        training: training settings of the paper, by name; empty if it does not state them.
        is_invented: whether it is an example, whose numbers nobody measured.
        drawings: numbers of its figures that show no results.
        first_run: options of a short ``robench run``, suggested if there are no results yet.
        tables: tables by number.
        figures: figures by number.
    """

    name: str
    folder: Traversable
    title: str
    tasks: tuple[str, ...]
    attacks: tuple[str, ...]
    encoders: tuple[str, ...]
    defense_order: tuple[str, ...]
    compared: str
    ablations: tuple[str, ...] = ()
    training: Mapping[str, float] = field(default_factory=dict)
    is_invented: bool = False
    drawings: tuple[str, ...] = ()
    first_run: str = ""
    tables: Mapping[str, PaperTable] = field(default_factory=dict)
    figures: Mapping[str, PaperFigure] = field(default_factory=dict)

    @property
    def first_accuracy_table(self) -> PaperTable:
        """Return the first table of accuracies; a table without a number if the paper has none."""
        default = PaperTable(number="", kind="accuracy", title="accuracy on clean samples and under attack, in %")
        return next((table for table in self.tables.values() if table.kind == "accuracy"), default)

    @property
    def options(self) -> list[str]:
        """Return the options that name the paper in a command: none for the default paper."""
        return [] if self.name == DEFAULT else ["--paper", self.name]

    @property
    def file_prefix(self) -> str:
        """Return the beginning of its figures' file names, which distinguishes them from the default paper's."""
        return "" if self.name == DEFAULT else f"{Path(self.name).name}-"


def rank(name: str, order: Sequence[str]) -> tuple[int, str]:
    """Return the sort key of a name.

    Args:
        name: the name.
        order: names in order. A name that is not among them stands at :data:`OTHERS`, or at the end if there is none;
            several such names are in alphabetical order.
    """
    if name in order:
        return order.index(name), name
    return (order.index(OTHERS) if OTHERS in order else len(order)), name
