"""Bounds of certificates, against statsmodels and by hand."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from robench.training.certificate import CertificateSettings, bound_share, find_radius


@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize(("hits", "draws"), [(1, 10), (7, 10), (10, 10), (501, 1000), (999, 1000), (1000, 1000)])
def test_bound_of_a_share_is_clopper_and_pearson_s(hits: int, draws: int, alpha: float) -> None:
    lower, _ = proportion_confint(hits, draws, alpha=2 * alpha, method="beta")
    assert bound_share(hits, draws, alpha) == pytest.approx(lower, rel=1e-9)


def test_bound_of_no_hits_is_zero() -> None:
    assert bound_share(0, 10, 0.05) == 0


def test_radius_is_the_last_number_of_changes_that_leaves_more_than_half() -> None:
    shift = {1: 0.1, 2: 0.25, 3: 0.3, 4: 1.0}.__getitem__
    assert find_radius(0.78, shift, 4) == 2
    assert find_radius(0.75, shift, 4) == 1, "exactly one half is no majority"
    assert find_radius(0.55, shift, 4) == 0
    assert find_radius(0.5, shift, 4) is None
    assert find_radius(0.9, lambda changes: 0.0, 4) == 4, "no more words than there are"


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="draws must be 1 or more"):
        CertificateSettings(draws=0)
    with pytest.raises(ValueError, match="alpha must be"):
        CertificateSettings(alpha=0)
