"""The forms in which people have a network: each is attacked as its author runs it, or refused with what to do."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import safetensors.torch
import torch
from transformers import pipeline

from robench.errors import RobenchError
from robench.models import memory
from robench.models.devices import Precision
from robench.results.info import ModelInfo
from robench.results.store import Store
from robench.study.executors import transport
from robench.victims.find import find_victim
from robench.victims.source import PretrainedSource, VictimSource
from support.refusals import told
from support.small_models import Pair, adapted, alone, bert_classifier, gpt2_classifier, save
from support.small_victim import SENTENCES
from support.tiny_job import TinyJob, robench

CPU = torch.device("cpu")


def classify(pair: Pair, **settings: Any) -> Any:
    """A pipeline of the pair."""
    make: Any = pipeline
    return make("text-classification", model=pair[0], tokenizer=pair[1], device="cpu", **settings)


def scores(source: VictimSource, precision: Precision = "fp32", texts: Sequence[str] = SENTENCES) -> torch.Tensor:
    return source.load(max_length=None, precision=precision, device=CPU)(texts)


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_bytes()), **changes}), encoding="utf-8")


def test_pipeline_is_attacked_as_its_model_and_tokenizer() -> None:
    pair = bert_classifier()
    source, own = find_victim(classify(pair)), find_victim(pair)
    assert source.digest == own.digest and torch.equal(scores(source), scores(own))
    short = find_victim(classify(pair, truncation=True, max_length=6))
    assert short.load(max_length=None, precision="fp32", device=CPU).max_length == 6
    assert short.digest != source.digest


def test_pair_or_pipeline_by_name_has_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    code = "from support.small_models import bert_classifier\nfrom transformers import pipeline\n"
    code += "pair = bert_classifier(num_labels=1)\n"
    code += "classify = pipeline('text-classification', model=pair[0], tokenizer=pair[1], device='cpu')\n"
    (tmp_path / "by_name.py").write_text(code, encoding="utf-8")
    pair, whole = find_victim("by_name:pair", sigmoid=True), find_victim("by_name:classify")
    assert pair.command == ("--model", "by_name:pair", "--sigmoid")
    assert whole.name == "classify" and whole.command[:2] == ("--model", "by_name:classify")
    assert whole.digest == pair.digest


def test_pair_whose_tokenizer_was_used_meanwhile_has_the_same_digest() -> None:
    model, tokenizer = bert_classifier()
    before = find_victim((model, tokenizer)).digest
    tokenizer(list(SENTENCES), truncation=True, max_length=7, padding=True)
    assert find_victim((model, tokenizer)).digest == before


def test_pipeline_of_another_task_is_refused() -> None:
    model, tokenizer = bert_classifier()
    make: Any = pipeline
    with pytest.raises(RobenchError, match="a FeatureExtractionPipeline is no text-classification pipeline; give a fu"):
        find_victim(make("feature-extraction", model=model, tokenizer=tokenizer, device="cpu"))


@pytest.mark.parametrize(("problem", "sigmoid"), [("multi_label_classification", False), (None, True)])
def test_one_logit_whose_meaning_is_known_is_a_sigmoid(problem: str | None, sigmoid: bool) -> None:
    pair = bert_classifier(num_labels=1, problem_type=problem)
    source = find_victim(pair, sigmoid=sigmoid)
    found = scores(source).softmax(-1)[:, 1]
    torch.testing.assert_close(found, alone(pair).sigmoid()[:, 0], rtol=1e-4, atol=1e-5)
    assert (source.digest != find_victim(pair).digest) == sigmoid, "what the user says is part of the key"


def test_one_logit_of_a_pipeline_is_the_sigmoid_that_it_applies() -> None:
    classifier = classify(bert_classifier(num_labels=1))
    expected = torch.tensor([one["score"] for one in classifier(list(SENTENCES))])
    torch.testing.assert_close(scores(find_victim(classifier)).softmax(-1)[:, 1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "sigmoid", "sentence"),
    [
        ({"num_labels": 1}, False, r"one output, a logit or .* does not say which\. If its sigmoid .* --sigmoid; of a"),
        ({"num_labels": 1, "problem_type": "regression"}, False, r"problem_type in its configuration says regression"),
        ({"num_labels": 3}, True, r"--sigmoid is for a model with one logit; a BertForSequenceCl.* has 3\."),
    ],
)
def test_one_logit_whose_meaning_is_not_known_is_refused(
    settings: dict[str, Any], sigmoid: bool, sentence: str
) -> None:
    with pytest.raises(RobenchError, match=sentence):
        scores(find_victim(bert_classifier(**settings), sigmoid=sigmoid))


def test_one_logit_with_a_name_names_both_columns() -> None:
    pair = bert_classifier(num_labels=1, id2label={0: "toxic"}, problem_type="multi_label_classification")
    scorer = find_victim(pair).load(max_length=None, precision="fp32", device=CPU)
    assert scorer.names == {0: "not toxic", 1: "toxic"}


def test_gpt2_without_a_padding_token_scores_texts_as_alone(tmp_path: Path) -> None:
    model, tokenizer = gpt2_classifier(tmp_path / "words")
    assert tokenizer.pad_token is None and model.config.pad_token_id is None
    for source in (find_victim((model, tokenizer)), find_victim(save(tmp_path / "gpt2", (model, tokenizer)))):
        scorer = source.load(max_length=64, precision="fp32", device=CPU)
        torch.testing.assert_close(scorer(SENTENCES), alone((model, tokenizer)), rtol=1e-4, atol=1e-4)
        assert not scorer.warn_of_padding(SENTENCES)
    assert tokenizer.pad_token is None and model.config.pad_token_id is None, "the user's own stay as they are"


def test_gpt2_scores_a_text_without_tokens_as_the_end_of_a_text(tmp_path: Path) -> None:
    model, tokenizer = gpt2_classifier(tmp_path / "words")
    assert not tokenizer("")["input_ids"]
    texts = ["", "Rain.", ""]
    found = scores(find_victim((model, tokenizer)), texts=texts)
    torch.testing.assert_close(found, alone((model, tokenizer), ["<|endoftext|>", "Rain.", "<|endoftext|>"]))


def test_gpt2_with_a_padding_token_in_its_configuration_alone_pads_with_it(tmp_path: Path) -> None:
    model, tokenizer = gpt2_classifier(tmp_path / "words")
    model.config.pad_token_id = 7
    scorer = find_victim((model, tokenizer)).load(max_length=64, precision="fp32", device=CPU)
    assert not scorer.warn_of_padding(SENTENCES)


def test_gpt2_without_any_special_token_is_refused_with_the_remedy(tmp_path: Path) -> None:
    model, tokenizer = gpt2_classifier(tmp_path / "words")
    for name in ("eos_token", "bos_token", "unk_token"):
        setattr(tokenizer, name, None)
    with pytest.raises(RobenchError, match=r"no padding token, .*: set tokenizer\.pad_token, and model\.config\.pad_t"):
        scores(find_victim((model, tokenizer)))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_weights_saved_from_a_wrapper_are_those_of_the_model(prefix: str, tmp_path: Path) -> None:
    pair = bert_classifier()
    folder = save(tmp_path / "bert", pair)
    (folder / "model.safetensors").unlink()
    torch.save({f"{prefix}{name}": part for name, part in pair[0].state_dict().items()}, folder / "pytorch_model.bin")
    assert torch.equal(scores(find_victim(folder)), scores(find_victim(pair)))


def test_wrapped_weights_that_lack_the_head_are_refused(tmp_path: Path) -> None:
    pair = bert_classifier()
    folder = save(tmp_path / "bert", pair)
    weights = {f"module.{name}": part for name, part in pair[0].state_dict().items() if "classifier" not in name}
    safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RobenchError, match=r"lack 2 tensors of a Bert.*, such as classifier"):
        scores(find_victim(folder))


def halved(pair: Pair) -> Pair:
    """The same in bfloat16; the model is changed."""
    model: Any = pair[0]
    return model.to(torch.bfloat16), pair[1]


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A model whose weights are stored in bfloat16."""
    return save(tmp_path / "half", halved(bert_classifier()))


