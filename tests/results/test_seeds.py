"""Mean and standard deviation over seeds, by hand."""

from __future__ import annotations

import math
from fractions import Fraction

from robench.results.cells import read_results
from robench.results.seeds import SeedMean, average_clean_accuracy, average_over_seeds, describe_errors, describe_means
from robench.results.store import Store
from support.hand_made import add_cell


def test_values_of_one_seed_are_averaged_before_the_mean_over_seeds() -> None:
    half, third = Fraction(1, 2), Fraction(1, 3)
    found = average_over_seeds([(2, half), (2, third), (1, third)])  # of seed 2: 5/12
    assert found == SeedMean(Fraction(3, 8), math.sqrt(Fraction(1, 288)), (1, 2), (third, Fraction(5, 12)))
    assert found.percent == 37.5 and math.isclose(found.percent_sd, 100 * math.sqrt(1 / 288))


def test_one_seed_has_no_standard_deviation() -> None:
    found = average_over_seeds([(42, Fraction(1, 3))])
    assert found == SeedMean(Fraction(1, 3), None, (42,), (Fraction(1, 3),)) and found.percent_sd == 0


def average_of_ada(store: Store, *models: tuple[int, str, int]) -> SeedMean:
    """The mean of models, each with its seed, its attack, and how many of 500 clean texts it has right."""
    cells = [add_cell(store, "ada", attack, 100, seed=seed, clean=(right, 500)) for seed, attack, right in models]
    return average_clean_accuracy(read_results(cells))


def test_clean_accuracy_is_that_of_the_models_that_all_seeds_have(store: Store) -> None:
    found = average_of_ada(store, (1, "pwws", 400), (1, "textfooler", 300), (2, "pwws", 450))
    assert (found.mean, found.by_seed) == (Fraction(17, 20), (Fraction(4, 5), Fraction(9, 10)))


def test_clean_accuracy_of_seeds_that_share_no_model_is_that_of_all_models(store: Store) -> None:
    found = average_of_ada(store, (1, "pwws", 400), (1, "bae", 300), (2, "textfooler", 450))
    assert (found.mean, found.by_seed) == (Fraction(4, 5), (Fraction(7, 10), Fraction(9, 10)))


def test_errors_are_counted_in_plain_words(store: Store) -> None:
    cells = [add_cell(store, "base", "pwws", 12, n=20, errors=count, seed=count) for count in (0, 1, 2)]
    assert [describe_errors(read_results([cell])) for cell in cells] == [
        "",
        " 1 of the 20 attacks ended in an error and is left out.",
        " 2 of the 20 attacks ended in an error and are left out.",
    ]


def test_figures_say_whether_all_models_have_the_same_seeds() -> None:
    assert describe_means([(42,), (42,)]) == "One run, seed 42."
    assert describe_means([(1, 2), (2, 1)], "Mean and standard deviation") == (
        "Mean and standard deviation over the seeds 1, 2."
    )
    assert describe_means([(1, 2, 3), (1,)]) == "Means over each model's seeds, of 1, 2, 3."
