"""A table as data: typed cells in rows in blocks, complete before it is formatted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from robench.results.flags import FLAGS, FlagName
from robench.results.intervals import Interval
from robench.results.sample_reader import Samples

Unit = Literal["percent", "number", "count", "text"]

CLEAN = "clean%"
"""Heading of the accuracy on clean texts."""
WORST = "worst%"
"""Heading of the accuracy under the worst of all attacks."""


@dataclass(frozen=True)
class Column:
    """A column: what its cells are.

    Attributes:
        name: heading.
        unit: ``percent``: a share from 0 to 1, shown in percent; ``number`` and ``count`` (whole) are shown as they
            are; ``text`` has no numbers.
        digits: behind the point.
        better: which of two numbers wins; None if neither does.
        key: its name among published numbers; the heading, if empty.
        attack: registered name of its attack, whichever form the attack's resources have; empty if another field of the
            attack is changed, or if it has none of its own.
        wraps: whether a page may set its texts in several lines.
        signed: whether a number that is not negative has a sign, too, where people read it.
        is_chance: whether its numbers are chances, of which people are shown none as 0.
    """

    name: str
    unit: Unit = "percent"
    digits: int = 1
    better: Literal["higher", "lower"] | None = "higher"
    key: str = ""
    attack: str = ""
    wraps: bool = False
    signed: bool = False
    is_chance: bool = False


@dataclass(frozen=True)
class MaskedShare:
    """The share of the samples that an attack fails on and that other ways fool, see ``results/search_masked``.

    Attributes:
        share: of the samples that the attack fails on, 0 to 1, averaged over seeds.
        low: lower bound of its interval.
        reference: the same share of the reference defense.
        fooled: samples of all seeds that another way fools.
        withstood: samples of all seeds that the attack fails on.
        ways: the other ways.
        is_flagged: whether ``low`` is above ``reference``, so that the accuracy under attack is too high.
    """

    share: float
    low: float
    reference: float
    fooled: int
    withstood: int
    ways: tuple[str, ...]
    is_flagged: bool


@dataclass(frozen=True)
class Cell:
    """One number, or text, of a table.

    Attributes:
        value: in the column's unit, the mean over seeds; None if there is no number.
        text: of a cell without a number.
        sd: sample standard deviation (n - 1) over seeds; None with fewer than two.
        seeds: whose results are in it.
        by_seed: the number of each seed; empty if it is not shown.
        interval: of a share; None if there is none or it is not shown.
        is_compared: whether it takes part in the comparisons of its column and block, see
            :func:`~robench.report.tables.comparison.compare_block`.
        best: whether it is compared with others of its column and block, and it is the best of them or, of a share,
            cannot be told from the best.
        is_paired: whether a test can compare it with the best: they share samples of a seed.
        is_ahead: whether a test tells it from the best, and for the better, of the seeds that both have.
        difference: to the best other defense of the block, of the compared defense.
        p: of a comparison with the compared defense, or of that defense with the best other, adjusted by Holm's method
            for the column of the block; None if there is no test.
        is_claim: whether ``difference`` is told from none by that p.
        n: samples of each seed.
        learned: whether every model behind it has learned something, see :class:`robench.results.cells.Result`; a
            number of one that has not is shown, and compared with no other.
        published: the published number, in the column's unit, if it is shown and there is one.
        errors: samples of all seeds that ended in an error and are no part of the number.
        samples: samples of all seeds.
        masked: of an accuracy under attack, what other ways of fooling the model find; None if that is not known.
        measured: samples of each seed that were right or wrong, of a share of such samples; else 0.
        outcomes: outcomes of single samples by seed, of a share; None if they are not known.
        least: the share if samples that ended in an error count as wrong; None if that is not known.
    """

    value: Fraction | None = None
    text: str = ""
    sd: float | None = None
    seeds: tuple[int, ...] = ()
    by_seed: tuple[Fraction, ...] = ()
    interval: Interval | None = None
    is_compared: bool = False
    best: bool = False
    is_paired: bool = False
    is_ahead: bool = False
    difference: Fraction | None = None
    p: float | None = None
    is_claim: bool = False
    n: int = 0
    learned: bool = True
    published: Fraction | None = None
    errors: int = 0
    samples: int = 0
    masked: MaskedShare | None = None
    measured: int = 0
    outcomes: Mapping[int, Samples] | None = field(default=None, compare=False, repr=False)
    least: Fraction | None = None

    @property
    def has_many_errors(self) -> bool:
        """Return whether more than 1 % of the samples ended in an error, which may have changed the number."""
        return 100 * self.errors > self.samples

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of a whisker in percent: the interval, or of two seeds both values; else the number twice."""
        if self.interval is not None:
            return 100 * self.interval.low, 100 * self.interval.high
        values = self.by_seed or (self.value or Fraction(),)
        return float(100 * min(values)), float(100 * max(values))

    @property
    def less_published(self) -> Fraction | None:
        """Our number less the published one, if there are both."""
        return None if self.value is None or self.published is None else self.value - self.published


