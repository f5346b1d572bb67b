"""The options of a run as parameters of a command: typer reads them from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, get_origin

import typer

from robench.errors import RobenchError
from robench.study.options import Names, Numbers, Settings, run_options
from robench.study.run_option import RunOption


class _Form(NamedTuple):
    """How the command line takes the values of a type.

    Attributes:
        kind: the type that typer reads.
        metavar: what stands for a value in the help, unless the option says it.
        read: makes the value from what typer read, given also the option's flag; None takes the default.
    """

    kind: Any
    metavar: str | None = None
    read: Callable[[Any, str], Any] = lambda value, flag: value


def typer_option(kind: type, name: str) -> Any:
    """Return the ``typer.Option`` for a field of a dataclass of options."""
    return _typer_option(run_options(kind)[name])


def add_options(
    *kinds: type, optional: Sequence[str] = (), behind: Mapping[str, Sequence[str]] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a decorator that gives a command the options of dataclasses.

    The command takes an instance of each dataclass, in their order, and its own options as keywords.

    Args:
        kinds: the dataclasses, whose fields are options of a run.
        optional: options that may be left out here although they have no default; they are then empty.
        behind: own options by the name of the option behind which the help lists them. All others come last.
    """
    options = run_options(*kinds)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = dict(list(inspect.signature(command, eval_str=True).parameters.items())[len(kinds) :])
        made = {name: _parameter(option, optional=name in optional) for name, option in options.items()}

        def with_options(**values: Any) -> None:
            typed = {name: value for name, value in values.items() if name in options and value is not None}
            read = {name: _form(options[name]).read(value, options[name].flag) for name, value in typed.items()}
            given = dict.fromkeys(optional, ()) | {name: value for name, value in read.items() if value is not None}
            groups = [kind(**{name: given[name] for name in run_options(kind) if name in given}) for kind in kinds]
            command(*groups, **{name: values[name] for name in own})

        with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
        with_options.__signature__ = inspect.Signature(_arrange(made | own, behind or {}))  # type: ignore[attr-defined]
        return with_options

    return decorate


def split_names(given: list[str] | None) -> list[str]:
    """Return the names of an option that is repeated, or has several separated by commas."""
    return [name.strip() for text in given or [] for name in text.split(",") if name.strip()]


def parse_numbers(given: list[str] | None, option: str) -> list[int]:
    """Return the numbers of an option that is repeated, or has several separated by commas.

    Raises:
        RobenchError: one is not a whole number.
    """
    try:
        return [int(text) for text in split_names(given)]
    except ValueError:
        raise RobenchError(f"{option} {','.join(given or [])}: whole numbers, separated by commas.") from None


def _parse_settings(given: list[str], flag: str) -> Settings:
    from robench.plugins import settings

    return settings.parse(given)


_FORMS: Mapping[Any, _Form] = {
    Names: _Form(list[str] | None, "NAME,...", lambda given, flag: split_names(given)),
    Numbers: _Form(list[str] | None, "N,...", lambda given, flag: parse_numbers(given, flag) or None),
    Sequence[int] | None: _Form(str | None, "N,N,...", lambda given, flag: parse_numbers([given], flag)),
    Settings | None: _Form(list[str] | None, None, _parse_settings),
    int | None: _Form(int | None, "N"),
    str | Path | None: _Form(Path | None),
    str | Path: _Form(Path),
    str | Path | Sequence[str | Path]: _Form(list[Path] | None),
    Any: _Form(str),
}
"""For each type of an option that typer does not read as it is, or has no name for."""


def _form(option: RunOption) -> _Form:
    return _FORMS.get(option.hint, _Form(option.hint))


def _typer_option(option: RunOption) -> Any:
    text = option.text
    return typer.Option(
        *filter(None, (option.flag, text.letter)),
        help=option.help,
        metavar=text.metavar or _form(option).metavar,
        envvar=text.variable or None,
        show_default=text.default or (str(option.default) if option.hint == Numbers else True),
    )


def _parameter(option: RunOption, *, optional: bool) -> inspect.Parameter:
    kind = _form(option).kind
    default = None if optional or get_origin(kind) is UnionType else option.default
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if option.required and not optional else default,
        annotation=Annotated[kind, _typer_option(option)],
    )


def _arrange(
    parameters: Mapping[str, inspect.Parameter], behind: Mapping[str, Sequence[str]]
) -> list[inspect.Parameter]:
    """Return parameters in order, but those of ``behind`` each at its place."""
    moved = {name for names in behind.values() for name in names}
    order = [name for one in parameters if one not in moved for name in (one, *behind.get(one, ()))]
    return [parameters[name] for name in order]
