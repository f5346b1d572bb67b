"""ASCC's synonyms of tokens, its hulls, its search and its loss, against calculations of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from robench.defenses import ascc
from robench.defenses.ascc import ASCC, Hull, list_synonyms
from robench.models.classifier import Classifier
from robench.models.vocabulary import list_tokens
from robench.resources import Neighbours
from support import tiny

WORDS = ("superb", "lovely", "bright", "dull", "excellent", "awful")
NEAR = {
    "superb": ("excellent", "lovely", "bright"),
    "lovely": ("superb", "bright"),
    "bright": (),
    "dull": ("awful",),
    "excellent": (),
    "awful": (),
}
"""Neighbours by falling score; the tiny tokenizer has no token for excellent."""


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neighbours of six words in the form of the bundled ones."""
    rows = [[WORDS.index(one) for one in (word, *NEAR[word], *[word] * 4)][:4] for word in WORDS]
    made = Neighbours(list(WORDS), np.zeros((6, 2)), np.array(rows), np.ones((6, 4)))
    monkeypatch.setattr(ascc, "load_neighbours", lambda **_: made)
    list_synonyms.cache_clear()
    yield
    list_synonyms.cache_clear()


def network() -> Classifier:
    found = tiny.classifier()
    found.vocabulary = list_tokens(tiny.tokenizer())
    return found


def inputs(*texts: str) -> dict[str, torch.Tensor]:
    return dict(tiny.tokenizer()(list(texts), padding=True, return_tensors="pt"))


def tokens(numbers: torch.Tensor) -> list[str]:
    return [str(token) for token in tiny.tokenizer().convert_ids_to_tokens(numbers.tolist())]


def test_synonyms_of_a_token_are_the_nearest_that_are_tokens_too() -> None:
    found, continues = list_synonyms(network().vocabulary, 3)
    number = tiny.tokenizer().convert_tokens_to_ids
    assert tokens(found[number("superb")]) == ["superb", "lovely", "bright", "superb"]
    assert tokens(found[number("film")]) == ["film"] * 4
    assert tokens(list_synonyms(network().vocabulary, 1)[0][number("superb")]) == ["superb", "lovely"]
    assert continues[number("##a")] and not continues[number("superb")] and not continues[number("[SEP]")]


def test_words_of_a_vocabulary_that_marks_beginnings_are_found_behind_the_mark() -> None:
    vocabulary = ("<s>", "</s>", "Ġsuperb", "Ġlovely", "superb", "ly", ".")
    found, continues = list_synonyms(vocabulary, 2)
    assert found.tolist()[2:5] == [[2, 3, 2], [3, 2, 3], [4, 4, 4]]
    assert continues.tolist() == [False, False, False, False, True, True, False]


def test_parts_of_a_longer_word_have_no_hull() -> None:
    """The tiny tokenizer reads what is no word of its own letter by letter."""
    texts = inputs("superb film", "xsuperb dull")
    hull = ASCC(synonyms=3).build_hull(network(), texts)
    counts = dict(zip(tokens(texts["input_ids"].flatten()), hull.is_choice.sum(2).flatten().tolist(), strict=True))
    assert counts["superb"] == 3 and counts["dull"] == 2 and counts["film"] == 1
    assert {n for token, n in counts.items() if token.startswith("##") or token in ("x", "[CLS]", "[SEP]")} == {1}


def test_mixture_is_the_softmax_over_the_choices_there_are() -> None:
    embeddings = torch.tensor([[[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]]])
    hull = Hull(embeddings, torch.tensor([[[True, True, False]]]))
    mixed, entropy = hull.mix(torch.tensor([[[0.0, 1.0, 5.0]]]))
    share = 1 / (1 + np.e)
    np.testing.assert_allclose(mixed.numpy(), [[[share, 2 * (1 - share)]]], rtol=1e-6)
    assert entropy.item() == pytest.approx(-share * np.log(share) - (1 - share) * np.log(1 - share), rel=1e-6)


