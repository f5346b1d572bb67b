"""The options about the rows of a run: where they are, and how many are used; see :mod:`robench.study.options`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from robench.study.run_option import run_option
from robench.study.values import Names, Split, as_tuple

TASK = run_option(
    "Names, or all; or ./FOLDER of your own with {train,dev,test} files (.tsv, .csv, .jsonl, .parquet), or of what"
    " save_to_disk of `datasets` wrote.",
    letter="-t",
)
"""The texts of the option ``--task``, which one of the commands needs."""


@dataclass(frozen=True, kw_only=True)
class RowOptions:
    """The options about rows that ``robench run`` and ``robench attack`` share."""

    task: Names = field(default=(), metadata=TASK)
    text: str | None = field(
        default=None,
        metadata=run_option(
            "Of your own rows: the column of texts.", default="the only one with a usual name", metavar="COLUMN"
        ),
    )
    label: str | None = field(
        default=None,
        metadata=run_option(
            "Of your own rows: the column of labels, as names, numbers from 0, or true and false.",
            default="the only one with a usual name",
            metavar="COLUMN",
        ),
    )
    labels: Names = field(
        default=(),
        metadata=run_option(
            "Of your own rows: the labels, in the order of the model's columns; a file with numbers gets these names.",
            default="the file's own order, else numbers or the alphabet",
        ),
    )
    attack_limit: int | None = field(
        default=None,
        metadata=run_option(
            "Most attacked test samples; results of a smaller sample are used again in a larger one.",
            default="the preset's",
            minimum=1,
            excess="leaves nothing to do",
        ),
    )
    clean_limit: int | None = field(
        default=None,
        metadata=run_option(
            "Most test rows that clean% is measured on; part of the key if there are more.",
            default="all of them",
            minimum=1,
            excess="leaves nothing to do",
        ),
    )
    split: Split = field(
        default="test",
        metadata=run_option("test, or dev to attack development rows, which leaves the test rows unseen."),
    )
    data: str | Path | None = field(
        default=None,
        metadata=run_option(
            "Folder with TASK/train.tsv, dev.tsv and test.tsv (or .csv, .jsonl, .parquet). Also ROBENCH_DATA.",
            metavar="DIR",
        ),
    )

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the names of tasks."""
        return as_tuple(self.task)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Return the labels of the user's own rows."""
        return as_tuple(self.labels)

    @property
    def data_dir(self) -> Path | None:
        """Return the folder of data."""
        return None if self.data is None else Path(self.data)
