"""Packages that robench needs for some things only: its extras, and the command that installs one."""

from __future__ import annotations

import shlex
from importlib import metadata


def format_install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra, such as ``pip install 'ray>=2.40'``.

    It names the packages and not the extra: no package index has robench, and how this one was installed, from a folder
    or from a repository, is not known.

    Args:
        extra: the name of an extra in ``pyproject.toml``.
    """
    lines = [line.partition(";") for line in metadata.requires("robench") or []]
    packages = [package.strip() for package, _, condition in lines if condition.strip() == f'extra == "{extra}"']
    return shlex.join(["pip", "install", *(packages or [extra])])
