"""The options of a run, each defined once: its names on the command line and in Python, type, default and meaning.

How it works: each option is a field of a dataclass, with its default, and with everything else in its metadata
(:func:`~robench.study.run_option.run_option`). Three things are made from these fields: the parameters of ``robench
run`` and ``robench attack`` (:mod:`robench.cli.parameters`), the functions ``robench.run`` and ``robench.attack_model``
(:mod:`robench.api`), and the commands that robench prints (:mod:`robench.study.commands`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from robench.study.executor_options import ExecutorOptions
from robench.study.option_class import Options, option_words, run_options
from robench.study.presets import Existing
from robench.study.row_options import TASK, RowOptions
from robench.study.run_option import run_option
from robench.study.values import Jobs, Names, Numbers, Paths, Settings, as_tuple
from robench.study.victim_options import CallOptions, PromptOptions

THREADS = 2
"""Threads of a training, unless the user chose another number: alone on a small machine it is as fast as with all."""


@dataclass(frozen=True, kw_only=True)
class CommonOptions(RowOptions, ExecutorOptions, Options):
    """The options that ``robench run`` and ``robench attack`` share."""

    attack: Names = field(default=(), metadata=run_option("Names, or all.", letter="-a", default="the paper's"))
    preset: str = field(
        default="laptop",
        metadata=run_option("quick (minutes on two cores), laptop or paper; `robench list presets` describes them."),
    )
    seed: Numbers = field(
        default=42, metadata=run_option("Run everything once for each.", minimum=0, maximum=2**32 - 1)
    )
    settings: Settings | None = None
    precision: str = field(
        default="auto",
        metadata=run_option(
            "auto, fp32 or bf16; for your own model also native, the type that its weights are stored in. auto is bf16"
            " if the device is fast at it, but fp32 for your own model. Part of the result's key."
        ),
    )
    device: str = field(default="auto", metadata=run_option("auto, cpu or cuda."))
    jobs: Jobs = field(
        default="auto",
        metadata=run_option(
            "Units of work (trainings, parts of attacks) at a time. One runs in this process, several in processes of"
            " their own, which share a GPU. auto is one per core, as far as memory and GPU memory allow, and 1 for"
            " little work. Results do not depend on it.",
            minimum=1,
            maximum=1024,
        ),
    )
    threads: int = field(
        default=THREADS,
        metadata=run_option(
            "Threads for training on a CPU; part of the model's key, because weights depend on it.",
            metavar="N",
            minimum=1,
            maximum=1024,
        ),
    )
    workers: int | None = field(
        default=None,
        metadata=run_option(
            "Extra processes that search for attacks, while one process runs the model; 0 for none. They help if the"
            " model (on a GPU, or your own function) answers more than a few thousand queries a second. Otherwise use"
            " --jobs, which spreads both; the two exclude each other.",
            in_python='A script that uses them needs ``if __name__ == "__main__":``.',
            default="0, and up to 8 beside a GPU with one job",
            minimum=0,
        ),
    )
    trust_remote_code: bool = field(
        default=False,
        metadata=run_option(
            "Run code of others: Python files that a folder or Hub model brings, and the pinned pickles of attacks."
        ),
    )
    offline: bool = field(default=False, metadata=run_option("Fetch nothing."))

    @property
    def attacks(self) -> tuple[str, ...]:
        """Return the names of attacks."""
        return as_tuple(self.attack)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds, each once."""
        return tuple(dict.fromkeys(as_tuple(self.seed)))

    @property
    def changes(self) -> Settings:
        """Return the hyper-parameters that the user set."""
        return self.settings or {}

    def check_ranges(self) -> None:
        """Check all numbers against their ranges, and all names against their choices.

        Raises:
            RobenchError: one is out of its range, or no choice.
        """
        for name, option in run_options(type(self)).items():
            option.check(getattr(self, name))

    @classmethod
    def of(cls, options: CommonOptions, **more: Any) -> Self:
        """Make an instance of a subclass from the options that another class has in common with it.

        Args:
            options: the options to copy.
            more: values of other fields.
        """
        shared = [one.name for one in fields(cls) if hasattr(options, one.name)]
        return cls(**{name: getattr(options, name) for name in shared} | more)


@dataclass(frozen=True, kw_only=True)
class RunOptions(CommonOptions):
    """The options of ``robench run``."""

    task: Names = field(metadata=TASK)
    defense: Names = field(metadata=run_option("Names, or all.", letter="-d"))
    against: Names = field(
        default=(),
        metadata=run_option(
            "Train defenses that need adversarial texts against these attacks only, and run all of --attack on each"
            " such model.",
            in_help="Shows table worst.",
            default="one model for each attack, attacked by it",
        ),
    )
    encoder: str | None = field(
        default=None, metadata=run_option("minilm, a folder or a Hub id.", default="the preset's")
    )
    train_limit: int | None = field(
        default=None,
        metadata=run_option(
            "Training rows, at most.", default="the preset's", minimum=1, excess="leaves nothing to do"
        ),
    )
    settings: Settings | None = field(
        default=None,
        metadata=run_option(
            "Hyper-parameters of defenses, attacks and training.",
            in_help="As in taichi.temperature=0.5, training.epochs=5 or, for one defense, ada.training.epochs=5.",
            in_python=(
                'As in ``{"taichi": {"temperature": 0.5}, "training": {"epochs": 5}}`` or, for one defense,'
                ' ``{"ada": {"training": {"epochs": 5}}}``.'
            ),
            flag="--set",
            metavar="NAME.FIELD=VALUE",
        ),
    )

    @property
    def defenses(self) -> tuple[str, ...]:
        """Return the names of defenses."""
        return as_tuple(self.defense)

    @property
    def opponents(self) -> tuple[str, ...]:
        """Return the names of the attacks of ``against``."""
        return as_tuple(self.against)


