"""The advice about precision is given only where the precision can be the cause."""

from __future__ import annotations

import pytest

from robench.models.devices import advise_precision


@pytest.mark.parametrize(
    ("error", "is_advised"),
    [
        (RuntimeError("\"addmm\" not implemented for 'BFloat16'"), True),
        (RuntimeError("expected m1 and m2 to have the same dtype, but got: float != c10::Half"), True),
        (RuntimeError("value cannot be converted to type at::BFloat16 without overflow"), True),
        (TypeError("Got unsupported ScalarType BFloat16"), True),
        (ValueError("the loss is not finite"), True),
        (ValueError("the mean is NaN"), True),
        (ValueError("something broke at step 60"), False),
        (IndexError("index out of range in self"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (8x16 and 3x2)"), False),
        (KeyError("information"), False),
    ],
    ids=str,
)
def test_advise_precision_of_an_error_that_precision_cannot_cause_is_empty(error: Exception, is_advised: bool) -> None:
    assert advise_precision("fp32", error) == ""
    for precision in ("bf16", "native"):
        assert ("try --precision fp32." in advise_precision(precision, error)) == is_advised