@dataclass(frozen=True)
class Row:
    """A defense, or a task; ``cells`` has one for each column of the table.

    Attributes:
        label: name, with the hyper-parameters that were changed and, if that is ambiguous, those that a preset chose or
            the start of the key of one of its models.
        name: registered name.
        per_attack: whether a model is trained for each attack.
        clean_n: samples of the clean accuracy.
        attacked_n: samples of each attack.
        seeds: of all cells.
        is_plain: whether its label is the name of a defense, with no field changed, or of a task.
        is_changed: whether a field of the defense is changed, whichever attack its model was trained against.
        flags: what a reader has to know of its results, see :mod:`robench.results.flags`.
        identity: of its defense, which rows of other tables share only if they are about the same one, whatever their
            labels are; empty if it is not known.
    """

    label: str
    name: str
    cells: tuple[Cell, ...]
    per_attack: bool = False
    clean_n: int | None = None
    attacked_n: int | None = None
    seeds: tuple[int, ...] = ()
    is_plain: bool = True
    is_changed: bool = False
    flags: tuple[FlagName, ...] = ()
    identity: str = ""

    @property
    def marked_label(self) -> str:
        """Return the label with the marks of its flags."""
        return " ".join([self.label, *(FLAGS[flag].mark for flag in self.flags if FLAGS[flag].mark)])


@dataclass(frozen=True)
class Block:
    """Rows that can be compared: everything but defense, attack and seed is the same.

    Attributes:
        task: its task; empty if each row has a task of its own, or none.
        heading: what sets the block apart from others; empty if it is the only one.
        setting: what its rows share, by name.
        attack: registered name of the attack that its rows share, as in :class:`Column`.
        attacks: titles of the attacks that its rows met, of a table of several.
        identity: of what its results share, as :attr:`robench.results.cells.Result.block`; empty if that is not known.
        smallest: for each column the smallest difference from the best, a share, that is found with a chance of 80 %;
            None without a test, infinite if so few samples find none. Empty before rows are compared.
        is_tested: whether a cell was compared with the best of its column sample by sample.
        unpaired: cells that could not be compared with the best sample by sample.
        few_seeds: cells that take no part in comparisons, since they have too few seeds and others have enough.
        ablations: names of rows that take no part where the defense is compared whose ablations they are.
    """

    task: str
    heading: str
    rows: tuple[Row, ...]
    setting: Mapping[str, Any] = field(default_factory=dict)
    attack: str = ""
    attacks: tuple[str, ...] = ()
    identity: str = ""
    smallest: tuple[float | None, ...] = ()
    is_tested: bool = False
    unpaired: int = 0
    few_seeds: int = 0
    ablations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table, ready to be formatted.

    Attributes:
        name: its number in the paper; ``quality`` is one of ours.
        caption: what all blocks share.
        legend: how to read it.
        notes: what readers have to know about the data.
        commands: what to run to fill the dashes.
        row_kind: what a row is, the heading of its names: ``defense``, ``task``, ``model``, ``attack`` and others.
        is_measured: whether its numbers are means over samples and seeds, which are then shown.
        samples: whether their numbers are shown beside each row; not if the caption says enough.
        against: the paper whose published numbers stand beside ours; empty for none.
        intervals: whether cells of shares have intervals.
        compared: the defense that the others are compared with; empty for none.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    legend: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    row_kind: str = "defense"
    is_measured: bool = True
    samples: bool = True
    against: str = ""
    intervals: bool = False
    compared: str = ""
