"""The options about the rows of a run: where they are, and how many are used; see :mod:`robench.study.options`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from robench.study.run_option import run_option
from robench.study.values import Names, Split, as_tuple

TASK = run_option(
    "Names, or all; or your own ./FOLDER with {train,dev,test} files (.tsv, .csv, .jsonl, .parquet), or written by"
    " save_to_disk of `datasets`.",
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
            "Column of texts in your own rows.", default="the only one with a usual name", metavar="COLUMN"
        ),
    )
    label: str | None = field(
        default=None,
        metadata=run_option(
            "Column of labels in your own rows: names, numbers from 0, or true and false.",
            default="the only one with a usual name",
            metavar="COLUMN",
        ),
    )
    labels: Names = field(
        default=(),
        metadata=run_option(
            "Labels of your own rows, in the order of the model's columns; numbers in a file get these names.",
            default="the file's own order, else numbers or the alphabet",
        ),
    )
    attack_limit: int | None = field(
        default=None,
        metadata=run_option(
            "Attacked test samples, at most; a larger sample reuses the results of a smaller one.",
            default="the preset's",
            minimum=1,
            excess="leaves nothing to do",
        ),
    )
    clean_limit: int | None = field(
        default=None,
        metadata=run_option(
            "Test rows that clean% is measured on, at most; part of the key if there are more.",
            default="all",
            minimum=1,
            excess="leaves nothing to do",
        ),
    )
    split: Split = field(
        default="test",
        metadata=run_option("test, or dev to attack development rows and leave the test rows unseen."),
    )
    data: str | Path | None = field(
        default=None,
        metadata=run_option(
            "Folder with TASK/train.tsv, dev.tsv and test.tsv (or .csv, .jsonl, .parquet). Or set ROBENCH_DATA.",
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
