"""The options that say which results a command shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robench.cli.parameters import parse_numbers, split_names

if TYPE_CHECKING:
    from robench.results.selection import Selection

Names = Annotated[list[str] | None, typer.Option(help="Only these.")]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The options, as the user gave them; tasks are an option of each command's own."""

    defense: Annotated[list[str] | None, typer.Option("--defense", "-d", help="Only these defenses.")] = None
    attack: Annotated[list[str] | None, typer.Option("--attack", "-a", help="Only these attacks.")] = None
    encoder: Names = None
    preset: Names = None
    seed: Names = None
    plain: Annotated[
        bool, typer.Option("--plain", help="Only defenses as they come, without forms with changed settings.")
    ] = False

    def select(self, tasks: Sequence[str]) -> Selection:
        """Return the selection that they stand for, of some tasks.

        Raises:
            RobenchError: a seed is not a whole number.
        """
        from robench.results.selection import Selection

        return Selection(
            tasks=tasks,
            defenses=split_names(self.defense),
            attacks=split_names(self.attack),
            encoders=split_names(self.encoder),
            presets=split_names(self.preset),
            seeds=parse_numbers(self.seed, "--seed"),
            plain=self.plain,
        )


def add_filters(*, without: Sequence[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command these options, in the place of its parameter ``filters``.

    Args:
        without: names of options that mean nothing to the command.
    """
    parameters = inspect.signature(Filters, eval_str=True).parameters
    options = {name: option for name, option in parameters.items() if name not in without}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters

        def with_filters(**values: Any) -> None:
            filters = Filters(**{name: values.pop(name) for name in options})
            command(**values, filters=filters)

        parameters = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in own.items()
            for one in (options.values() if name == "filters" else [parameter])
        ]
        with_filters.__name__, with_filters.__doc__ = command.__name__, command.__doc__
        with_filters.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_filters

    return decorate
