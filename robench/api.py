"""The Python interface: ``run`` and ``attack_model`` do what ``robench run`` and ``robench attack`` do.

Both are made from the options in :mod:`robench.study.options`: their signatures, which type checkers read from the
constructors of the two classes here, and their documentation.
"""

from __future__ import annotations

import inspect
import textwrap
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, cast

from robench.plugins import registry
from robench.plugins.suggestions import explain_unknown
from robench.progress import SilentReporter, choose_reporter
from robench.results.info import CellInfo
from robench.results.store import Store, StoredStage
from robench.study.options import AttackOptions, RunOptions, StoreOptions, run_options
from robench.study.request import BaseRequest, Request
from robench.study.run_option import RunOption, run_option
from robench.study.runner import run_requests

if TYPE_CHECKING:
    import pandas

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class _Call(StoreOptions):
    """The arguments of a call of ``run`` or ``attack_model``."""

    progress: bool = field(
        default=True, metadata=run_option("Whether to show bars (on a terminal) or lines on stderr.")
    )

    @abstractmethod
    def request(self) -> BaseRequest:
        """Return the request."""

    def run(self) -> pandas.DataFrame:
        """Make the requested cells, and return them as a table."""
        from rich.console import Console

        for path in self.plugins:
            registry.load_plugin(path)
        request = self.request()
        reporter = choose_reporter(Console(stderr=True)) if self.progress else SilentReporter()
        return make_frame(run_requests([request], Store(Path(self.runs)), reporter, self.existing))


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


def make_frame(cells: Sequence[StoredStage[CellInfo]]) -> pandas.DataFrame:
    """Make a table of cells for analysis.

    Returns:
        One row per cell: ``task``, ``defense``, ``attack``, ``seed``, ``encoder``, ``train_rows``; ``clean_accuracy``
        on the ``n_test`` test samples and ``accuracy_under_attack`` on the ``n_attacked`` of them, 0 to 1;
        ``attack_success_rate`` over the samples that the model classified correctly; their mean ``queries``; mean share
        of ``words_changed`` and mean ``similarity`` of the text before and after (cosine of the bundled sentence
        encoder) over the successes; ``records``, the path of the per-example records.
    """
    import pandas

    rows = []
    for cell in cells:
        info, attacked, clean = cell.info, cell.info.attacked, cell.info.clean
        assert attacked is not None, "a finished cell has an outcome"
        rows.append(
            {
                "task": info.task,
                "defense": info.defense.name,
                "attack": info.attack.title,
                "seed": info.seed,
                "encoder": info.encoder.name,
                "train_rows": info.train_rows,
                "clean_accuracy": clean.correct / clean.n,
                "n_test": clean.n,
                "accuracy_under_attack": (attacked.failed or 0) / attacked.n,
                "n_attacked": attacked.n,
                "attack_success_rate": attacked.succeeded / attacked.attempts if attacked.attempts else float("nan"),
                "queries": attacked.queries,
                "words_changed": attacked.words_changed,
                "similarity": info.similarity.mean if info.similarity else None,
                "records": str(cell.folder / "records.jsonl"),
            }
        )
    return pandas.DataFrame(rows)
