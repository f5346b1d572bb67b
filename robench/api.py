"""The Python interface: ``run`` and ``attack_model`` do what ``robench run`` and ``robench attack`` do.

Both are made from the options in :mod:`robench.study.options`: their signatures, which type checkers read from the
constructors of the two classes here, and their documentation. ``load_results`` reads what they left in a runs folder.
"""

from __future__ import annotations

import inspect
import textwrap
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from robench.bars import choose_reporter
from robench.errors import blame_foreign_code
from robench.paths import anchor_paths
from robench.plugins import registry
from robench.plugins.option import option_text
from robench.plugins.suggestions import explain_unknown
from robench.progress import SilentReporter
from robench.results.cells import Result, read_results
from robench.results.info import CellInfo
from robench.results.info_parts import PluginInfo
from robench.results.selection import Selection
from robench.results.store import RECORDS_FILE, Store, StoredStage
from robench.study.options import AttackOptions, RunOptions, StoreOptions, run_options
from robench.study.request import BaseRequest, Request
from robench.study.run_option import RunOption, run_option
from robench.study.runner import run_requests
from robench.study.values import Names, Numbers, as_tuple, read_value

if TYPE_CHECKING:
    import pandas

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class _Call(StoreOptions):
    """The arguments of a call of ``run`` or ``attack_model``."""

    progress: bool = field(
        default=True,
        metadata=run_option(
            "Whether to show bars (on a terminal) or lines on stderr. Notes and warnings are shown in any case."
        ),
    )

    @abstractmethod
    def request(self) -> BaseRequest:
        """Return the request."""

    def run(self) -> pandas.DataFrame:
        """Make the requested cells, and return them as a table."""
        from robench.console import Console

        with anchor_paths(), blame_foreign_code(registry.name_file):
            store = Store(Path(self.runs))
            for path in self.plugins:
                registry.load_plugin(path)
            request = self.request()
            reporter = choose_reporter(Console(stderr=True)) if self.progress else SilentReporter()
            return make_frame(run_requests([request], store, reporter, self.existing, retry_errors=self.retry_errors))


@dataclass(frozen=True, kw_only=True)
class _RunCall(_Call, RunOptions):
    """Train defenses, attack them, and return the results."""

    def request(self) -> BaseRequest:
        """Return the request."""
        return Request.of(self)


@dataclass(frozen=True, kw_only=True)
class _AttackCall(_Call, AttackOptions):
    """Attack a model that the caller brings, and return the results."""

    def request(self) -> BaseRequest:
        """Return the request; find its model first."""
        from robench.study.victim_request import VictimRequest

        request = VictimRequest.of(self)
        request.check()
        return request


def _make_function(name: str, call: Callable[P, _Call]) -> Callable[P, pandas.DataFrame]:
    """Make the function that runs a call, with the signature and the documentation of its options.

    Args:
        name: the name of the function.
        call: the class of its calls.
    """
    options = run_options(cast(type, call))
    signature = inspect.Signature([_parameter(one, call) for one in options.values()], return_annotation="DataFrame")

    def function(*args: P.args, **kwargs: P.kwargs) -> pandas.DataFrame:
        for keyword in kwargs:
            if keyword not in options:
                hint = f"see help(robench.{name})"
                raise TypeError(explain_unknown(f"argument of robench.{name}", keyword, list(options), hint))
        signature.bind(*args, **kwargs)  # raises an error that names a missing argument
        return call(*args, **kwargs).run()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "\n".join([f"{call.__doc__}\n", "Args:", *map(_documentation, options.values()), _ENDING])
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


_ENDING = """
Returns:
    One row per cell, with the columns of :func:`robench.api.make_frame`.

Raises:
    RobenchError: something that the caller can fix; the message says what.
"""


def _parameter(option: RunOption, call: Callable[..., _Call]) -> inspect.Parameter:
    kind = inspect.signature(call).parameters[option.name].kind
    default = inspect.Parameter.empty if option.required else option.default
    return inspect.Parameter(option.name, kind, default=default, annotation=option.hint)


def _documentation(option: RunOption) -> str:
    return textwrap.fill(
        f"{option.name}: {option.documentation}", 100, initial_indent=" " * 4, subsequent_indent=" " * 8
    )


run = _make_function("run", _RunCall)
attack_model = _make_function("attack_model", _AttackCall)


