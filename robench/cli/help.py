"""The help of commands: paragraphs that fill the terminal, examples to copy, and a placeholder for each value.

Typer reads the texts as rich's markup, in which brackets are commands; here they are text.
"""

from __future__ import annotations

import copy
import inspect
import re
from typing import Annotated, Any, get_args, get_origin

from rich.markup import escape
from typer.core import TyperCommand, TyperGroup
from typer.models import ArgumentInfo, OptionInfo

EXAMPLE_WIDTH = 76
"""Characters of the longest line of an example, on a terminal of 80."""


class Command(TyperCommand):
    """A command whose help shows no type beside ``--help``."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option ``--help``."""
        return _hide_type(super().get_help_option(ctx))


class CommandGroup(TyperGroup):
    """A group of commands whose help shows no type beside its own flags."""

    def get_params(self, ctx: Any) -> Any:
        """Return all options."""
        return [_hide_type(option) for option in super().get_params(ctx)]


def _hide_type(option: Any) -> Any:
    if option is not None:
        option.metavar = ""
    return option


def format_help(text: str) -> str:
    """Return a docstring as typer shows it well.

    A paragraph becomes one line, which typer breaks where the terminal ends; it would keep the line ends of the source.
    Lines that are indented are examples: they stay lines, and go on behind a backslash if they are long.
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    shown = (_format_examples(p) if p.startswith("  ") else " ".join(p.split()) for p in paragraphs)
    return escape("\n\n".join(shown))


def _format_examples(paragraph: str) -> str:
    return "\n".join(["For example:", *map(_break_example, paragraph.splitlines())])


def _break_example(line: str) -> str:
    """Break a long command between its options, so that it can still be copied."""
    first, *rest = re.split(r" (?=--?[a-z])", line)
    lines = [first]
    for words in rest:
        if len(lines[-1]) + 1 + len(words) + 2 <= EXAMPLE_WIDTH:
            lines[-1] += f" {words}"
        else:
            lines.append(f"      {words}")
    return " \\\n".join(lines)


def prepare_parameter(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter whose value the help calls by the parameter's name, unless it has a placeholder of its own.

    Typer would show Python's type, such as ``<list[str]>``, and ``<bool>`` for what takes no value.
    """
    if get_origin(parameter.annotation) is not Annotated:
        return parameter
    hint, *others = get_args(parameter.annotation)
    placeholder = "" if hint is bool else parameter.name.upper() + (",..." if list in _origins(hint) else "")
    changed = tuple(_prepare(one, placeholder) for one in others)
    return parameter.replace(annotation=Annotated[(hint, *changed)])


def _origins(hint: Any) -> set[Any]:
    """Return the classes of a type, or of each type of a union."""
    return {get_origin(one) or one for one in (hint, *get_args(hint))}


def _prepare(info: Any, placeholder: str) -> Any:
    if not isinstance(info, OptionInfo | ArgumentInfo):
        return info
    prepared = copy.copy(info)  # several options may share one
    prepared.metavar = placeholder if info.metavar is None else info.metavar
    prepared.help = escape(info.help or "")
    return prepared
