"""What the tables and figures of a paper show, and in which order, as typed data.

:mod:`robench.results.papers` reads it from ``leaderboards/<name>/paper.toml``, whose keys are the attributes below.
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
"""In an order of names: the place of all that are not named."""

TableKind = Literal["methods", "datasets", "label-conflict", "accuracy", "encoders", "high-order", "quality"]
FigureKind = Literal["plane", "bars", "tradeoff"]


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table of a paper.

    A table of accuracies shows all tasks, defenses and attacks that have results; its names say what has to be run. One
    of label conflicts, encoders or high-order statistics shows the named ones alone, unless a user names others.

    Attributes:
        number: as the paper has it.
        kind: ``methods``: what each registered defense trains on. ``datasets``: the registered tasks, counted.
            ``label-conflict``: clean accuracy by the texts that models were trained on. ``accuracy``: clean and under
            each attack, by task. ``encoders``: the same by encoder. ``high-order``: statistics of representations.
            ``quality``: what each attack did to a text, which is a table of robench and of no paper.
        title: its heading, behind the number.
        summary: what it shows, in a line.
        tasks: the tasks that it is about; by default all of the paper's.
        attacks: likewise.
        defenses: the defenses that it is about, and ``before`` for the encoder before fine-tuning; empty for a table
            of methods or data sets.
        encoders: those that it is run with; by default the first of the paper's.
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
        """The title with the number, if it has one."""
        name = f"table {self.number}" if self.number.isdigit() else self.number
        heading = f"{name}: {self.title}" if name else self.title
        return heading[0].upper() + heading[1:]

    @property
    def is_measured(self) -> bool:
        """Whether its numbers come from results of defenses."""
        return self.kind not in ("methods", "datasets")

    @property
    def trained_defenses(self) -> tuple[str, ...]:
        """Its defenses, without the encoder before fine-tuning, which is measured but not trained."""
        from robench.results.info import BEFORE  # whose library the command line's help should not load

        return tuple(name for name in self.defenses if name != BEFORE)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A defense of a figure that is run once for each value of one of its fields, and drawn as a line.

    Attributes:
        defense: its registered name.
        field: the field that is swept.
        values: of the field.
        symbol: what the field is called beside a point.
        title: what the line is called in the legend.
        caption: what the line joins.
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
        number: as the paper has it.
        kind: ``plane``: test samples and their adversarial counterparts in the plane of one classifier. ``bars``: clean
            accuracy and accuracy under each attack. ``tradeoff``: one against the other, along a sweep.
        title: its heading.
        summary: what it shows, in a line.
        task: the task that it is about.
        attacks: the attacks that it is about; empty for all that have results.
        defenses: the defenses, in the order in which they are drawn.
        sweep: of a ``tradeoff``.
    """

    number: str
    kind: FigureKind
    title: str
    summary: str
    task: str
    attacks: tuple[str, ...] = ()
    defenses: tuple[str, ...] = ()
    sweep: Sweep | None = None

    @property
    def is_about_one_attack(self) -> bool:
        """Whether figures of this kind are about one attack."""
        return self.kind in ("plane", "tradeoff")


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper whose tables and figures robench makes.

    Attributes:
        name: what ``--paper`` calls it: a folder of ``leaderboards/``, or the path of a user's own.
        folder: where its files are.
        title: of the publication.
        tasks: in the paper's order.
        attacks: in the order of its columns; also the attacks of a run that names none.
        encoders: in the paper's order.
        defense_order: order of rows; those that are not named stand at :data:`OTHERS`.
        compared: the defense that tables compare with the best of the others.
        ablations: parts and variants of the compared defense, which take no part in that comparison.
        training: settings that the paper trained with, by name; empty if it does not say.
        drawings: numbers of its figures that show no results.
        first_run: options of a short ``robench run``, for whoever has no results yet.
        tables: by number.
        figures: likewise.
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
    drawings: tuple[str, ...] = ()
    first_run: str = ""
    tables: Mapping[str, PaperTable] = field(default_factory=dict)
    figures: Mapping[str, PaperFigure] = field(default_factory=dict)

    @property
    def accuracy_table(self) -> PaperTable:
        """The first table of accuracies; a plain one if the paper has none."""
        plain = PaperTable(number="", kind="accuracy", title="accuracy on clean samples and under attack, in %")
        return next((table for table in self.tables.values() if table.kind == "accuracy"), plain)

    @property
    def options(self) -> list[str]:
        """The options that name it in a command: none for the paper that is the default."""
        return [] if self.name == DEFAULT else ["--paper", self.name]

    def command(self, *words: str) -> str:
        """Return a command of robench about it, ``robench table 5`` for example."""
        return " ".join(["robench", *words, *self.options])

    @property
    def file_prefix(self) -> str:
        """What tells the files of its figures from those of the default paper."""
        return "" if self.name == DEFAULT else f"{Path(self.name).name}-"


def rank(name: str, order: Sequence[str]) -> tuple[int, str]:
    """Return the sort key of a name.

    Args:
        name: to sort.
        order: the names that are ordered. Others stand at :data:`OTHERS` if it is among them, else behind, by name.
    """
    if name in order:
        return order.index(name), name
    return (order.index(OTHERS) if OTHERS in order else len(order)), name
