"""Every registered defense trains every family of encoders, in either precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from transformers import AutoModel, CanineConfig, MobileBertConfig, PretrainedConfig, XLNetConfig

from robench.defenses.pgd import PGD
from robench.defenses.smart import SMART
from robench.errors import RobenchError
from robench.models.batches import Batch, TrainingRow, TrainingSet
from robench.models.classifier import Classifier
from robench.models.encoders import EncoderSource, find_encoder
from robench.plugins import registry
from robench.training.defense import Defense, FusedDefense, TrainsOn
from robench.training.objectives import cross_entropy
from robench.training.settings import TrainingSettings
from support import tiny
from support.encoder_families import FAMILIES, letters

ONE_STEP = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=32)


def trained_defenses() -> list[str]:
    """Every registered defense of robench's own that trains something."""
    own = [entry for entry in registry.entries("defenses") if entry.origin == "robench"]
    return [entry.name for entry in own if not isinstance(entry.load(), FusedDefense)]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EncoderSource]:
    """One small encoder of each family, with its tokenizer, in a folder."""
    found = {}
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        for family, config in FAMILIES.items():
            folder = tmp_path_factory.mktemp(family)
            AutoModel.from_config(config()).save_pretrained(folder)
            (letters(folder) if family == "roberta" else tiny.tokenizer()).save_pretrained(folder)
            found[family] = find_encoder(str(folder))
    return found


def family_batch(source: EncoderSource, *, pairs: bool = False) -> tuple[Classifier, Batch]:
    model = Classifier(source.model(), 2)
    model.initialise_head(0)
    data = TrainingSet(
        tiny.rows(6, pairs=pairs), source.tokenizer(), batch_size=6, max_length=32, seed=0, device=tiny.CPU
    )
    return model, next(data.epoch(0))


@pytest.mark.parametrize("family", FAMILIES)
def test_inputs_by_embeddings_are_inputs_by_number(family: str, encoders: dict[str, EncoderSource]) -> None:
    model, batch = family_batch(encoders[family])
    none = torch.zeros(*batch.texts["input_ids"].shape, model.embedding_width, requires_grad=True)
    mask = batch.texts["attention_mask"].bool()
    assert not mask.all(), "padding belongs to the question"
    for dropout in (False, True):
        model.train(dropout)
        torch.manual_seed(1)
        expected = model(batch.texts)
        torch.manual_seed(1)
        found = model(batch.texts, none)
        assert torch.equal(found.logits, expected.logits)
    (gradient,) = torch.autograd.grad(cross_entropy(found.logits, batch.labels), none)
    if family != "deberta-v2":  # its convolution reads the padding
        assert torch.equal(gradient.any(-1), mask)
    elsewhere = model.eval()(batch.texts, 0.1 * torch.randn(none.shape)).logits
    assert not torch.allclose(elsewhere, model(batch.texts).logits, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_embed_gives_the_output_of_the_embedding_layer(family: str, encoders: dict[str, EncoderSource]) -> None:
    model, batch = family_batch(encoders[family])
    model.eval()
    found = model.embed(batch.texts)
    if family in ("electra", "albert"):  # which make it wider, after that layer
        assert found.shape == (*batch.texts["input_ids"].shape, 16)
    else:
        accepted = model._accepts(batch.texts)
        assert torch.equal(found, model.encoder(**accepted, output_hidden_states=True).hidden_states[0])
    words = model.encoder.get_input_embeddings()(batch.texts["input_ids"])
    assert not torch.allclose(found, words, atol=1e-3)
    assert torch.equal(model(batch.texts, None, words).logits, model(batch.texts).logits)


def test_embed_gives_the_word_embeddings_of_an_encoder_that_holds_them_itself() -> None:
    config = XLNetConfig(vocab_size=99, d_model=32, n_layer=1, n_head=2, d_inner=32)
    model, texts = Classifier(AutoModel.from_config(config), 2), {"input_ids": torch.tensor([[5, 6]])}
    words: Any = model.encoder.word_embedding
    assert torch.equal(model.embed(texts), words(texts["input_ids"]))


@pytest.mark.parametrize(
    "config",
    [
        MobileBertConfig(vocab_size=99, embedding_size=8, hidden_size=16, intermediate_size=16, num_hidden_layers=1),
        CanineConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16),
    ],
    ids=["another width", "no embeddings in place of numbers"],
)
def test_an_encoder_without_such_a_layer_is_refused_with_a_sentence(config: PretrainedConfig) -> None:
    model, batch = Classifier(AutoModel.from_config(config), 2), padded_batch()
    with pytest.raises(
        RobenchError, match=r"(MobileBert|Canine)Model has no (embedding layer|word embeddings) .* take an"
    ):
        next(iter(SMART().passes([model], batch)))
    if config.model_type == "canine":
        with pytest.raises(RobenchError, match="CanineModel has no word embeddings that others can replace"):
            next(iter(PGD().passes([model], batch)))


def padded_batch() -> Batch:
    texts = {"input_ids": torch.tensor([[5, 6, 7], [8, 9, 0]]), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]])}
    return Batch(texts, torch.tensor([0, 1]))


def trainings() -> list[Any]:
    """Every defense with every family; each time, every defense with one of them, and one with all."""
    return [
        pytest.param(name, family, marks=() if family == "bert" or name == "taichi" else pytest.mark.slow)
        for name in trained_defenses()
        for family in FAMILIES
    ]


@pytest.mark.parametrize(("name", "family"), trainings())
def test_every_defense_trains_every_family(name: str, family: str, encoders: dict[str, EncoderSource]) -> None:
    defense, source = cast(Defense, registry.entry("defenses", name).load()), encoders[family]
    result = tiny.trained(
        defense, rows_for(defense), ONE_STEP, encoder=source.model, tokenizer=source.tokenizer(), dev=tiny.examples(2)
    )
    assert (result.steps, len(result.log)) == (1, 1)
    assert all(0 <= abs(loss) < 20 for loss in result.log[0]["loss"].values())
    before, after = source.model().state_dict(), result.predictor.classifier.encoder.state_dict()
    moved = [key for key, value in before.items() if not torch.equal(value, after[key])]
    assert any("word_embeddings" in key for key in moved)
    assert {part for part in ("query", "q_lin", "in_proj") if any(part in key for key in moved)}


def rows_for(defense: Defense, count: int = 8) -> list[TrainingRow]:
    rows = tiny.rows(count, pairs=defense.trains_on is TrainsOn.PAIRS)
    if defense.trains_on is TrainsOn.ADVERSARIAL:
        rows = [replace(row, soft=(0.25, 0.75)) for row in rows]
    return rows


@pytest.mark.parametrize("name", trained_defenses())
def test_a_step_in_bfloat16_is_near_one_in_float32(name: str) -> None:
    defense = cast(Defense, registry.entry("defenses", name).load())
    still: dict[str, Any] = {"encoder": lambda: tiny.encoder(dropout=0), "dev": tiny.examples(2)}
    exact, rounded = (
        tiny.trained(defense, rows_for(defense), ONE_STEP, precision=precision, **still).log[0]["loss"]
        for precision in ("fp32", "bf16")
    )
    assert rounded == pytest.approx(exact, rel=0.02, abs=0.01)
    assert rounded != exact
