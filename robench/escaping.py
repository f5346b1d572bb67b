"""Foreign strings made harmless, one function for each place that a string is written to.

Labels, texts, names, notes, paths and messages come from data files, plug-ins and models. In some output formats
certain characters are commands, so each string is escaped when it is written: by the renderers, by the console
(:mod:`robench.console`) and by :class:`~robench.errors.RobenchError`. What is stored stays as it was.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shlex
import unicodedata
from collections.abc import Iterable
from typing import Any

MESSAGE_LIMIT = 2000
"""Characters of the longest message."""
VALUE_LIMIT = 80
"""Characters of the longest value in a message."""
LIST_LIMIT = 10
"""Values in the longest list in a message."""
SLUG_LIMIT = 80
"""Characters of a text in the longest slug of it, which leaves room on every file system."""

_REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")
_LATEX = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$"},
    **{
        "±": r"$\pm$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "→": r"$\to$",
        "—": "---",
        "\N{EN DASH}": "--",
        "·": r"$\cdot$",
        "≥": r"$\ge$",
        "∞": r"$\infty$",
    },
    **{"[": "{[}", "]": "{]}"},  # after \\ a bracket would be an argument
    _REPLACEMENT: "?",  # which LaTeX's fonts lack
}
_ENDS = r"\s\\/'\"`,;()"
_PART = rf"(?:[^{_ENDS}]|\([^{_ENDS}]*\)|[',;(](?=[^{_ENDS}]))+[\\/]"
"""A folder and the slash after it; of what ends a path, it has brackets around something, and a comma inside a word."""
_FOLDERS = re.compile(
    r"(?:(?<![^\s'\"=:(`,;\[{>|@\u2018-\u201f\u00ab\u00bb])"  # a path begins a word; the slashes of a URL are none
    rf"(?:(?:[A-Za-z]:[\\/]|/|~[\w.-]+[\\/])(?![\\/\s])(?:{_PART})*"  # from a root or someone's home: all folders
    rf"|(?:~|\.\.?)?[\\/](?:{_PART})+)"  # from elsewhere: ~/x, ./x and ../x name no folder
    rf"|(?<=<)/(?:{_PART}){{2,}})(?=[^{_ENDS}])"  # </home/ann/x.py>, but not the end of a tag
)
"""The folders before the last part of a path that does not begin with a name."""
_FORMULA = re.compile("[=+\\-@\uff1d\uff0b\uff0d\uff20]")  # the last four are wide forms of the others
_DIGEST_END = re.compile("(?:^|-)[0-9a-f]{6}$")
"""How a slug with a digest ends."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?(e[+-]?\d+)?|inf|nan)", re.ASCII)