@dataclass(frozen=True, kw_only=True)
class AttackOptions(PromptOptions, CallOptions, CommonOptions):
    """The options of ``robench attack``."""

    model: Any = field(
        kw_only=False,
        metadata=run_option(
            "Folder or Hub id of a Transformers sequence classifier, a PEFT adapter for one, or a language model"
            " (--prompt); or a Python function from a list of texts to scores, a row for each text, or a fitted"
            " scikit-learn pipeline.",
            in_help="Name a function or pipeline as module:name or FILE.py:name; docs/models.md shows each.",
            in_python='The function or the pipeline itself, or ``"module:name"``; or a pair of a Transformers model and'
            " its tokenizer, or a pipeline of Transformers.",
            letter="-m",
            metavar="MODEL",
        ),
    )
    test: str | Path | None = field(
        default=None,
        metadata=run_option(
            "Your own test rows instead of a task: a file with columns of texts and labels (.csv, .tsv, .jsonl,"
            " .parquet), a folder written by save_to_disk of `datasets`, or hf:ID of a data set on the Hub, with"
            " any of @REVISION, /CONFIG and :SPLIT. No training rows are needed.",
            metavar="FILE|hf:ID",
        ),
    )
    attack: Names = field(
        default=(),
        metadata=run_option(
            "Names, or all.",
            letter="-a",
            default="the paper's; with --test and --preset quick, only those without word vectors",
        ),
    )
    clean_limit: int | None = field(
        default=None,
        metadata=run_option(
            "Test rows that clean% is measured on, at most; part of the key if there are more.",
            default="all; fewer with --test and --preset quick",
            minimum=1,
            excess="leaves nothing to do",
        ),
    )
    name: str | None = field(
        default=None, metadata=run_option("The model's name in tables.", default="the end of its path, id or function")
    )
    label_order: Sequence[int] | None = field(
        default=None,
        metadata=run_option(
            "The model's column for each label of the task in turn; columns not named are left out.",
            default="by label names, if they match",
        ),
    )
    sigmoid: bool = field(
        default=False,
        metadata=run_option(
            "The model has one output, a logit whose sigmoid is the probability of the task's second label. Needed"
            " unless the model's configuration says so, because it might be a regression."
        ),
    )
    max_length: int | None = field(
        default=None,
        metadata=run_option(
            "Cut texts to this many tokens.",
            default="the model's own limit",
            minimum=3,
            excess="leaves no room for a token between the special ones",
        ),
    )
    version: str = field(
        default="",
        metadata=run_option(
            "Version of a function or endpoint. A function's results are found again by its source and that of your"
            " modules it uses, not by its weights: give another version when these change.",
            metavar="TEXT",
        ),
    )
    settings: Settings | None = field(
        default=None,
        metadata=run_option(
            "Hyper-parameters of attacks.",
            in_help="As in pwws.query_budget=500.",
            in_python='As in ``{"pwws": {"query_budget": 500}}``.',
            flag="--set",
            metavar="ATTACK.FIELD=VALUE",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class StoreOptions(Options):
    """The options of both commands about the runs folder, plug-ins, and existing results."""

    runs: str | Path = field(
        default="runs",
        metadata=run_option("Folder of results; none is computed twice.", metavar="DIR", variable="ROBENCH_RUNS"),
    )
    plugin: Paths = field(
        default=(), metadata=run_option("A Python file that registers a defense, attack or task.", metavar="FILE")
    )
    existing: Existing = field(
        default="only-missing",
        metadata=run_option(
            "only-missing, always (recompute; old results stay until the new ones are complete) or only-cache (compute"
            " nothing)."
        ),
    )
    retry_errors: bool = field(
        default=False,
        metadata=run_option(
            "Attack samples again that ended in an error, including those of adversarial training sets."
        ),
    )

    @property
    def plugins(self) -> tuple[Path, ...]:
        """Return the files of plug-ins."""
        return tuple(Path(file) for file in as_tuple(self.plugin))


def runs_options(runs: str | Path) -> list[str]:
    """Return the options that a printed command needs to use the same runs folder; none if it does so anyway."""
    default = os.environ.get(run_options(StoreOptions)["runs"].text.variable) or StoreOptions().runs
    return [] if Path(runs) == Path(default) else option_words(StoreOptions, runs=runs)
