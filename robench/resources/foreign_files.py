"""Files of others that can run code when they are loaded, such as pickles: a pinned content, and the user's consent.

An attack declares such files (:attr:`robench.attacking.Attack.foreign_files`). A request refuses the attack unless the
user consents with ``--trust-remote-code``, and whoever loads such a file calls :func:`check_pin` just before.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from robench.errors import RobenchError

_PIN = re.compile(r"(?:([0-9a-f]{40}):)?([0-9a-f]{64})")


class Pin(NamedTuple):
    """What pins the content of a file.

    Attributes:
        sha256: of the file; empty if nothing pins it.
        commit: the commit of the Hub that has it; empty for a file from elsewhere.
    """

    sha256: str = ""
    commit: str = ""


class ForeignFile(NamedTuple):
    """A file that can run any code when it is loaded.

    Attributes:
        title: the file and its kind in words, such as ``Flair's tagger flair/ner-english (a pickle)``.
        pin: what pins it.
        remedy: how a user pins it, and what they can do without it, as whole sentences.
    """

    title: str
    pin: Pin
    remedy: str


def parse_pin(text: str, field: str, *, on_hub: bool) -> Pin:
    """Read a pin that a user set; an empty text is none.

    Args:
        text: ``COMMIT:SHA256`` of a file on the Hub, or ``SHA256``.
        field: the name of the option.
        on_hub: whether the file is on the Hub, so that the commit is needed.

    Raises:
        ValueError: it has another form.
    """
    if not text:
        return Pin()
    parts = _PIN.fullmatch(text)
    if parts is None or bool(parts[1]) is not on_hub:
        form = "COMMIT:SHA256, 40 and 64" if on_hub else "a SHA256, 64"
        raise ValueError(f"{field} must be {form} hexadecimal digits in lower case, not {text!r:.120}")
    return Pin(parts[2], parts[1] or "")


def check_pin(title: str, path: Path, pin: Pin) -> None:
    """Check that a file is the pinned one.

    Raises:
        RobenchError: it is not pinned, is another one, or cannot be read.
    """
    if not pin.sha256:
        raise RobenchError(f"{title} can run any code and is not pinned, so {path} is not loaded.")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RobenchError(f"{title} cannot be read from {path} ({error.strerror}).") from error
    if digest != pin.sha256:
        raise RobenchError(
            f"{title} can run any code, and {path} is not the pinned file: its sha256 is {digest}, not {pin.sha256}."
            " It is not loaded."
        )
