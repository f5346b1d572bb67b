"""A loss that trains nothing is an error that says what the defense returned; it is never stored as trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from robench.defenses.base import Base
from robench.errors import RobenchError
from robench.models.batches import Batch
from robench.models.classifier import Classifier
from robench.training.defense import Terms
from robench.training.objectives import cross_entropy
from robench.training.perturbation import VirtualDefense
from robench.training.settings import TrainingSettings
from robench.training.terms import check_terms
from support import tiny

SETTINGS = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24, eval_every=1)


@dataclass(frozen=True, kw_only=True)
class Returning(Base):
    """Returns whatever a function makes of its cross-entropy."""

    make: Callable[[torch.Tensor], Any]

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        made: Terms = self.make(cross_entropy(networks[0](batch.texts).logits, batch.labels))
        return made


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda ce: None, r"the loss of the defense Returning .*is None, perhaps because it returns nothing"),
        (lambda ce: ce, r"is a tensor of shape \(\): a loss is a dictionary of named terms"),
        (lambda ce: [ce], "is a list: a loss is a dictionary"),
        (lambda ce: {}, "has no terms: a loss is"),
        (lambda ce: {"ce": 1.0}, "the term ce in the loss of the defense Returning .*is a float"),
        (lambda ce: {"ce": None}, "the term ce .* is a NoneType"),
        (lambda ce: {("c", "e"): ce}, r"a term in the loss of the defense .* is called \('c', 'e'\)"),
        (lambda ce: {"ce": ce, "rows": ce.expand(8)}, r"the term rows .* is a tensor of shape \(8,\)"),
        (lambda ce: {"ce": ce.detach()}, r"the term ce .* has no gradient, perhaps because it was detached"),
        (lambda ce: {"ce": ce, "extra": torch.zeros(())}, "the term extra .* has no gradient"),
    ],
)
def test_a_loss_that_cannot_be_minimised_is_refused(make: Callable[[torch.Tensor], Any], sentence: str) -> None:
    with pytest.raises(RobenchError, match=sentence):
        tiny.trained(Returning(make=make), tiny.rows(8), SETTINGS)


def test_terms_that_can_be_minimised_are_returned_as_they_are() -> None:
    terms = {"a": torch.ones((), requires_grad=True), "b": torch.ones((), requires_grad=True) * 2}
    assert check_terms(Base(), terms) is terms


@dataclass(frozen=True, kw_only=True)
class Passing(Base):
    """Yields what is given for each batch in turn: a loss of its own, one that skips the network, or nothing."""

    kinds: str
    seen: list[str] = field(default_factory=list)

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        kind = self.kinds[len(self.seen) % len(self.kinds)]
        self.seen.append(kind)
        if kind == "+":
            yield from super().passes(networks, batch)
        elif kind == "?":
            yield {"ce": torch.ones((), requires_grad=True) * 2}


@pytest.mark.parametrize("kinds", ["-", "?", "-?"], ids=["nothing", "no weights", "either"])
def test_a_training_without_a_step_with_a_gradient_is_an_error(kinds: str) -> None:
    with pytest.raises(RobenchError, match="the defense Passing trained nothing: in none of 3 steps"):
        tiny.trained(Passing(kinds=kinds), tiny.rows(24), SETTINGS)


def test_a_batch_without_passes_is_skipped() -> None:
    assert tiny.trained(Passing(kinds="+-"), tiny.rows(24), SETTINGS).steps == 3


@dataclass(frozen=True, kw_only=True)
class Drifting(VirtualDefense):
    """Leaves the loss to robench, but not what training minimises."""

    steps: int = 1
    step_size: float = 0.1

    def normalise(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        yield {"ce": networks[0](batch.texts).logits.sum() * float("nan")}


def test_file_of_a_defense_is_named_if_its_loss_is_inherited() -> None:
    with pytest.raises(RobenchError, match=r"in the defense Drifting \(.*test_terms\.py, line \d+\): the loss term ce"):
        tiny.trained(Drifting(), tiny.rows(8), SETTINGS)
    with pytest.raises(RobenchError, match=r"the defense Drifting \(.*test_terms\.py, line \d+\) is None"):
        check_terms(Drifting(), None)


@dataclass(frozen=True, kw_only=True)
class Networkless(Base):
    count: Any = 1
    index: Any = 0

    @property
    def network_count(self) -> Any:
        return self.count

    @property
    def deployed(self) -> Any:
        return {0: 0, 1: 1, -1: -1, None: None}[self.index]


@pytest.mark.parametrize(
    ("count", "index", "reason"),
    [
        (0, 0, "its network_count is 0, not from 1 to 100"),
        (1, 1, "its deployed is 1: its networks are counted from 0, so the last is 0"),
        (2, -1, "its deployed is -1: its networks are counted from 0, so the last is 1"),
        ("2", 0, "its network_count is '2', not a whole number"),
        (1.0, 0, "its network_count is 1.0, not a whole number"),
        (True, 0, "its network_count is True, not a whole number"),
        (1, None, "its deployed is None, not a whole number"),
    ],
)
def test_a_defense_that_deploys_no_network_is_refused(count: Any, index: Any, reason: str) -> None:
    with pytest.raises(RobenchError, match=f"^the defense Networkless cannot be used: {reason}\\.$"):
        tiny.trained(Networkless(count=count, index=index), tiny.rows(8), SETTINGS)


def test_a_defense_whose_property_fails_before_training_is_a_sentence() -> None:
    with pytest.raises(RobenchError, match=r"^the defense Networkless failed .*test_terms\.py, line \d+.*KeyError"):
        tiny.trained(Networkless(index="unknown"), tiny.rows(8), SETTINGS)


def fail(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no such thing."), r"failed at step 1: .*test_terms\.py, line \d+: ValueError: no such thing\.$"),
        (SystemExit(0), r"failed at step 1: .*test_terms\.py, line \d+: SystemExit: 0\.$"),
        (GeneratorExit(), None),
        (KeyboardInterrupt(), None),
    ],
    ids=repr,
)
def test_a_failing_loss_is_a_sentence_with_its_line_and_an_interrupt_passes(
    error: BaseException, sentence: str | None
) -> None:
    defense = Returning(make=lambda ce: fail(error))
    with pytest.raises(RobenchError if sentence else type(error), match=sentence):
        tiny.trained(defense, tiny.rows(8), SETTINGS)