def test_precision_native_keeps_the_type_of_the_weights(half: Path) -> None:
    native = find_victim(half).load(max_length=None, precision="native", device=CPU)
    expected = alone((native._predictor.classifier.encoder, bert_classifier()[1]))  # type: ignore[attr-defined]
    found = native(SENTENCES)
    assert native.dtype == "bfloat16"  # type: ignore[attr-defined]
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
    assert torch.equal(native(SENTENCES[:3]), found[:3]), "in any company"
    whole = scores(find_victim(half))
    assert not torch.equal(found, whole)
    torch.testing.assert_close(found, whole, rtol=0.1, atol=0.1)


def test_precision_native_of_float32_weights_is_float32(tmp_path: Path) -> None:
    source = find_victim(save(tmp_path / "bert", bert_classifier()))
    assert torch.equal(scores(source, "native"), scores(source, "fp32"))


def test_pair_in_bfloat16_runs_in_it_unless_the_user_chooses_otherwise() -> None:
    pair = bert_classifier()
    whole = scores(find_victim(pair))
    source = find_victim(halved(pair))
    assert source.usual_precision == "native" and not torch.equal(scores(source, "native"), whole)
    assert scores(source, "fp32").dtype == torch.float32
    assert pair[0].dtype == torch.bfloat16, "a copy was converted, not the user's model"