def escape_terminal(text: str, *, keep: str = "") -> str:
    """Replace every character that could control a terminal or cannot be encoded by U+FFFD.

    Args:
        text: any text.
        keep: control characters that stay, such as a line feed.
    """
    return text if text.isprintable() else "".join(c if c in keep or _is_shown(c) else _REPLACEMENT for c in text)


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which no encoding and no tokenizer takes, by U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub(_REPLACEMENT, text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # a space, such as U+3000


def name_type(thing: object) -> str:
    """Return the name of the type of a value with its article, such as ``an int``."""
    name = type(thing).__name__
    return f"{'an' if name[:1].casefold() in 'aeio' else 'a'} {name}"


def escape_line(text: str) -> str:
    """Write a text as one line, in which spaces stand for line ends and tabs; other controls are replaced."""
    return escape_terminal(re.sub(r"[\t\n\v\f\r\x85\u2028\u2029]+", " ", text))


def escape_latex(text: str) -> str:
    """Escape LaTeX's special characters, and write the symbols of robench's tables as commands; the result is one line.

    An empty line would end a paragraph, which a caption must not.
    """
    return "".join(_LATEX.get(character, character) for character in escape_line(text))


def escape_markdown(text: str) -> str:
    """Escape the characters that format text or end a table cell in Markdown, or begin HTML; the result is one line."""
    return re.sub(r"([\\|*_`<>\[\]&~$])", r"\\\1", escape_line(text))


def fence_markdown(lines: Iterable[str]) -> list[str]:
    """Put lines between fences that none of them can close, so that Markdown shows them as they are."""
    shown = [escape_line(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *shown, fence]


def escape_html(value: object) -> object:
    """Replace control characters in a text for HTML, whose own characters Jinja escapes; other values stay."""
    return escape_terminal(value, keep="\n\t") if type(value) is str else value


def slug(text: str) -> str:
    """Return a text as the name of a page or an anchor: lower-case letters, digits and hyphens.

    Different texts have different ones: a digest follows unless the text is one already, and does not end as one with a
    digest does.

    Example:
        >>> slug("ada"), slug("FreeLB")
        ('ada', 'freelb-dc1732')
    """
    plain = re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:SLUG_LIMIT]
    if plain and plain == text and not _DIGEST_END.search(plain):
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{plain}-{digest}" if plain else digest


def hide_folders(text: str) -> str:
    """Leave of each path only its last part: what is sent around does not tell where a machine has its files.

    A path that begins with the name of a folder, such as ``runs/base``, stays, because no text tells it from other
    words with a slash.

    Example:
        >>> hide_folders("rows of local:/home/ann/data/trec, see https://example.org/trec")
        'rows of local:trec, see https://example.org/trec'
    """
    return _FOLDERS.sub("", text) if "/" in text or "\\" in text else text


def escape_matplotlib(text: str) -> str:
    """Escape dollar signs, between which matplotlib would set mathematics, and replace control characters."""
    shown = escape_terminal(text, keep="\n").replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # a label that begins with _ has no place in a legend


def escape_cell(value: object) -> object:
    """Write a text so that no spreadsheet takes it for a formula: a quotation mark goes before it; numbers stay.

    Control characters but line feeds are replaced.
    """
    if not isinstance(value, str):
        return value
    text = escape_terminal(value, keep="\n")
    is_formula = _FORMULA.match(text.lstrip()) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def join_csv_cells(cells: Iterable[object]) -> str:
    """Join the cells of one CSV row, quoted if necessary, with a line feed at the end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(escape_cell, cells))
    return line.getvalue()


def dump_json(value: Any, *, default: Any = None) -> str:
    """Write JSON for people, with an indent of 1 and a newline at the end; control characters are JSON's own escapes.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=default)
    if text.replace("\n", "").isprintable():
        return text + "\n"
    return "".join(c if c == "\n" or _is_shown(c) else json.dumps(c)[1:-1] for c in text) + "\n"


def quote_words(words: Iterable[str]) -> str:
    """Write the words of a command for a shell, as one line of printable characters that mean the same."""
    return " ".join(shlex.quote(word) if word.isprintable() else _quote_bytes(word) for word in words)


def _quote_bytes(word: str) -> str:
    """Write a word byte by byte where it has to be, in the ``$'...'`` of bash, zsh and POSIX 2024."""
    special = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\t": r"\t"}

    def write(character: str) -> str:
        if character.isprintable():
            return special.get(character, character)
        errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"  # a byte of a path
        octal = "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", errors))
        return special.get(character, octal)

    return f"$'{''.join(map(write, word))}'"


def quote_python(text: str) -> str:
    """Write a text as a literal of Python, on one line and without a backtick, which could end a block of Markdown."""
    literal = json.dumps(text, ensure_ascii=False) if text.isprintable() else ascii(text)
    return literal.replace("`", r"\x60")


def shorten(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Leave the middle of a text out if it is longer than ``limit`` characters; its two ends say what it is about."""
    if len(text) <= limit:
        return text
    tail = (limit - 3) // 3
    return f"{text[: limit - 3 - tail]} … {text[len(text) - tail :]}"


def show_value(value: object, limit: int = VALUE_LIMIT) -> str:
    """Return Python's text of a value for a message, shortened; a value that has none is called by its type."""
    try:
        return shorten(repr(value).replace("\n", " "), limit)  # a table of NumPy or pandas has several lines
    except Exception:  # an integer of 5,000 digits, or a __repr__ that fails
        return f"a value of type {type(value).__name__}"


def list_values(values: Iterable[object], limit: int = LIST_LIMIT) -> str:
    """List the first values for a message, each shortened, and count the others."""
    texts = [shorten(str(value), VALUE_LIMIT) for value in values]
    more = len(texts) - limit
    return ", ".join([*texts[:limit], *([f"and {more:,} more"] if more > 0 else [])])


def count_noun(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 sample``, ``1,200 samples`` or ``2 entries``; without a plural it is the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