def load_results(
    runs: str | Path = "runs",
    *,
    task: Names = (),
    defense: Names = (),
    attack: Names = (),
    encoder: Names = (),
    preset: Names = (),
    seed: Numbers = (),
) -> pandas.DataFrame:
    """Load the cells of a runs folder as a table, which is the one that :func:`run` and :func:`attack_model` return.

    Example:
        The differences between seeds, without models that learned nothing::

            results = robench.load_results("runs", task="trec")
            results[results.has_learned].groupby(["defense", "attack"]).accuracy_under_attack.std()

    Args:
        runs: the runs folder.
        task: names; all by default.
        defense: names of defenses and of models; all by default.
        attack: names; all by default.
        encoder: names, as they were written; all by default.
        preset: names; all by default.
        seed: seeds; all by default.

    Returns:
        One row per cell, with the columns of :func:`robench.api.make_frame`.

    Raises:
        RobenchError: there are no such cells. A cell whose files are not as they were stored is left out, and named by
            a warning of the logger ``robench``.
    """
    store = Store(Path(read_value("runs", str | Path, runs, default="runs")))
    given = {"task": task, "defense": defense, "attack": attack, "encoder": encoder, "preset": preset}
    names = {f"{name}s": as_tuple(read_value(name, Names, value, default=())) for name, value in given.items()}
    selection = Selection(seeds=as_tuple(read_value("seed", Numbers, seed, default=())), **names)
    return make_frame(selection.select(store.stages(CellInfo), str(store.root), hint="`robench.run` makes some."))


def make_frame(cells: Sequence[StoredStage[CellInfo]]) -> pandas.DataFrame:
    """Make a table of cells for analysis.

    Returns:
        One row per cell: names of ``task``, ``defense`` and ``attack`` (with its variant); ``seed``, ``encoder``,
        ``train_rows``; ``clean_accuracy`` on the ``n_test`` test samples and ``accuracy_under_attack`` on the
        ``n_attacked`` of them without the ``n_errors`` on which code failed, 0 to 1, NaN if nothing is left;
        ``attack_success_rate`` over the samples that the model classified correctly; their mean ``queries``; mean share
        of ``words_changed`` and mean ``similarity`` of the text before and after (cosine of the bundled sentence
        encoder) over the successes; ``records``, the path of the per-example records; ``has_learned``, False for a
        model that tables mark with †: it is no better than naming the most frequent label each time, so it cannot be
        fooled; ``warnings``, what makes the numbers of a model that the user brought misleading, and ``notes``, what to
        know about the rows, texts of sentences that are empty if there are none;
        ``key`` of the cell and ``model``, the key of its model; ``preset``, ``precision``; ``defense_changes`` and
        ``attack_changes``, the hyper-parameters that the user set, as ``name=value``.
    """
    import pandas

    rows = [_describe(cell, result) for cell, result in zip(cells, read_results(cells), strict=True)]
    return pandas.DataFrame(rows)


def _describe(cell: StoredStage[CellInfo], result: Result) -> dict[str, Any]:
    """Return the columns of one cell, see :func:`make_frame`."""
    info, outcome, similarity = cell.info, result.outcome, cell.info.similarity
    return {
        "task": info.task,
        "defense": info.defense.name,
        "attack": info.attack.title,
        "seed": info.seed,
        "encoder": info.encoder.name,
        "train_rows": info.train_rows,
        "clean_accuracy": float(result.clean_accuracy),
        "n_test": info.clean.n,
        "accuracy_under_attack": float("nan" if (accuracy := result.accuracy_under_attack) is None else accuracy),
        "n_attacked": outcome.n,
        "n_errors": outcome.errors,
        "attack_success_rate": outcome.succeeded / outcome.attempts if outcome.attempts else float("nan"),
        "queries": outcome.queries,
        "words_changed": outcome.words_changed,
        "similarity": similarity.mean if similarity else None,
        "records": str(cell.folder / RECORDS_FILE),
        "has_learned": result.has_learned,
        "warnings": " ".join(info.warnings),
        "notes": " ".join(f"{note}." for note in info.data.notes),
        "key": info.key,
        "model": info.model,
        "preset": info.preset,
        "precision": info.precision,
        "defense_changes": _list_changes(info.defense),
        "attack_changes": _list_changes(info.attack),
    }


def _list_changes(plugin: PluginInfo) -> str:
    return ", ".join(f"{name}={option_text(value)}" for name, value in sorted(plugin.changed.items()))
