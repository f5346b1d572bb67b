"""Memory that a training step frees is kept for the next one.

A step frees what the one before it freed, activations and gradients up to that of the embeddings (47 MB for MiniLM). By
default glibc hands such blocks back to the system at once, which then gives them out again page by page, zeroed: a
seventh of a training step. Allocators that do not, such as jemalloc, have to be loaded before the process starts.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

# glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
# What glibc goes up to by itself as it sees large blocks come and go; it stops doing so once it has been told anything.
_LARGEST_THRESHOLD = 32 * 2**20
_DEFAULT_MMAP_MAX = 65_536


@contextlib.contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Have the process keep the memory it frees inside the block, for itself; afterwards it is given back.

    Does nothing where the C library is not glibc.
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