def test_first_step_of_the_search_is_adam_up_the_divergence_and_down_the_entropy() -> None:
    """Adam's first step moves each weight by the step size against the sign of its gradient."""
    model, texts = network(), inputs("the superb film was dull")
    defense = ASCC(steps=1, step_size=0.25, alpha=10.0, synonyms=3)
    hull = Hull(*(part.detach() for part in defense.build_hull(model, texts)))
    torch.manual_seed(1)
    found = defense.search(model, texts)
    torch.manual_seed(1)
    start = torch.randn(hull.is_choice.shape) * (2 / hull.is_choice.shape[1] / 4) ** 0.5

    def objective(weights: torch.Tensor) -> float:
        mixed, entropy = hull.mix(weights)
        p, q = (model(texts, embeddings=e).logits.double().softmax(-1) for e in (hull.embeddings[:, :, 0], mixed))
        return float(10 * entropy - (p * (p.log() - q.log())).sum())

    moved = 0
    for place in hull.is_choice.nonzero().tolist():
        if hull.is_choice[place[0], place[1]].sum() == 1:
            continue
        up, down = start.clone(), start.clone()
        up[tuple(place)] += 0.01
        down[tuple(place)] -= 0.01
        with torch.no_grad():
            slope = objective(up) - objective(down)
        change = (found - start)[tuple(place)].item()
        assert change == pytest.approx(-0.25 * np.sign(slope), rel=0.02)
        moved += 1
    assert moved == 5, "three choices of superb, two of dull"


def test_search_finds_a_mixture_that_moves_the_prediction_more() -> None:
    model, batch = network(), tiny.batch(6)
    defense = ASCC(synonyms=3, alpha=0.0)
    torch.manual_seed(1)
    with torch.no_grad():
        start = torch.randn(defense.build_hull(model, batch.texts).is_choice.shape) * 0.1
    divergences = []
    for weights in (start, defense.search(model, batch.texts)):
        with torch.no_grad():
            mixed, _ = defense.build_hull(model, batch.texts).mix(weights)
            p, q = model(batch.texts).logits.softmax(-1), model(batch.texts, embeddings=mixed).logits.softmax(-1)
        divergences.append((p * (p / q).log()).sum().item())
    assert divergences[1] > 1.2 * divergences[0] > 0


def test_loss_is_cross_entropy_and_the_weighted_divergence_from_the_mixtures(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = network(), replace(tiny.batch(6), texts=inputs(*["the superb film was dull"] * 6))
    with torch.no_grad():
        # Logits of about one, so that the divergence is no matter of the last digits, and its gradient not of none.
        model.head.weight.div_(model(batch.texts).logits.abs().max())
    defense = ASCC(synonyms=3, kl_weight=4.0)
    weights = torch.randn(defense.build_hull(model, batch.texts).is_choice.shape)
    monkeypatch.setattr(ASCC, "search", lambda *_: weights)
    found = defense.loss([model], batch)
    with torch.no_grad():
        mixed, _ = defense.build_hull(model, batch.texts).mix(weights)
        logits = [model(batch.texts).logits, model(batch.texts, embeddings=mixed).logits]
    p, q = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (one.numpy().astype(np.float64) for one in logits))
    assert found["ce"].item() == pytest.approx(-np.log(p[np.arange(6), batch.labels.numpy()]).mean(), rel=1e-5)
    assert found["kl"].item() == pytest.approx(4 * (p * np.log(p / q)).sum(1).mean(), rel=1e-3)
    found["kl"].backward()
    words = model.encoder.get_submodule("embeddings.word_embeddings").weight
    assert isinstance(words, torch.nn.Parameter) and words.grad is not None and words.grad.abs().max() > 0


def test_search_leaves_mode_and_gradients_of_the_network_alone() -> None:
    model, batch = network().train(), tiny.batch(4)
    ASCC(steps=2, synonyms=3).search(model, batch.texts)
    assert model.training and model.encoder.training
    assert all(parameter.grad is None for parameter in model.parameters())
