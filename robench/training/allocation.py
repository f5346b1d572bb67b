"""Keep the memory that a training step frees for the next step.

How it works: a step allocates what the step before it freed: activations, and gradients as large as that of the
embeddings (47 MB for MiniLM). By default glibc returns such large blocks to the system at once, and the system hands
them out again page by page, filled with zeros, which takes a seventh of a training step. Two settings of ``mallopt``
stop that: large blocks are taken from the heap instead of from ``mmap``, and the heap is never trimmed. Allocators that
behave like this by themselves, such as jemalloc, have to be loaded before the process starts.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

# Parameters of mallopt, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
# glibc raises its thresholds up to this value by itself, until mallopt is first called; afterwards they are fixed.
_LARGEST_THRESHOLD = 32 * 2**20
_DEFAULT_MMAP_MAX = 65_536


@contextlib.contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let the process keep the memory that it frees inside the block, and return it to the system afterwards.

    Does nothing if the C library is not glibc.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not all(hasattr(library, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim")):
        yield
        return
    assert library is not None
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, _DEFAULT_MMAP_MAX)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_THRESHOLD)
        library.malloc_trim(ctypes.c_size_t(0))
