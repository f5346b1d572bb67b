"""Freed memory is kept for the next step, and given back at the end."""

from __future__ import annotations

import platform
import resource
import sys
from pathlib import Path

import pytest
import torch

from robench.training.allocation import keep_freed_memory

MEGABYTE = 2**20
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")


def filled(megabytes: int) -> torch.Tensor:
    return torch.zeros(megabytes * MEGABYTE, dtype=torch.uint8)


def pages_given() -> int:
    """How often the system has given this process a page that it touched."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def resident() -> float:
    """Megabytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / MEGABYTE


def pages_to_fill_again(megabytes: int) -> int:
    """At best: small things that lie down in between can spoil a place once or twice."""
    given = []
    for _ in range(10):
        before = pages_given()
        filled(megabytes)
        given.append(pages_given() - before)
    return min(given)


@needs_glibc
def test_a_large_block_is_used_again_inside_and_only_there() -> None:
    with keep_freed_memory():
        assert pages_to_fill_again(47) < 100
    assert pages_to_fill_again(47) > 100  # huge pages would be 2 MB each
    assert pages_to_fill_again(24) < 100  # smaller ones stay, as glibc itself comes to do


@needs_glibc
def test_what_was_kept_is_given_back_after_an_error_too() -> None:
    before = resident()
    with pytest.raises(ValueError, match="diverged"), keep_freed_memory():
        filled(200)
        assert resident() > before + 150
        raise ValueError("diverged")
    assert resident() < before + 50


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_nothing_happens(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    with keep_freed_memory():
        assert filled(1).sum() == 0
