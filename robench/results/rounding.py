"""How much two computations of one probability may differ.

The logits of a text depend on its own batch shape alone, so on the same instruction set, with the same torch and number
of threads, the probabilities are equal bit by bit. Other numbers of threads and other instruction sets add up in
another order; :data:`TOLERANCES` says how much of a difference that can explain.
"""

from __future__ import annotations

from robench.results.info_origin import Environment

TOLERANCES = {
    **{("fp32", True): 1e-4, ("fp32", False): 1e-3},
    **{(precision, alike): 0.01 if alike else 0.05 for precision in ("bf16", "native") for alike in (True, False)},
}
"""Largest difference of a probability that rounding explains, by precision, and whether the machines are alike."""
EXACT = 1e-6
"""The same for numbers in fp32 that one processor computed, with the same number of threads."""
OWN_MODEL = 0.1
"""The same for a model that the user brought, which may be behind an endpoint."""


def is_alike(stored: Environment | None, now: Environment) -> bool:
    """Return whether two machines round alike: the same device, instruction set and torch, as far as both are known."""
    if stored is None:
        return False
    same_torch = stored.versions.get("torch") == now.versions.get("torch")
    return same_torch and (stored.device, stored.instructions) == (now.device, now.instructions)


def find_tolerance(precision: str, first: Environment | None, second: Environment | None) -> float:
    """Return how much the probabilities of a trained model may differ for one text, computed in two places."""
    alike = second is not None and is_alike(first, second)
    if alike and precision == "fp32" and first and second and first.device == "cpu":
        if (first.processor, first.threads) == (second.processor, second.threads):
            return EXACT
    return TOLERANCES.get((precision, alike), TOLERANCES["native", alike])
