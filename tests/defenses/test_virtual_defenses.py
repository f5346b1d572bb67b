"""The virtual-perturbation defenses on small real encoders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robench.defenses.base import Base
from robench.defenses.fgsm import FGSM, fgm
from robench.defenses.freelb import FreeLB, freelb_plus_plus
from robench.defenses.pgd import PGD
from robench.defenses.smart import SMART, smart_paper
from robench.models.batches import Batch, collate, tokenise
from robench.models.classifier import Classifier
from robench.training.defense import Defense, Terms
from robench.training.objectives import cross_entropy
from robench.training.perturbation import VirtualDefense
from robench.training.settings import TrainingSettings
from support import tiny
from support.passes import gradients, perturbations, run_passes

ALL: dict[str, VirtualDefense] = {
    "fgsm": FGSM(),
    "fgm": fgm,
    "pgd": PGD(),
    "freelb": FreeLB(),
    "freelb++": freelb_plus_plus,
    "smart": SMART(),
    "smart-paper": smart_paper,
}
ONE_STEP = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=32)


def network(*, dropout: bool = False, seed: int = 0) -> Classifier:
    return tiny.classifier(seed).train(dropout)


def padded(length: int | None = None) -> Batch:
    """Texts of unlike lengths, padded to the longest or further."""
    examples = tiny.examples(4, seed=5)
    rows = tokenise(tiny.tokenizer(), [example.text for example in examples], 32)
    labels = torch.tensor([example.label for example in examples])
    return Batch(collate(tiny.tokenizer(), rows, tiny.CPU, length=length), labels)


def networks_of(defense: Defense) -> list[Classifier]:
    made = [network(seed=index) for index in range(defense.network_count)]
    defense.before_training(made)
    return made


# Padding and special tokens


@pytest.mark.parametrize("name", ALL)
def test_padding_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    defense = ALL[name]
    # What a batch is padded to would otherwise decide which random numbers a text gets.
    drawn = torch.randn(4, 40, 32, generator=torch.Generator().manual_seed(1)) * 0.02
    monkeypatch.setattr(
        type(defense), "start", lambda self, shape, mask: drawn[:, : shape[1]] * mask.unsqueeze(2), raising=False
    )
    results = []
    for batch in (padded(), padded(length=40)):
        networks = networks_of(defense)
        seen = perturbations(networks[0])
        losses = run_passes(defense, networks, batch)
        assert not seen[-1][batch.texts["attention_mask"] == 0].any()
        results.append((losses, seen[-1], gradients(networks[0])))
    (short, delta, weights), (long, longer_delta, same_weights) = results
    assert longer_delta.shape[1] == 40 > delta.shape[1]
    assert long == [pytest.approx(losses, rel=1e-4, abs=1e-6) for losses in short]
    torch.testing.assert_close(longer_delta[:, : delta.shape[1]], delta, atol=1e-4, rtol=1e-3)
    for parameter, gradient in weights.items():
        torch.testing.assert_close(same_weights[parameter], gradient, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_every_token_of_a_text_is_perturbed_the_special_ones_too(name: str) -> None:
    defense, batch = ALL[name], padded()
    networks = networks_of(defense)
    seen = perturbations(networks[0])
    run_passes(defense, networks, batch)
    assert torch.equal(seen[-1].any(-1), batch.texts["attention_mask"].bool())


# What the ascent does


@pytest.mark.parametrize("values", [{}, {"steps": 10, "step_size": 0.1, "epsilon": 0.5}], ids=str)
def test_an_ascent_finds_a_higher_loss_within_the_ball(values: dict[str, Any]) -> None:
    defense = PGD(**values)
    model, batch = network(), padded()
    seen = perturbations(model)
    clean, perturbed = run_passes(defense, [model], batch)
    assert perturbed["ce_perturbed"] > clean["ce_clean"] + 0.05
    lengths = seen[-1].flatten(1).norm(dim=1)
    assert (lengths <= defense.epsilon + 1e-5).all()
    assert lengths.max().item() == pytest.approx(min(defense.epsilon, defense.steps * defense.step_size), rel=0.05)


@pytest.mark.parametrize(("norm", "size"), [("l2", 1e-2), ("linf", 1e-3)])
def test_one_small_ascent_raises_the_loss_by_its_slope(norm: Any, size: float) -> None:
    model, batch = network(), padded()
    delta = torch.zeros(*batch.texts["input_ids"].shape, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(cross_entropy(model(batch.texts, delta).logits, batch.labels), delta)
    slope = gradient.flatten(1).norm(dim=1).sum() if norm == "l2" else gradient.abs().sum()
    clean, perturbed = run_passes(FGSM(norm=norm, step_size=size), [model], batch)
    assert perturbed["ce_perturbed"] - clean["ce_clean"] == pytest.approx(size * slope.item(), rel=0.1)


@pytest.mark.parametrize(
    ("defense", "times", "terms"),
    [
        (PGD(epsilon=0), 2, ["ce_clean", "ce_perturbed"]),
        (FGSM(step_size=0), 2, ["ce_clean", "ce_perturbed"]),
        (FGSM(norm="l2", step_size=0), 2, ["ce_clean", "ce_perturbed"]),
        (FreeLB(magnitude=0, step_size=0, steps=4), 1, [f"ce_step{step}" for step in range(1, 5)]),
        (SMART(alpha=0), 1, ["ce", "smoothness"]),
        (SMART(variant="paper", alpha=0), 1, ["ce", "smoothness", "proximal"]),
    ],
    ids=repr,
)
def test_without_a_perturbation_a_defense_is_base(defense: Defense, times: int, terms: list[str]) -> None:
    batch, model = padded(), network()
    plain, networks = network(), [model, *networks_of(defense)[1:]]
    (base,) = run_passes(Base(), [plain], batch)
    defense.before_training(networks)
    found = [item for losses in run_passes(defense, networks, batch) for item in losses.items()]
    assert [name for name, _ in found] == terms
    assert sum(loss for _, loss in found) == pytest.approx(times * base["ce"], rel=1e-5)
    for name, gradient in gradients(plain).items():
        torch.testing.assert_close(gradients(model)[name], times * gradient, atol=1e-6, rtol=1e-4)


def test_freelb_of_one_step_at_the_text_itself_is_base_to_the_last_bit() -> None:
    batch = padded()
    plain, model = network(dropout=True), network(dropout=True)
    torch.manual_seed(4)
    torch.rand(*batch.texts["input_ids"].shape, 32)  # FreeLB draws its start before the dropout
    (base,) = run_passes(Base(), [plain], batch)
    torch.manual_seed(4)
    assert run_passes(FreeLB(steps=1, magnitude=0), [model], batch) == [{"ce_step1": base["ce"]}]
    assert gradients(plain).keys() == gradients(model).keys()
    assert all(torch.equal(gradient, gradients(model)[name]) for name, gradient in gradients(plain).items())


def test_freelb_has_one_dropout_mask_per_update() -> None:
    batch, defense = padded(), FreeLB(steps=5, step_size=0, magnitude=0)
    model = network(dropout=True)
    torch.manual_seed(4)
    updates = [run_passes(defense, [model], batch) for _ in range(2)]
    losses = [{loss for terms in update for loss in terms.values()} for update in updates]
    assert [len(some) for some in losses] == [1, 1]
    assert losses[0] != losses[1]


def test_freelb_averages_the_gradients_at_all_its_points() -> None:
    batch, defense = padded(), FreeLB(steps=4, step_size=0.3)
    model, other = network(), network()
    seen = perturbations(model)
    run_passes(defense, [model], batch)
    assert len(seen) == 4
    for delta in seen:
        (cross_entropy(other(batch.texts, delta).logits, batch.labels) / 4).backward()
    for name, gradient in gradients(other).items():
        torch.testing.assert_close(gradients(model)[name], gradient, atol=1e-6, rtol=1e-4)
    lengths = [(after - before).flatten(1).norm(dim=1) for before, after in itertools.pairwise(seen)]
    torch.testing.assert_close(torch.stack(lengths), torch.full((3, 4), 0.3))


@pytest.mark.parametrize("defense", [PGD(), SMART(steps=3)], ids=repr)
def test_the_ascent_itself_leaves_no_gradient_in_the_weights(defense: VirtualDefense) -> None:
    batch, model = padded(), network()
    seen, expected = perturbations(model), network()
    run_passes(defense, [model], batch)
    fed = expected.embed(batch.texts) if isinstance(defense, SMART) else None
    clean, moved = expected(batch.texts).logits, expected(batch.texts, seen[-1], fed).logits
    loss = cross_entropy(clean, batch.labels)
    if isinstance(defense, PGD):
        loss = loss + cross_entropy(moved, batch.labels)
    else:
        p, q = clean.softmax(-1), moved.softmax(-1)
        for one, other in ((p, q), (q, p)):
            loss = loss + (one.detach() * (one.detach() / other).log()).sum(-1).mean()
    loss.backward()
    for name, gradient in gradients(expected).items():
        torch.testing.assert_close(gradients(model)[name], gradient, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("steps", [1, 2])
def test_the_released_smart_perturbs_the_output_of_the_embedding_layer_and_feeds_it_in_again(steps: int) -> None:
    """One update, worked out on Transformers' own model, apart from robench's classifier."""
    batch, model, defense = padded(), network(), SMART(steps=steps, step_size=0.5, noise=0.01)
    torch.manual_seed(6)
    (found,) = run_passes(defense, [model], batch)

    other = network()
    bert: Any = other.encoder
    mask = batch.texts["attention_mask"].unsqueeze(-1)
    output = bert.embeddings(batch.texts["input_ids"], batch.texts["token_type_ids"])
    rest = {name: batch.texts[name] for name in ("attention_mask", "token_type_ids")}

    def logits(**inputs: Tensor) -> Tensor:
        states = bert(**rest, **inputs).last_hidden_state
        return other.head((states * mask).sum(1) / mask.sum(1))  # type: ignore[no-any-return]

    clean = logits(input_ids=batch.texts["input_ids"])
    torch.manual_seed(6)
    delta = torch.randn(output.shape) * 0.01 * mask
    for _ in range(steps):
        delta.requires_grad_()
        p, q = logits(inputs_embeds=output + delta).softmax(-1), clean.detach().softmax(-1)
        odds = [torch.log(share / (1 - share)) for share in (p.detach(), q)]
        (gradient,) = torch.autograd.grad((2 * p * (odds[0] - odds[1])).sum(), delta, retain_graph=True)
        moved = delta.detach() + 0.5 * gradient * mask
        delta = moved / (moved.abs().amax(-1, keepdim=True) + 1e-6)
    noisy = logits(inputs_embeds=output + delta.detach())
    one, two = clean.log_softmax(-1), noisy.log_softmax(-1)
    apart = [(a.exp().detach() * (a.detach() - b)).sum(-1).mean() for a, b in ((one, two), (two, one))]
    ce = nn.functional.cross_entropy(clean, batch.labels)
    (ce + apart[0] + apart[1]).backward()
    assert found == pytest.approx({"ce": ce.item(), "smoothness": (apart[0] + apart[1]).item()}, rel=1e-3)
    for name, gradient in gradients(other).items():
        torch.testing.assert_close(gradients(model)[name], gradient, atol=1e-5, rtol=1e-3)


def test_the_defaults_of_smart_are_those_of_the_program_and_of_the_paper() -> None:
    assert (SMART().step_size, SMART().noise, SMART().steps, SMART().alpha) == (1e-5, 1e-5, 1, 1)
    assert (smart_paper.step_size, smart_paper.epsilon, smart_paper.noise) == (1e-3, 1e-5, 1e-5)


# SMART's slow average


@dataclass(frozen=True, kw_only=True)
class Watched(SMART):  # type: ignore[misc]  # robench.defenses is Any to mypy
    """Keeps both networks' weights before the first and after each step, and the terms of each."""

    variant: Any = "paper"
    states: list[list[dict[str, Tensor]]] = field(default_factory=list)
    losses: list[dict[str, float]] = field(default_factory=list)
    modes: list[tuple[bool, ...]] = field(default_factory=list)

    def before_training(self, networks: Sequence[Classifier]) -> None:
        different = [not torch.equal(*pair) for pair in zip(*(n.parameters() for n in networks), strict=True)]
        assert any(different), "the heads are drawn apart"
        super().before_training(networks)
        self.keep(networks)

    def passes(self, networks: Sequence[Classifier], batch: Batch) -> Iterator[Terms]:
        for terms in super().passes(networks, batch):
            self.losses.append({name: term.item() for name, term in terms.items()})
            yield terms

    def after_step(self, networks: Sequence[Classifier]) -> None:
        super().after_step(networks)
        self.modes.append(tuple(module.training for module in networks[1].modules()))
        assert not gradients(networks[1])
        self.keep(networks)

    def keep(self, networks: Sequence[Classifier]) -> None:
        self.states.append([{name: p.detach().clone() for name, p in n.named_parameters()} for n in networks])


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test_the_slow_average_starts_as_a_copy_and_follows(momentum: float) -> None:
    watched = Watched(momentum=momentum)
    tiny.trained(watched, tiny.rows(32), ONE_STEP)
    (fast, slow), *later = watched.states
    assert len(later) == 4
    assert all(torch.equal(slow[name], value) for name, value in fast.items())
    for fast, found in later:
        slow = {name: momentum * value + (1 - momentum) * fast[name] for name, value in slow.items()}
        for name, value in found.items():
            torch.testing.assert_close(value, slow[name], atol=1e-7, rtol=1e-5)
    start = watched.states[0][0]["head.weight"]
    assert [torch.equal(state["head.weight"], start) for state in later[-1]] == [False, momentum == 1]


