"""Classes that a model predicts, and their names."""

from __future__ import annotations

from robench.results.classes import name_class, predict


def test_predict_with_equal_probabilities_names_the_first_class() -> None:
    assert predict([0.25, 0.5, 0.5]) == 1


def test_name_of_a_class_without_a_label_is_its_number() -> None:
    assert [name_class(number, ["neg", "pos"]) for number in range(3)] == ["neg", "pos", "2"]