def test_float32_that_does_not_fit_into_memory_is_refused_with_the_option(
    half: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 4 * sum(part.numel() for part in bert_classifier()[0].parameters())
    monkeypatch.setattr(memory, "read_free_memory", lambda: size - 1)
    with pytest.raises(RobenchError, match=r"GB in float32, and .* GB of memory are free\. --precision native keeps"):
        scores(find_victim(half))
    assert len(scores(find_victim(half), "native")) == len(SENTENCES)
    monkeypatch.setattr(memory, "read_free_memory", lambda: size + 1000)
    assert len(scores(find_victim(half))) == len(SENTENCES)


def test_quantised_weights_in_float32_are_refused_with_the_option(half: Path) -> None:
    edit(half / "config.json", quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True})
    with pytest.raises(RobenchError, match="are quantised; --precision native runs them as they are"):
        scores(find_victim(half))


def test_precision_native_is_part_of_the_key_and_shown(half: Path, options: list[str], tmp_path: Path) -> None:
    command = ["attack", "--model", half, *options, "--attack-limit", "1", "--label-order", "0,1"]
    for precision in ("native", "fp32"):
        done = robench(*command, "--precision", precision)
        assert done.exit_code == 0, done.output
    models = {stage.info.precision: stage for stage in Store(tmp_path / "runs").stages(ModelInfo)}
    assert models.keys() == {"native", "fp32"}
    victims = {name: stage.info.victim for name, stage in models.items()}
    assert victims["native"] and victims["native"].dtype == "bfloat16"
    assert victims["fp32"] and victims["fp32"].dtype == ""
    page = robench("show", models["native"].key, "--runs", tmp_path / "runs").stdout
    assert "native (bfloat16)" in page


