"""The Python interface: ``run`` and ``attack_model`` do what ``robench run`` and ``robench attack`` do.

Both are made from the options in :mod:`robench.study.options`: their signatures, which type checkers read from the
constructors of the two classes here, and their documentation. :mod:`robench.report.data_frames` reads what they left in
a runs folder.
"""

from __future__ import annotations

import inspect
import textwrap
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, cast

from robench.bars import choose_reporter
from robench.errors import blame_foreign_code
from robench.paths import anchor_paths
from robench.plugins import plugin_files
from robench.plugins.suggestions import explain_unknown
from robench.progress import SilentReporter
from robench.report.data_frames import make_frame
from robench.resources.textattack_finder import forbid_fetching
from robench.results.store import Store
from robench.study.base_request import BaseRequest
from robench.study.option_class import run_options
from robench.study.options import AttackOptions, RunOptions, StoreOptions
from robench.study.request import Request
from robench.study.run_option import RunOption, run_option
from robench.study.runner import run_requests

if TYPE_CHECKING:
    import pandas

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class _Call(StoreOptions):
    """The arguments of a call of ``run`` or ``attack_model``."""

    progress: bool = field(
        default=True,
        metadata=run_option(
            "Whether to show bars (on a terminal or in a notebook) or lines on stderr. Notes and warnings are shown in"
            " any case."
        ),
    )

    @abstractmethod
    def request(self) -> BaseRequest:
        """Return the request."""

    def run(self) -> pandas.DataFrame:
        """Make the requested cells, and return them as a table."""
        from robench.console import Console

        offline = getattr(self, "offline", False)
        with anchor_paths(), blame_foreign_code(plugin_files.name_file), forbid_fetching(offline):
            store = Store(Path(self.runs))
            for path in self.plugins:
                plugin_files.load_plugin(path)
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


def _make_function(name: str, call: Callable[P, _Call], example: str) -> Callable[P, pandas.DataFrame]:
    """Make the function that runs a call, with the signature and the documentation of its options.

    Args:
        name: the name of the function.
        call: the class of its calls.
        example: lines for its documentation.
    """
    options = run_options(cast(type, call))
    signature = inspect.Signature([_parameter(one, call) for one in options.values()], return_annotation="DataFrame")

    def function(*args: P.args, **kwargs: P.kwargs) -> pandas.DataFrame:
        for keyword in kwargs:
            if keyword not in options:
                if keyword in _OF_COMMANDS:
                    raise TypeError(f"{keyword} is an option of the command alone: {_OF_COMMANDS[keyword]}")
                hint = f"see help(robench.{name})"
                raise TypeError(explain_unknown(f"argument of robench.{name}", keyword, list(options), hint))
        signature.bind(*args, **kwargs)  # raises an error that names a missing argument
        return call(*args, **kwargs).run()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "\n".join(
        [f"{call.__doc__}\n{example}", "Args:", *map(_documentation, options.values()), _ENDING]
    )
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


_OF_COMMANDS = {
    "set": "settings={'taichi': {'temperature': 0.5}} is what --set taichi.temperature=0.5 says",
    "config": "settings={'taichi': {'temperature': 0.5}} is what a file of hyper-parameters says",
    "table": "robench.table(...) makes a table of what there is",
    "figure": "`robench figure` draws what there is",
    "paper": "`robench run --paper` makes what a paper's tables need",
    "dry_run": "`robench run --dry-run` shows what is to do",
    "report": "`robench report` makes the page",
    "model_card": "`robench attack --model-card` writes it",
    "fail_under": "compare worst% yourself, or use `robench attack --fail-under`",
}
"""What takes the place of options that print or write something, by name."""

_ENDING = """
Returns:
    One row per cell, with the columns of :func:`robench.report.data_frames.make_frame`.

Raises:
    RobenchError: something that the caller can fix; the message says what. What was finished before is in the runs
        folder, where :func:`robench.load_results` finds it.
"""


def _parameter(option: RunOption, call: Callable[..., _Call]) -> inspect.Parameter:
    kind = inspect.signature(call).parameters[option.name].kind
    default = inspect.Parameter.empty if option.required else option.default
    return inspect.Parameter(option.name, kind, default=default, annotation=option.hint)


def _documentation(option: RunOption) -> str:
    return textwrap.fill(
        f"{option.name}: {option.documentation}", 100, initial_indent=" " * 4, subsequent_indent=" " * 8
    )


_RUN_EXAMPLE = """
Example:
    Train and attack one defense on files of your own, ``my-data/mr/{train,dev,test}.tsv``:

    >>> import robench
    >>> results = robench.run(
    ...     defense="base", task="mr", attack="deepwordbug", preset="quick", encoder="./my-encoder", data="./my-data"
    ... )
    >>> results[["defense", "attack"]].to_dict("records")
    [{'defense': 'base', 'attack': 'deepwordbug'}]
"""

_ATTACK_EXAMPLE = """
Example:
    Attack a function that gives each text a score for each label:

    >>> import robench
    >>> def scores(texts):
    ...     return [[0.9, 0.1] if "dull" in text or "slow" in text else [0.2, 0.8] for text in texts]
    >>> results = robench.attack_model(
    ...     scores, task="mr", attack="deepwordbug", preset="quick", data="./my-data", name="mine"
    ... )
    >>> results[["defense", "attack"]].to_dict("records")
    [{'defense': 'mine', 'attack': 'deepwordbug'}]
"""

run = _make_function("run", _RunCall, _RUN_EXAMPLE)
attack_model = _make_function("attack_model", _AttackCall, _ATTACK_EXAMPLE)