def test_the_slow_average_has_no_dropout() -> None:
    watched = Watched()
    tiny.trained(watched, tiny.rows(16), ONE_STEP)
    assert [any(mode) for mode in watched.modes] == [False, False]


@pytest.mark.parametrize(("dropout", "at_first"), [(0.0, False), (0.1, True)])
def test_the_proximal_term_measures_how_far_training_has_gone(dropout: float, at_first: bool) -> None:
    watched = Watched()
    tiny.trained(watched, tiny.rows(24), ONE_STEP, encoder=lambda: tiny.encoder(dropout=dropout))
    first, *others = (terms["proximal"] for terms in watched.losses)
    assert (first > 1e-7, min(others) > 1e-6) == (at_first, True)


@pytest.mark.parametrize("values", [{"alpha": 3.0}, {"mu": 0.5}, {"alpha": 0.0, "mu": 10.0}], ids=str)
def test_weights_scale_smarts_terms(values: dict[str, float]) -> None:
    batch = padded()

    def losses(defense: SMART) -> dict[str, float]:
        torch.manual_seed(2)
        (found,) = run_passes(defense, [network(seed=0), network(seed=1)], batch)
        return found

    plain = losses(SMART(variant="paper", epsilon=0.1, step_size=0.1))
    expected = {
        "ce": plain["ce"],
        "smoothness": values.get("alpha", 1) * plain["smoothness"],
        "proximal": values.get("mu", 1) * plain["proximal"],
    }
    assert min(plain.values()) > 1e-5
    weighted = SMART(variant="paper", epsilon=0.1, step_size=0.1, **values)
    assert losses(weighted) == pytest.approx(expected, rel=1e-4)


def test_the_released_smart_has_no_slow_average() -> None:
    assert (SMART().network_count, smart_paper.network_count) == (1, 2)
    assert all(parameter.requires_grad for parameter in networks_of(SMART())[0].parameters())
