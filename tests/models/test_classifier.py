from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from robench.errors import RobenchError
from robench.models import devices
from robench.models.batches import collate, tokenise
from robench.models.classifier import Classifier
from robench.models.devices import Precision
from robench.models.predictor import TOKENS, Predictor, accuracy, choose_batch_shape
from robench.results.clean_lines import CleanLine
from robench.results.stage_file import decode
from robench.study.stages import trained_model
from support import tiny

TEXTS = [example.text for example in tiny.examples(45)]


def inputs(texts: list[str], length: int | None = None) -> dict[str, torch.Tensor]:
    return collate(tiny.tokenizer(), tokenise(tiny.tokenizer(), texts, 32), tiny.CPU, length=length)


@torch.no_grad()
def test_a_representation_is_the_mean_over_a_texts_own_tokens() -> None:
    network, given = tiny.classifier(), inputs(TEXTS[:6])
    states = network.encoder(**given).last_hidden_state.numpy().astype(np.float64)
    found = network(given)
    for i, mask in enumerate(given["attention_mask"].tolist()):
        mean = sum(states[i, t] for t in range(len(mask)) if mask[t]) / sum(mask)
        logits = network.head.weight.numpy().astype(np.float64) @ mean + network.head.bias.numpy()
        np.testing.assert_allclose(found.representations[i], mean, atol=1e-5)
        np.testing.assert_allclose(found.logits[i], logits, atol=1e-5)
    assert 0 in given["attention_mask"]


@torch.no_grad()
def test_padding_does_not_count() -> None:
    network = tiny.classifier()
    short, long = network(inputs(TEXTS[:4])), network(inputs(TEXTS[:4], length=40))
    torch.testing.assert_close(short.representations, long.representations, atol=1e-6, rtol=0)
    torch.testing.assert_close(short.logits, long.logits, atol=1e-5, rtol=0)


def test_the_head_is_drawn_from_the_encoders_own_range_by_the_seed_alone() -> None:
    def head(seed: int) -> torch.nn.Linear:
        network = Classifier(tiny.encoder(), 2000)
        before = torch.get_rng_state()
        network.initialise_head(seed)
        assert torch.equal(torch.get_rng_state(), before)
        return network.head

    drawn = head(1).weight.detach()
    count = drawn.numel()
    assert count == 2000 * 32
    assert drawn.mean().item() == pytest.approx(0, abs=5 * 0.1 / math.sqrt(count))
    assert drawn.std().item() == pytest.approx(0.1, rel=5 / math.sqrt(2 * count))
    assert drawn.abs().max() > 0.3  # normal, not uniform
    assert not head(1).bias.any()
    assert torch.equal(head(1).weight, drawn)
    assert not torch.equal(head(2).weight, drawn)


@torch.no_grad()
def test_bfloat16_is_for_the_encoder_alone() -> None:
    network, given = tiny.classifier(), inputs(TEXTS[:6])
    exact = network(given)
    with devices.autocast("bf16", tiny.CPU):
        assert (network.encoder(**given).last_hidden_state @ torch.ones(32, 1)).dtype == torch.bfloat16
        found = network(given)
    assert {part.dtype for part in found} == {torch.float32}
    torch.testing.assert_close(found.logits, exact.logits, atol=0.2, rtol=0.05)
    torch.testing.assert_close(found.logits, network.head(found.representations), atol=1e-6, rtol=0)


@torch.no_grad()
def test_what_an_encoder_does_not_know_is_left_out() -> None:
    network, given = tiny.classifier(), inputs(TEXTS[:3])
    more = {**given, "special_tokens_mask": torch.zeros_like(given["input_ids"])}
    assert torch.equal(network(given).logits, network(more).logits)


def test_the_mask_is_there_even_if_a_tokenizer_gives_none_of_itself() -> None:
    reserved = PreTrainedTokenizerFast(
        tokenizer_object=tiny.tokenizer().backend_tokenizer, model_input_names=["input_ids"], pad_token="[PAD]"
    )
    (row,) = tokenise(reserved, ["the film"], 8)
    assert row == {"input_ids": tiny.tokenizer()("the film")["input_ids"], "attention_mask": [1, 1, 1, 1]}


# Prediction