def test_precision_native_of_a_defense_is_refused(tiny_job: TinyJob, tmp_path: Path) -> None:
    assert "and native for a model of your own" in told(robench(*tiny_job.command(tmp_path, "--precision", "native")))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A folder with a LoRA adapter and its tokenizer, whose base model lies beside it."""
    pair = bert_classifier(num_labels=3)
    base = save(tmp_path / "base", pair)
    pair[0].name_or_path = str(base)
    return save(tmp_path / "adapter", adapted(pair))


def test_adapter_folder_scores_texts_as_peft_does(adapter: Path, tmp_path: Path) -> None:
    pair = adapted(bert_classifier(num_labels=3))
    for source in (find_victim(adapter), find_victim(pair)):
        torch.testing.assert_close(scores(source), alone(pair), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(alone(pair), alone(bert_classifier(num_labels=3)), atol=0.01), "the adapter matters"


def test_adapter_on_its_way_to_another_process_takes_its_base_model_along(adapter: Path, tmp_path: Path) -> None:
    source = find_victim(adapter)
    assert isinstance(source, PretrainedSource) and source.base is not None
    file = io.BytesIO()
    transport._Pickler(file).dump(source)
    moved = Path(shutil.copytree(source.base.location, tmp_path / "elsewhere"))
    places = {source.base.location: str(moved)}

    def locate(one: Any) -> Any:
        return replace(one, location=places.get(one.location, one.location))

    there = transport._Unpickler(file.getvalue(), {}, locate).load()
    assert there.base.location == str(moved) and there.digest == source.digest
    assert torch.equal(scores(there), scores(source))


def test_adapter_head_of_another_size_than_the_base_models_counts(tmp_path: Path) -> None:
    pair = bert_classifier(num_labels=3)
    base = save(tmp_path / "base", bert_classifier())
    pair[0].name_or_path = str(base)
    folder = save(tmp_path / "adapter", adapted(pair))
    assert scores(find_victim(folder)).shape == (len(SENTENCES), 3)


def test_adapter_digest_covers_its_settings_and_its_base_model(adapter: Path) -> None:
    first = find_victim(adapter).digest
    edit(adapter / "adapter_config.json", lora_alpha=9)
    second = find_victim(adapter).digest
    edit(adapter.parent / "base" / "config.json", layer_norm_eps=0.5)
    assert len({first, second, find_victim(adapter).digest}) == 3
    in_memory = {find_victim(adapted(bert_classifier(), lora_alpha=alpha)).digest for alpha in (8, 9, 8)}
    assert len(in_memory) == 2


def test_adapter_in_the_hubs_cache_finds_its_base_model_there(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    edit(adapter / "adapter_config.json", base_model_name_or_path="house/base", revision="v1")
    for folder, name, branch in ((adapter, "adapter", "main"), (tmp_path / "base", "base", "v1")):
        cached = tmp_path / "hub" / f"models--house--{name}"
        shutil.copytree(folder, cached / "snapshots" / "c0ffee")
        (cached / "refs").mkdir()
        (cached / "refs" / branch).write_text("c0ffee", encoding="utf-8")
    source = find_victim("house/adapter", offline=True)
    assert isinstance(source, PretrainedSource) and source.base is not None
    assert (source.shown, source.base.shown) == ("house/adapter at c0ffee", "house/base at c0ffee")
    assert scores(source).shape == (len(SENTENCES), 3)


ADAPTERS: list[tuple[dict[str, Any], str]] = [
    ({"base_model_name_or_path": None}, "names no base model; write its folder or Hub id into adapter_config.json"),
    (
        {"base_model_name_or_path": "./none"},
        r"the base model of the adapter .*adapter \(base_model_.*none",
    ),
    ({"task_type": "CAUSAL_LM"}, "is an adapter for 'CAUSAL_LM', and robench attacks classifiers"),
    ({"peft_type": "PROMPT_TUNING"}, "is an adapter of the kind PROMPT_TUNING, which does more than change layers"),
    ({"megatron_config": {"a": 1}}, "has a megatron_config, which would import code"),
    ({"r": 3}, r"the adapter cannot be loaded from .*adapter"),
    (
        {"target_modules": ["key"]},
        r"does not belong to its base model: \d+ of its tensors, such as",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), ADAPTERS, ids=[next(iter(case[0])) for case in ADAPTERS])
def test_adapter_that_cannot_be_attacked_is_refused(changes: dict[str, Any], sentence: str, adapter: Path) -> None:
    edit(adapter / "adapter_config.json", **changes)
    with pytest.raises(RobenchError, match=sentence):
        scores(find_victim(adapter, offline=True))


def test_adapter_of_an_adapter_or_as_an_encoder_is_refused(adapter: Path, tmp_path: Path) -> None:
    from robench.models.encoders import find_encoder

    second = Path(shutil.copytree(adapter, tmp_path / "second"))
    edit(second / "adapter_config.json", base_model_name_or_path=str(adapter))
    with pytest.raises(RobenchError, match="is an adapter, too; merge it into its own base"):
        find_victim(second)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tmp_path / "base" / name, adapter)
    with pytest.raises(RobenchError, match=r"is a PEFT adapter .*: merge it into its base model with merge_and_unload"):
        find_encoder(str(adapter))


def test_adapter_without_the_package_or_its_weights_says_what_is_missing(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "peft", None)
        with pytest.raises(RobenchError, match="is a PEFT adapter, which needs the package peft: pip install"):
            scores(find_victim(adapter))
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(RobenchError, match=r"has no weights \(adapter_model\.safetensors\); save the adapter there"):
        find_victim(adapter)
