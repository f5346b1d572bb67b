"""Devices and numeric precision."""

from __future__ import annotations

import contextlib
import re
from typing import Literal, TypeAlias, cast

import torch

from robench.errors import RobenchError, describe_error
from robench.escaping import shorten, show_value

Precision = Literal["fp32", "bf16", "native"]
"""float32; matrix products in bfloat16; or everything in the type of the stored weights, of a user's model."""
_OF_PRECISION = re.compile(
    r"bfloat16|\bhalf\b|float16|mixed dtype|overflow|underflow|\bnan\b|\binf(inity)?\b|finite|singular", re.IGNORECASE
)
Hardware: TypeAlias = "dict[str, str | int | None]"


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` is a GPU if there is one, else the CPU.

    Raises:
        RobenchError: the machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()  # the device "meta" has no numbers
    except (RuntimeError, AssertionError, ImportError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        reason = shorten(reason, 200)
        raise RobenchError(f"device {show_value(name)} cannot be used here ({reason}); try --device cpu.") from error
    return device


def choose_precision(name: str, on: torch.device) -> Precision:
    """Return the precision of that name for a device; ``auto`` is bfloat16 if the device is fast at it, else float32.

    Raises:
        RobenchError: ``name`` is none of auto, fp32, bf16.
    """
    if name in ("fp32", "bf16"):
        return cast(Precision, name)
    if name != "auto":
        raise RobenchError(
            f"unknown precision {name!r}: there are auto, fp32 and bf16, and native for a model of your own."
        )
    return "bf16" if _has_fast_bfloat16(on) else "fp32"


def advise_precision(precision: str, error: BaseException) -> str:
    """Return what may help if code fails in a precision, as a sentence with a blank before it; empty if nothing.

    Args:
        precision: the precision that it runs in.
        error: the error; only one about types of numbers, or numbers that are not finite, can be the precision's.
    """
    kinds = {"bf16": "in bfloat16", "native": "in the precision of its weights"}
    if precision not in kinds or not _OF_PRECISION.search(describe_error(error)):
        return ""
    return f" It runs {kinds[precision]}: try --precision fp32."


def identify_hardware(device: torch.device, threads: int) -> Hardware:
    """Return what trained weights depend on besides the settings: the device's kind and, on a CPU, the threads.

    Sums are added up in another order on another kind of device, or by another number of threads, and training makes
    the difference in the last digit grow. A model that is not trained further gives the same probabilities to 1e-6.
    """
    return {"device": device.type, "threads": threads if device.type == "cpu" else None}


def count_batches_in_flight(device: torch.device) -> int:
    """Return how many batches may run at once. A GPU computes one while the results of another are processed."""
    return 2 if device.type == "cuda" else 1


def autocast(precision: Precision, on: torch.device) -> contextlib.AbstractContextManager[None]:
    """Run matrix products inside the block in bfloat16; for other precisions, change nothing."""
    return torch.autocast(on.type, torch.bfloat16, enabled=precision == "bf16")


def _has_fast_bfloat16(on: torch.device) -> bool:
    if on.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
