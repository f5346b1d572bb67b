"""Freed memory is kept for the next step, and given back at the end."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from robench.training.allocation import keep_freed_memory

needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")

MEASURES = """
import resource
from pathlib import Path

from robench.training.allocation import keep_freed_memory

MEGABYTE = 2**20

def fill(megabytes):
    bytes(b"x" * (megabytes * MEGABYTE))

def resident():
    "Return the megabytes of memory that this process holds."
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / MEGABYTE

def pages_to_fill_again(megabytes):
    "Return how many pages the system has to give for a block of a size that was freed just before, at best."
    given = []
    for _ in range(10):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        fill(megabytes)
        given.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(given)
"""


def measure(program: str) -> None:
    """Run a program in a process of its own: the heap of this one has holes of any size that a block may fall into."""
    run = subprocess.run([sys.executable, "-c", MEASURES + program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@needs_glibc
def test_a_large_block_is_used_again_inside_and_only_there() -> None:
    measure("""
with keep_freed_memory():
    assert pages_to_fill_again(47) < 100, pages_to_fill_again(47)
assert pages_to_fill_again(47) > 10, pages_to_fill_again(47)  # huge pages are 2 MB each
assert pages_to_fill_again(24) < 10, pages_to_fill_again(24)  # smaller ones stay, as glibc itself comes to do
""")


@needs_glibc
def test_what_was_kept_is_given_back_after_an_error_too() -> None:
    measure("""
before = resident()
try:
    with keep_freed_memory():
        fill(200)
        assert resident() > before + 150, resident() - before
        raise ValueError("diverged")
except ValueError:
    pass
assert resident() < before + 50, resident() - before
""")


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_nothing_happens(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    with keep_freed_memory():
        assert len(bytearray(2**20)) == 2**20
