"""The updates of the virtual-perturbation defenses, worked out by loops on a network whose gradients are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robench.defenses.fgsm import FGSM, fgm
from robench.defenses.freelb import FreeLB, freelb_plus_plus
from robench.defenses.pgd import PGD
from robench.defenses.smart import SMART, detached_symmetric_kl, smart_paper, stable_kl, symmetric_kl
from robench.models.batches import Batch
from robench.training.defense import Defense
from robench.training.perturbation import (
    draw_uniform_start,
    example_norm,
    project_onto_ball,
    replay_dropout,
    to_unit_norm,
)
from support.toy import MASK, Array, B, ByHand, D, Found, K, L, Toy, batch, close, softmax, towards

# Parts


def test_norms_and_balls_are_those_of_an_example_over_tokens_and_dimensions() -> None:
    delta = torch.tensor([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], [[0.3, 0.4], [0.0, 0.0]]])
    assert example_norm(delta).flatten().tolist() == pytest.approx([5.0, 0.0, 0.5])
    close(to_unit_norm(delta), [[[0.6, 0], [0, 0.8]], [[0, 0], [0, 0]], [[0.6, 0.8], [0, 0]]])
    close(project_onto_ball(delta, 1.0), [[[0.6, 0], [0, 0.8]], [[0, 0], [0, 0]], [[0.3, 0.4], [0, 0]]])
    close(project_onto_ball(delta, 0.0), torch.zeros(3, 2, 2))


def test_a_uniform_start_is_bounded_by_each_examples_own_length() -> None:
    torch.manual_seed(0)
    delta = draw_uniform_start(torch.Size((2, 100, 64)), torch.tensor([[1] * 100, [1] * 4 + [0] * 96]), 0.6)
    assert delta[0].abs().max().item() == pytest.approx(0.6 / math.sqrt(100 * 64), rel=1e-2)
    assert delta[1, :4].abs().max().item() == pytest.approx(0.6 / math.sqrt(4 * 64), rel=1e-1)
    assert not delta[1, 4:].any()
    # The mean square of U(-1, 1) is 1/3, so either norm is near magnitude / sqrt(3).
    assert example_norm(delta).flatten().tolist() == pytest.approx([0.6 / math.sqrt(3)] * 2, rel=0.1)
    assert abs(delta[0].mean().item()) < 5 * 0.6 / math.sqrt(3) / 6400


@pytest.mark.parametrize(
    ("defense", "gradient", "direction"),
    [
        (FGSM(), [[3.0, -0.1], [0.0, -4.0]], [[1, -1], [0, -1]]),
        (fgm, [[3.0, 0.0], [0.0, -4.0]], [[0.6, 0], [0, -0.8]]),
        (PGD(), [[3.0, 0.0], [0.0, -4.0]], [[0.6, 0], [0, -0.8]]),
        (FreeLB(), [[3.0, 0.0], [0.0, -4.0]], [[0.6, 0], [0, -0.8]]),
        (SMART(), [[3.0, 0.0], [0.0, -4.0]], [[3, 0], [0, -4]]),
        (smart_paper, [[3.0, 0.0], [1.0, -4.0]], [[0.75, 0], [0.25, -1]]),
        *((defense, [[0.0, 0.0]] * 2, [[0, 0]] * 2) for defense in (FGSM(), fgm, PGD(), FreeLB(), smart_paper)),
    ],
    ids=lambda value: repr(value) if isinstance(value, Defense) else "",
)
def test_directions_worked_out_by_hand(defense: Any, gradient: Any, direction: Any) -> None:
    close(defense.normalise(torch.tensor([gradient]))[0], direction)


@pytest.mark.parametrize(
    ("defense", "delta", "projected"),
    [
        (FGSM(), [[30.0, 40.0]], [[30, 40]]),
        (PGD(epsilon=10), [[30.0, 40.0]], [[6, 8]]),
        (PGD(epsilon=10), [[6.0, 0.0]], [[6, 0]]),
        (FreeLB(), [[30.0, 40.0]], [[30, 40]]),
        (FreeLB(max_norm=5), [[30.0, 40.0]], [[3, 4]]),
        (SMART(), [[30.0, -40.0], [0.0, 2e-3], [0.0, 0.0]], [[0.75, -1], [0, 1 / 1.0005], [0, 0]]),
        (SMART(variant="paper", epsilon=0.5), [[30.0, -0.4], [-2.0, 0.0]], [[0.5, -0.4], [-0.5, 0]]),
    ],
    ids=lambda value: repr(value) if isinstance(value, Defense) else "",
)
def test_projections_worked_out_by_hand(defense: Any, delta: Any, projected: Any) -> None:
    close(defense.project(torch.tensor([delta]))[0], projected)


@pytest.mark.parametrize(("function", "is_fixed"), [(symmetric_kl, False), (detached_symmetric_kl, True)])
def test_symmetric_kl_has_the_gradient_of_its_variant(function: Any, is_fixed: bool) -> None:
    one = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.2, 3.0], [0.1, 0.2, 0.3]], requires_grad=True)
    other = torch.tensor([[0.0, 2.0, 0.3], [0.5, 0.2, 3.1], [0.0, 1.0, 0.0]], requires_grad=True)
    p, q = softmax(one.detach().double().numpy()), softmax(other.detach().double().numpy())
    value = function(one, other)
    value.backward()
    expected = sum((p[i, k] - q[i, k]) * (math.log(p[i, k]) - math.log(q[i, k])) for i in range(B) for k in range(K))
    assert value.item() == pytest.approx(expected / B, rel=1e-5)
    if is_fixed:  # of KL(q // p) alone, q being fixed
        close(one.grad, (p - q) / B)
        close(other.grad, (q - p) / B)
    else:
        close(one.grad, symmetric_kl_error(p, q) / B)
        close(other.grad, symmetric_kl_error(q, p) / B)


def test_stable_kl_is_twice_the_sum_of_p_times_log_odds_that_count_as_constants() -> None:
    one = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.2, 3.0]], requires_grad=True)
    other = torch.tensor([[0.0, 2.0, 0.3], [0.5, 0.2, 3.1]])
    p, q = softmax(one.detach().double().numpy()), softmax(other.double().numpy())
    value = stable_kl(one, other)
    value.backward()
    assert value.item() == pytest.approx(sum(2 * p[at] * log_odds(p, q)[at] for at in np.ndindex(2, 3)), rel=1e-4)
    close(one.grad, stable_kl_error(p, q), atol=1e-4)
    certain = torch.tensor([[0.0, 200.0], [-200.0, 0.0]], requires_grad=True)
    stable_kl(certain, -certain.detach()).backward()
    assert certain.grad is not None and certain.grad.isfinite().all()


def test_the_same_dropout_is_that_of_the_pass_before() -> None:
    torch.manual_seed(1)
    state = replay_dropout(None, torch.device("cpu"))
    first = nn.functional.dropout(torch.ones(50))
    after = torch.rand(3)
    assert replay_dropout(state, torch.device("cpu")) is state
    assert torch.equal(nn.functional.dropout(torch.ones(50)), first)
    assert torch.equal(torch.rand(3), after)


# Whole updates


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("step_size", [0.01, 0.5])
@pytest.mark.parametrize("kind", ["linf", "l2"])
def test_fgsm_is_the_clean_loss_and_the_loss_one_step_up(kind: Any, step_size: float, steps: int) -> None:
    found = Found(FGSM(norm=kind, step_size=step_size, steps=steps))
    delta = np.zeros((B, L, D))
    for _ in range(steps):
        gradient = found.hand.back(found.hand.ce_error(delta))
        if kind == "l2":
            delta = towards(delta, gradient, step_size)
            continue
        for i, t, d in np.ndindex(B, L, D):
            delta[i, t, d] += step_size * (gradient[i, t, d] > 0) - step_size * (gradient[i, t, d] < 0)
    check_clean_and_last(found, delta)


@pytest.mark.parametrize(
    "values", [{}, {"steps": 1}, {"steps": 7, "step_size": 0.4}, {"steps": 4, "epsilon": 0.1}], ids=str
)
def test_pgd_is_the_clean_loss_and_the_loss_at_the_end_of_the_ascent(values: dict[str, Any]) -> None:
    defense = PGD(**values)
    found = Found(defense)
    delta = np.zeros((B, L, D))
    for step in range(defense.steps):
        close(found.deltas[step], delta)
        delta = towards(delta, found.hand.back(found.hand.ce_error(delta)), defense.step_size, defense.epsilon)
    check_clean_and_last(found, delta)


def check_clean_and_last(found: Found, delta: Array) -> None:
    hand, clean = found.hand, np.zeros((B, L, D))
    close(found.deltas[-1], delta)
    assert found.passes == [
        pytest.approx({"ce_clean": hand.ce(clean)}, rel=1e-4),
        pytest.approx({"ce_perturbed": hand.ce(delta)}, rel=1e-4),
    ]
    due = sum(hand.weight_gradient(hand.ce_error(at), at) for at in (clean, delta))
    close(found.weight_gradient, due)


@pytest.mark.parametrize(
    "defense",
    [
        FreeLB(),
        freelb_plus_plus,
        FreeLB(steps=1),
        FreeLB(steps=5, step_size=0.4, magnitude=2.0),
        FreeLB(steps=5, step_size=0.4, max_norm=0.7),
        FreeLB(steps=3, step_size=0.4, magnitude=3.0, max_norm=0.5),
    ],
    ids=repr,
)
def test_freelb_is_the_mean_loss_of_its_steps_from_a_random_start(defense: FreeLB) -> None:
    found = Found(defense)
    hand = found.hand
    torch.manual_seed(7)
    delta = torch.empty(B, L, D).uniform_(-1, 1).double().numpy()
    for i, t in np.ndindex(B, L):
        delta[i, t] *= MASK[i][t] * defense.magnitude / math.sqrt(sum(MASK[i]) * D)
    due = np.zeros((K, D))
    losses: list[float] = []
    for _ in range(defense.steps):
        close(found.deltas[len(losses)], delta)
        losses.append(hand.ce(delta))
        due += hand.weight_gradient(hand.ce_error(delta), delta) / defense.steps
        gradient = hand.back(hand.ce_error(delta))
        delta = towards(delta, gradient, defense.step_size, defense.max_norm)
    names = [f"ce_step{step + 1}" for step in range(defense.steps)]
    assert [list(terms) for terms in found.passes] == [[name] for name in names]
    close([terms[name] for name, terms in zip(names, found.passes, strict=True)], np.array(losses) / defense.steps)
    close(found.weight_gradient, due)


@pytest.mark.parametrize(
    "defense",
    [
        SMART(noise=0.1),
        SMART(noise=0.1, step_size=0.5, steps=3, alpha=2.5),
        SMART(noise=0.1, step_size=0.05, steps=2, variant="paper", epsilon=0.2, mu=0.0),
        SMART(noise=0.3, step_size=0.5, steps=2, variant="paper", epsilon=0.2, alpha=0.5),
    ],
    ids=repr,
)
def test_smart_smooths_between_the_clean_and_the_furthest_prediction(defense: SMART) -> None:
    found = Found(defense)
    clean, is_released = np.zeros((B, L, D)), defense.variant == "mt-dnn"
    hand, noisy = found.hand, ByHand(found.networks[0], found.batch, fed=is_released)
    p = softmax(hand.logits(clean))
    torch.manual_seed(7)
    delta = torch.randn(B, L, D).double().numpy() * defense.noise
    for i, t in np.ndindex(B, L):
        delta[i, t] *= MASK[i][t]
    error = stable_kl_error if is_released else symmetric_kl_error
    for step in range(defense.steps):
        close(found.deltas[step], delta)
        delta = smart_step(defense, delta, noisy.back(error(softmax(noisy.logits(delta)), p)))
    close(found.deltas[-1], delta)
    q = softmax(noisy.logits(delta))
    distance = sum((p[at] - q[at]) * math.log(p[at] / q[at]) for at in np.ndindex(B, K)) / B
    expected = {"ce": hand.ce(clean), "smoothness": defense.alpha * distance}
    if not is_released:
        expected["proximal"] = 0.0
    assert found.passes == [pytest.approx(expected, rel=1e-3, abs=1e-6)]
    at_clean, at_noisy = ((p - q) / B, (q - p) / B)  # each side is a fixed target of the other
    if not is_released:
        at_clean, at_noisy = symmetric_kl_error(p, q) / B, symmetric_kl_error(q, p) / B
    due = hand.weight_gradient(hand.ce_error(clean), clean)
    due += defense.alpha * hand.weight_gradient(at_clean, clean)
    due += defense.alpha * noisy.weight_gradient(at_noisy, delta)
    close(found.weight_gradient, due, atol=1e-4)


def log_odds(q: Array, p: Array) -> Array:
    """The log-odds of q less those of p, with the guards of mt-dnn against a probability of 0 or 1."""
    return np.log((1 / (p + 1e-6) - 1 + 1e-6) / (1 / (q + 1e-6) - 1 + 1e-6))


def stable_kl_error(q: Array, p: Array) -> Array:
    """Gradient of 2 q (log-odds of q less those of p) with respect to the logits of q; log-odds are constants."""
    odds = 2 * log_odds(q, p)
    return q * (odds - (q * odds).sum(1, keepdims=True))


def symmetric_kl_error(q: Array, p: Array) -> Array:
    """Gradient of KL(q // p) + KL(p // q), summed over the rows, with respect to the logits of q."""
    error = np.zeros((B, K))
    for i in range(B):
        mean = sum(q[i, k] * math.log(q[i, k] / p[i, k]) for k in range(K))
        for k in range(K):
            error[i, k] = q[i, k] * (math.log(q[i, k] / p[i, k]) - mean) + q[i, k] - p[i, k]
    return error


def smart_step(defense: SMART, delta: Array, gradient: Array) -> Array:
    moved = np.zeros((B, L, D))
    for i in range(B):
        largest = max(abs(gradient[i]).flat)
        for t in range(L):
            if defense.variant == "mt-dnn":
                token = delta[i, t] + defense.step_size * gradient[i, t]
                moved[i, t] = token / (max(abs(token)) + 1e-6)
                continue
            for d in range(D):
                free = delta[i, t, d] + defense.step_size * gradient[i, t, d] / largest
                moved[i, t, d] = min(max(free, -defense.epsilon), defense.epsilon)
    return moved


@pytest.mark.parametrize("leaks", [False, True], ids=["padding is not read", "padding is read"])
@pytest.mark.parametrize(
    "defense", [FGSM(), fgm, PGD(), FreeLB(), freelb_plus_plus, SMART(noise=0.1), smart_paper], ids=repr
)
def test_padding_is_never_perturbed_and_every_token_is(defense: Defense, leaks: bool) -> None:
    perturbed = Found(defense, leaks=leaks).deltas[-1].any(-1)
    assert perturbed.tolist() == np.array(MASK, dtype=bool).tolist()


@pytest.mark.parametrize("defense", [fgm, PGD(), FreeLB(magnitude=0), SMART(noise=0.1), smart_paper], ids=repr)
def test_a_rows_perturbation_owes_nothing_to_the_other_rows(defense: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = torch.randn(B, L, D, generator=torch.Generator().manual_seed(3)) * 0.1 * torch.tensor(MASK).unsqueeze(2)
    monkeypatch.setattr(type(defense), "start", lambda self, shape, mask: noise[: shape[0]].clone())
    together = last_delta(defense, batch())
    alone = last_delta(defense, Batch({name: rows[:1] for name, rows in batch().texts.items()}, batch().labels[:1]))
    torch.testing.assert_close(alone, together[:1], atol=1e-6, rtol=1e-4)


def last_delta(defense: Defense, given: Batch) -> Tensor:
    networks = [Toy(), Toy()][: defense.network_count]
    for terms in defense.passes(networks, given):  # type: ignore[arg-type]
        torch.stack(list(terms.values())).sum().backward()
    return [delta for delta in networks[0].seen if delta is not None][-1]


# Misuse


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (FGSM, {"norm": "l1"}),
        (FGSM, {"steps": 0}),
        (FGSM, {"step_size": -0.1}),
        (PGD, {"steps": -1}),
        (PGD, {"epsilon": -1.0}),
        (PGD, {"step_size": math.nan}),
        (FreeLB, {"magnitude": -0.1}),
        (FreeLB, {"max_norm": math.inf}),
        (SMART, {"variant": "mine"}),
        (SMART, {"noise": -1e-5}),
        (SMART, {"alpha": -1}),
        (SMART, {"momentum": 1.1}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value.__name__,
)
def test_a_value_that_means_nothing_is_refused_by_name(made: Callable[..., Defense], values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        made(**values)


@pytest.mark.parametrize("defense", [FGSM(), PGD(), FreeLB()], ids=repr)
def test_a_pass_that_was_not_run_backward_is_told(defense: Defense) -> None:
    passes = defense.passes([Toy()], batch())  # type: ignore[list-item]
    next(passes)
    with pytest.raises(RuntimeError, match="must be run backward"):
        next(passes)


@pytest.mark.parametrize("defense", [FGSM(), PGD(), FreeLB(), SMART()], ids=repr)
def test_the_loss_without_an_ascent_is_the_clean_loss(defense: Defense) -> None:
    toy = Toy()
    (loss,) = defense.loss([toy], batch()).values()  # type: ignore[list-item]
    close(loss.item(), ByHand(toy, batch()).ce(np.zeros((B, L, D))))
