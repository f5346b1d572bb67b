"""The reference of commands, from the command line that typer made.

sphinx-click would show typer's types and rich's escapes, so this reads the same texts as ``robench COMMAND --help``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from pages_from_code.markdown import prose, table
from robench.cli import app


def render_commands() -> str:
    """Return a section for each command: what it does, examples, arguments and options."""
    group: Any = get_command(app)
    return "\n".join(_render_command(name, command) for name, command in group.commands.items())


def _render_command(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join([f"robench {name}", *(_placeholder(one) for one in arguments), "[OPTIONS]"])
    parts = [f"## robench {name}\n", f"```text\n{usage}\n```\n", *_paragraphs(command.help or "")]
    if arguments:
        parts.append(table(("argument", "meaning", "default"), map(_describe, arguments)))
    parts.append(table(("option", "meaning", "default"), map(_describe, options)))
    return "\n".join(parts)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("For example:\n"):
            lines = [line.removeprefix("  ") for line in _plain(paragraph).splitlines()[1:]]
            yield "```bash\n" + "\n".join(lines) + "\n```\n"
        else:
            yield prose(_plain(paragraph)) + "\n"


def _describe(one: Any) -> tuple[str, str, str]:
    if one.param_type_name == "argument":
        names = _placeholder(one)
    else:
        names = ", ".join((*one.opts, *one.secondary_opts)) + (f" {one.metavar}" if one.metavar else "")
    meaning = prose(_plain(one.help or ""))
    if variable := getattr(one, "envvar", None):
        meaning += f" Environment variable: `{variable}`."
    return f"`{names}`", meaning, _default(one)


def _placeholder(one: Any) -> str:
    name = one.metavar or one.name.upper()
    return name if one.required else f"[{name}]"


def _default(one: Any) -> str:
    if isinstance(one.show_default, str):
        return prose(one.show_default)
    if one.required:
        return "required"
    value = one.default
    return "" if value is None or isinstance(value, bool) or callable(value) or value == () else f"`{value}`"


def _plain(text: str) -> str:
    """Return a text that was escaped for rich as it was."""
    return text.replace("\\[", "[")
