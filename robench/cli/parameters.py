"""The options of a run as parameters of a command: typer reads them from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, get_origin

import typer

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.resources.textattack_finder import forbid_fetching
from robench.study.option_class import run_options
from robench.study.run_option import RunOption
from robench.study.values import Jobs, Names, Numbers, Paths, Settings, read_jobs
from robench.victims.prompts import read_escapes


class _Form(NamedTuple):
    """The form of a type's values on the command line.

    Attributes:
        kind: the type that typer reads.
        metavar: placeholder of a value in the help, unless the option has its own.
        read: converts the value that typer read; it also gets the option's flag. None takes the default.
    """

    kind: Any
    metavar: str | None = None
    read: Callable[[Any, str], Any] = lambda value, flag: value


def typer_option(kind: type, name: str) -> Any:
    """Return the ``typer.Option`` for a field of a dataclass of options."""
    return _typer_option(run_options(kind)[name])


def add_options(
    *kinds: type,
    without: Sequence[str] = (),
    optional: Sequence[str] = (),
    behind: Mapping[str, Sequence[str]] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options of dataclasses to a command.

    The command receives an instance of each dataclass, in their order, and its own options as keywords.

    Args:
        kinds: the dataclasses, whose fields are options of a run.
        without: options that mean nothing to the command; they keep their defaults.
        optional: options without a default that may be left out here; they are then empty.
        behind: the command's own options, by the name of the option after which the help lists them. All others come
            last.
    """
    options = {name: option for name, option in run_options(*kinds).items() if name not in without}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = dict(list(inspect.signature(command, eval_str=True).parameters.items())[len(kinds) :])
        shared = {name: _parameter(option, optional=name in optional) for name, option in options.items()}

        def with_options(**values: Any) -> None:
            texts = {name: value for name, value in values.items() if name in options and value is not None}
            read = {name: _form(options[name]).read(value, options[name].flag) for name, value in texts.items()}
            arguments = dict.fromkeys(optional, ()) | {name: v for name, v in read.items() if v is not None}
            groups = [kind(**{n: arguments[n] for n in run_options(kind) if n in arguments}) for kind in kinds]
            with forbid_fetching(any(getattr(group, "offline", False) for group in groups)):
                command(*groups, **{name: values[name] for name in own})

        with_options.__name__, with_options.__doc__ = command.__name__, command.__doc__
        with_options.__signature__ = inspect.Signature(_arrange(shared | own, behind or {}))  # type: ignore[attr-defined]
        return with_options

    return decorate


def split_names(texts: list[str] | None) -> list[str]:
    """Return the names of an option that may be repeated and may contain commas."""
    return [name.strip() for text in texts or [] for name in text.split(",") if name.strip()]


def parse_numbers(texts: list[str] | None, option: str) -> list[int]:
    """Return the whole numbers of an option that may be repeated and may contain commas.

    Raises:
        RobenchError: one is not a whole number.
    """
    try:
        return [int(text) for text in split_names(texts)]
    except ValueError:
        raise RobenchError(f"{option} {','.join(texts or [])}: whole numbers, separated by commas.") from None


def _parse_settings(texts: list[str], flag: str) -> Settings:
    from robench.plugins import settings

    return settings.parse(texts)


def _parse_jobs(text: str, flag: str) -> Jobs:
    try:
        return read_jobs(text)
    except ValueError:
        raise RobenchError(
            f"{flag} {show_value(text)} is no number of jobs; it should be a whole number, or auto."
        ) from None


_FORMS: Mapping[Any, _Form] = {
    Names: _Form(list[str] | None, "NAME,...", lambda texts, flag: split_names(texts)),
    Numbers: _Form(list[str] | None, "N,...", lambda texts, flag: parse_numbers(texts, flag) or None),
    Sequence[int] | None: _Form(str | None, "N,N,...", lambda text, flag: parse_numbers([text], flag)),
    Settings | None: _Form(list[str] | None, None, _parse_settings),
    int | None: _Form(int | None, "N"),
    Jobs: _Form(str, "N|auto", _parse_jobs),
    str | Path | None: _Form(Path | None),
    str | Path: _Form(Path),
    Paths: _Form(list[Path] | None),
    Any: _Form(str),
}
"""The forms of the types that typer does not read itself, or has no placeholder for."""


def _form(option: RunOption) -> _Form:
    if option.text.has_escapes:
        return _Form(option.hint, read=lambda text, flag: read_escapes(text))
    return _FORMS.get(option.hint, _Form(option.hint))


def _typer_option(option: RunOption) -> Any:
    text = option.text
    return typer.Option(
        *filter(None, (option.flag, text.letter)),
        help=option.help,
        metavar=text.metavar or _form(option).metavar,
        envvar=text.variable or None,
        show_default=text.default or (str(option.default) if option.hint == Numbers and option.default else True),
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
    """Return the parameters in order, each of those in ``behind`` after its option."""
    moved = {name for names in behind.values() for name in names}
    order = [name for one in parameters if one not in moved for name in (one, *behind.get(one, ()))]
    return [parameters[name] for name in order]
