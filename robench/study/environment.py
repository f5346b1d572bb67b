"""The environment of a stage: when, under which versions and on which hardware it was made."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from robench.resources import TEXTATTACK_VERSION
from robench.results.info_origin import Environment
from robench.version import VERSION

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "transformers", "textattack", "numpy")
"""Packages whose version can move a number."""
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512_f", "avx2", "sve_bf16", "sve2", "sve", "bf16")
"""Instruction sets that matrix products use, the widest first, as torch names them."""


def record_environment(device: torch.device) -> Environment:
    """Describe the environment of a stage that ends now.

    Args:
        device: the device on which its models ran.
    """
    import torch

    on_cpu = device.type == "cpu"
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=dict(_find_versions()),
        processor=_find_processor(),
        instructions=_find_instructions(),
        device="cpu" if on_cpu else torch.cuda.get_device_name(device),
        threads=torch.get_num_threads() if on_cpu else None,
    )


@cache
def _find_versions() -> dict[str, str]:
    commit = find_commit()
    robench = f"{VERSION} ({commit})" if commit else VERSION
    return {"robench": robench, "python": platform.python_version()} | {
        name: TEXTATTACK_VERSION if name == "textattack" else metadata.version(name) for name in PACKAGES
    }


@cache
def find_commit() -> str:
    """Return the commit of the robench that runs, with ``-dirty`` if files differ from it; empty if it is not known.

    It is known in a git checkout, and after ``pip install git+URL``.
    """
    root = Path(__file__).parents[2]
    if (root / ".git").exists():
        return describe_checkout(root)
    try:
        source = json.loads(metadata.distribution("robench").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return ""
    return str(source.get("vcs_info", {}).get("commit_id", ""))[:10]


def describe_checkout(root: Path) -> str:
    """Return the commit of a checkout, ten digits, with ``-dirty`` if files differ from it; empty if git cannot say.

    Nothing is written into the checkout. ``git describe --dirty`` would refresh its index, and leave a lock if it were
    killed.
    """
    try:
        commit = _ask_git(root, "rev-parse", "--short=10", "HEAD")
        changes = _ask_git(root, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):  # there is no git, or it refuses another user's checkout
        return ""
    return f"{commit}-dirty" if changes else commit


def _ask_git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


@cache
def _find_processor() -> str:
    """Return the name of the processor; Python itself only knows its architecture on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


@cache
def _find_instructions() -> str:
    import torch

    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    known = next((name for name in INSTRUCTIONS if abilities.get(name)), "")
    return known or torch.backends.cpu.get_cpu_capability().lower()