@pytest.mark.parametrize(
    "chosen",
    [[7], list(range(45))[::-1], list(range(0, 45, 3)), [3, 3, 3], list(range(33)), [*range(20), *range(40)]],
    ids=["alone", "reversed", "every third", "repeated", "a block and one", "twice"],
)
def test_a_texts_logits_are_its_own_in_any_company(chosen: list[int]) -> None:
    predictor = tiny.predictor(tiny.classifier())
    whole = predictor.logits(TEXTS)
    assert (whole.shape, whole.dtype) == ((45, 2), torch.float32)
    torch.testing.assert_close(predictor.logits([TEXTS[i] for i in chosen]), whole[chosen], atol=1e-6, rtol=1e-6)


def test_neighbours_in_a_batch_of_the_same_shape_change_no_bit() -> None:
    predictor = tiny.predictor(tiny.classifier())
    text, company = "the film was superb and the story dull", [f"{word} film was long and loud" for word in "abcdefg"]
    alone = predictor.logits([text])
    for count in range(1, 8):
        assert torch.equal(predictor.logits([*company[:count], text])[-1:], alone)


def test_predictions_are_those_of_the_classifier_itself() -> None:
    network = tiny.classifier()
    with torch.no_grad():
        alone = [network(inputs([text])) for text in TEXTS]
    found = tiny.predictor(network).outputs(TEXTS)
    for whole, parts in zip(found, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(whole, torch.cat(parts), atol=1e-6, rtol=1e-6)


def test_a_long_text_is_cut_where_training_cuts_it() -> None:
    predictor = tiny.predictor(tiny.classifier(), max_length=10)
    long = "the film was superb and the story was quiet " * 4
    cut = " ".join(long.split()[:8])
    assert torch.equal(predictor.logits([long]), predictor.logits([cut]))
    assert not torch.equal(predictor.logits([long]), predictor.logits([" ".join(long.split()[:7])]))


@pytest.mark.parametrize("count", [0, 1, 44, 45])
def test_progress_adds_up_to_the_texts(count: int) -> None:
    seen: list[int] = []
    logits = tiny.predictor(tiny.classifier(classes=3)).logits(TEXTS[:count], seen.append)
    assert logits.shape == (count, 3)
    assert sum(seen) == count


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("together", [1, 7, 45])
def test_a_texts_logits_do_not_depend_on_its_company(precision: Precision, together: int) -> None:
    whole = Predictor(tiny.classifier(), tiny.tokenizer(), max_length=24, precision=precision, device=tiny.CPU)
    expected = whole.outputs(TEXTS)
    order = random.Random(together).sample(range(len(TEXTS)), len(TEXTS))
    for start in range(0, len(order), together):
        chosen = order[start : start + together]
        found = whole.outputs([TEXTS[i] for i in chosen])
        for part, all_rows in zip(found, expected, strict=True):
            assert torch.equal(part, all_rows[chosen])


@pytest.mark.parametrize(
    ("tokens", "max_length", "expected"),
    [
        (1, 50, (64, 8)),
        (8, 50, (64, 8)),
        (9, 50, (32, 16)),
        (49, 50, (10, 50)),
        (50, 50, (10, 50)),
        (500, 512, (4, 504)),
    ],
)
def test_the_shape_of_a_texts_batch_follows_from_its_length(
    tokens: int, max_length: int, expected: tuple[int, int]
) -> None:
    assert choose_batch_shape(tokens, max_length, "cpu") == expected
    rows, length = choose_batch_shape(tokens, max_length, "cuda")
    assert length == expected[1] and rows == TOKENS["cuda"] // length


@pytest.mark.parametrize("training", [True, False])
def test_predicting_is_without_dropout_and_leaves_the_mode_as_it_was(training: bool) -> None:
    network = tiny.classifier().train(training)
    predictor = tiny.predictor(network)
    assert torch.equal(predictor.logits(TEXTS), predictor.logits(TEXTS))
    with pytest.raises(InterruptedError):
        predictor.logits(TEXTS, interrupt)
    assert network.training is network.encoder.training is training


def interrupt(count: int) -> None:
    raise InterruptedError


@pytest.mark.parametrize(("labels", "expected"), [([0, 1, 1], 1.0), ([0, 1, 0], 2 / 3), ([1, 0, 0], 0.0)])
def test_accuracy_is_the_share_of_largest_logits_at_the_label(labels: list[int], expected: float) -> None:
    logits = torch.tensor([[2.0, 1.0], [-3.0, -2.0], [0.0, 0.5]])
    assert accuracy(logits, labels) == pytest.approx(expected)


def test_clean_predictions_are_told_text_by_text() -> None:
    predictor, test = tiny.predictor(tiny.classifier()), tiny.examples(12)
    logits = predictor.logits([example.text for example in test]).double().numpy()
    lines, _ = trained_model.predict_clean(predictor, list(enumerate(test)))
    assert [line.id for line in lines] == list(range(12))
    for line, example, scores in zip(lines, test, logits, strict=True):
        assert line.label == example.label
        assert line.probabilities == pytest.approx(list(np.exp(scores) / np.exp(scores).sum()), abs=1e-6)
        assert line.correct is bool(scores.argmax() == example.label)


# Saved and loaded


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(tmp_path / "model")
    return tmp_path / "model"


def save(folder: Path, info: Any = None) -> None:
    trained_model.save(
        folder,
        tiny.classifier(seed=5),
        tiny.tokenizer(),
        [CleanLine(0, 1, [0.25, 0.75], correct=True)],
        [{"step": 1}],
        info or tiny.model_info(label="é"),
    )


def load(folder: Path, classes: int = 2) -> Any:
    return trained_model.load(folder, classes, max_length=24, precision="fp32", device=tiny.CPU)


def test_a_saved_model_says_the_same_to_the_last_bit(saved: Path) -> None:
    before = torch.get_rng_state()
    loaded = load(saved)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(loaded.logits(TEXTS), tiny.predictor(tiny.classifier(seed=5)).logits(TEXTS))
    line = '{"id": 0, "label": 1, "probabilities": [0.25, 0.75], "correct": true}\n'
    assert (saved / "clean.jsonl").read_text() == line
    assert json.loads((saved / "training.jsonl").read_text()) == {"step": 1}
    file = saved / "stage.json"
    assert "é" in file.read_text(encoding="utf-8")
    info = decode(file.read_bytes(), file)
    assert set(info.files) == {path.name for path in saved.iterdir()} - {"stage.json"}
    assert msgspec.structs.replace(info, files={}, checksum="") == tiny.model_info(label="é")


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "model.safetensors").write_bytes(b"no weights"),
        lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1000]),
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "config.json").write_text("[]"),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
    ],
    ids=["weights", "torn weights", "no weights", "torn config", "other config", "no config", "tokenizer"],
)
def test_a_broken_model_folder_is_named(harm: Callable[[Path], object], saved: Path) -> None:
    harm(saved)
    with pytest.raises(RobenchError, match=r"the model in .* cannot be loaded .*`robench run` sets it aside") as error:
        load(saved)
    assert str(saved) in str(error.value)


def test_a_model_of_another_number_of_classes_is_refused(saved: Path) -> None:
    with pytest.raises(RobenchError, match="cannot be loaded"):
        load(saved, classes=3)


@pytest.mark.parametrize("there_before", [False, True])
def test_an_interrupted_save_leaves_what_was_there(there_before: bool, tmp_path: Path) -> None:
    if there_before:
        save(tmp_path / "model")
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(TypeError):
        save(tmp_path / "model", tiny.model_info(identity={"not": object()}))
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"] * there_before


# Devices


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "cpu0", "meta", "hpu", "x" * 3000])
def test_a_device_that_is_not_there_is_a_sentence(name: str) -> None:
    with pytest.raises(RobenchError, match=r"cannot be used here .*; try --device cpu") as caught:
        devices.choose_device(name)
    assert len(str(caught.value)) < 400


def test_precision_is_told_or_found() -> None:
    assert [devices.choose_precision(name, tiny.CPU) for name in ("fp32", "bf16")] == ["fp32", "bf16"]
    assert devices.choose_precision("auto", devices.choose_device("auto")) in ("fp32", "bf16")
    with pytest.raises(RobenchError, match="unknown precision 'fp16'"):
        devices.choose_precision("fp16", tiny.CPU)
