"""How much probabilities of one text may differ: nothing on one processor, a little on two."""

from __future__ import annotations

from typing import Any

import pytest

from robench.results.info_origin import Environment
from robench.results.rounding import TOLERANCES, find_tolerance, is_alike

HERE = {"device": "cpu", "processor": "AMD EPYC", "instructions": "avx2", "versions": {"torch": "2.9"}, "threads": 1}


def test_machines_are_alike_if_device_instructions_and_torch_are_equal() -> None:
    now = Environment(device="cpu", instructions="avx2", versions={"torch": "2.9", "numpy": "2"}, threads=2)
    assert is_alike(Environment(device="cpu", instructions="avx2", versions={"torch": "2.9"}, threads=1), now)
    for other in ({"device": "H100"}, {"instructions": "avx512_bf16"}, {"versions": {"torch": "2.8"}}):
        values: dict[str, Any] = {"device": "cpu", "instructions": "avx2", "versions": {"torch": "2.9"}} | other
        assert not is_alike(Environment(**values), now)
    assert not is_alike(None, now), "early versions say nothing"
    assert TOLERANCES["fp32", True] < TOLERANCES["fp32", False] < TOLERANCES["bf16", False]


@pytest.mark.parametrize(
    ("precision", "other", "tolerance"),
    [
        ("fp32", {}, 1e-6),
        ("fp32", {"threads": 2}, 1e-4),
        ("fp32", {"instructions": "avx512_bf16"}, 1e-3),
        ("bf16", {}, 0.01),
        ("bf16", {"versions": {"torch": "2.8"}}, 0.05),
        ("", {}, 0.01),
    ],
)
def test_tolerance_of_two_machines_is_smaller_the_more_they_are_alike(
    precision: str, other: dict[str, Any], tolerance: float
) -> None:
    first, second = Environment(**HERE), Environment(**HERE | other)  # type: ignore[arg-type]
    assert find_tolerance(precision, first, second) == tolerance


def test_tolerance_of_a_machine_that_is_not_known_is_that_of_another_one() -> None:
    assert find_tolerance("fp32", None, Environment(device="cpu")) == 1e-3
    assert find_tolerance("fp32", Environment(device="cpu"), None) == 1e-3
