"""Functions and models in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from robench import RobenchError
from robench.victims import find_victim
from support import tiny
from support.runs import cells
from support.small_models import bert_classifier
from support.sources import Notebook, forget_modules, write_files
from support.tiny_job import TASK, TinyJob, write_data
from support.victims import by_ending, given


def test_attacks_on_one_model_share_what_it_says(tiny_job: TinyJob, tmp_path: Path) -> None:
    asked: Counter[str] = Counter()

    def counting(texts: Sequence[str]) -> Any:
        asked.update(texts)
        return by_ending(texts)

    given(counting, tiny_job, tmp_path, attack=["pwws", "deepwordbug"])
    test = {line.split("\t")[0] for line in (tiny_job.data / TASK / "test.tsv").read_text("utf-8").splitlines()}
    searched = {text: times for text, times in asked.items() if text not in test}
    both = [text for text in searched if "[UNK]" in text]  # the words' saliency, which both attacks ask for
    assert both and len(searched) > len(both)
    assert set(searched.values()) == {1}


def test_a_function_in_memory_is_a_model_too(tiny_job: TinyJob, tmp_path: Path) -> None:
    found = given(by_ending, tiny_job, tmp_path)
    assert found[["defense", "clean_accuracy", "encoder"]].values.tolist() == [["by_ending", 1.0, "its own"]]
    with pytest.raises(
        RobenchError, match=r"^the model is an int and cannot be called; a model is a folder, a Hub id, "
    ):
        given(3, tiny_job, tmp_path)
    with pytest.raises(RobenchError, match=r"a pair is a Transformers model and its tokenizer, not a str and an int"):
        given(("a", 3), tiny_job, tmp_path)
    with pytest.raises(
        RobenchError, match=r"^the model is a BertModel, which gives no scores .* give a pair of it and its"
    ):
        given(tiny.encoder(), tiny_job, tmp_path)
    with pytest.raises(RobenchError, match=r"^the model is a tuple of 3; a model in memory is a function, or a pair"):
        given((by_ending, 1, 2), tiny_job, tmp_path)
    with pytest.raises(RobenchError, match="does not exist"):
        given(tmp_path / "nowhere", tiny_job, tmp_path)


class Client:
    """Calls what it is asked for somewhere else."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *texts: None

    def __call__(self, texts: Sequence[str]) -> Any:
        return by_ending(texts)


class OfTexts(PreTrainedModel):
    """A model that tokenizes texts itself."""

    def __init__(self) -> None:
        super().__init__(PretrainedConfig())

    def forward(self, texts: Sequence[str]) -> Any:
        return by_ending(texts)


def test_find_victim_of_an_object_that_reads_texts_takes_it_whatever_else_it_has() -> None:
    for thing in (Client(), OfTexts()):
        source = find_victim(thing, version="1")
        assert source.load(max_length=None, precision="fp32", device=torch.device("cpu"))(["good"]).shape == (1, 2)
    with pytest.raises(RobenchError, match="which gives no scores of texts: give a pair of it and its model"):
        find_victim(tiny.tokenizer())


def test_two_functions_of_one_source_are_not_taken_for_each_other(tiny_job: TinyJob, tmp_path: Path) -> None:
    for sharpness in (1.0, 3.0):

        def scores(texts: list[str], sharpness: float = sharpness) -> Any:
            return sharpness * by_ending(texts)

        if sharpness == 1.0:
            given(scores, tiny_job, tmp_path)
            continue
        with pytest.raises(RobenchError, match=r"does not score the test texts as it did when mr-scores-\w+ was"):
            given(scores, tiny_job, tmp_path)
        given(scores, tiny_job, tmp_path, version="sharp")


def test_a_function_that_was_typed_in_needs_a_version(tiny_job: TinyJob, tmp_path: Path) -> None:
    space: dict[str, Any] = {"by_ending": by_ending, "__name__": "typed"}
    exec("def typed_in(texts):\n    return by_ending(texts)", space)
    with pytest.raises(RobenchError, match=r'typed_in has no source file.*version="1"'):
        given(space["typed_in"], tiny_job, tmp_path)
    assert len(given(space["typed_in"], tiny_job, tmp_path, version="1")) == 1
    one, two = (find_victim(space["typed_in"], version=version).digest for version in "12")
    assert one != two


def test_a_digest_follows_the_source_and_the_name(counting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_victim("counting:scores").digest
    assert find_victim("counting:arrays").digest != first == find_victim("counting:scores").digest
    assert find_victim("counting:scores", version="2").digest != first
    monkeypatch.setattr("robench.plugins.modules._sources", {})
    text = (counting / "counting.py").read_text("utf-8")
    for old, new, same in (("BAD, GOOD =", "# Words.\nBAD, GOOD =", True), ("superb", "splendid", False)):
        assert old in text
        content = text.replace(old, new).encode()
        monkeypatch.setattr("robench.plugins.source.read_source", lambda place, content=content: content)
        monkeypatch.setattr("robench.plugins.statements.read_source", lambda place, content=content: content)
        assert (find_victim("counting:scores").digest == first) is same


def test_a_digest_follows_the_modules_that_a_function_uses(tmp_path: Path) -> None:
    """A function's module may keep its words in another module."""
    digests: list[str] = []
    for good in ("lovely", "lovely", "superb"):
        text = "import words_of_it\ndef scores(texts):\n    return [[0, words_of_it.GOOD in t] for t in texts]\n"
        files = {"reader.py": text, "words_of_it.py": f"GOOD = {good!r}\n"}
        folder = write_files(tmp_path / str(len(digests)), files)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(folder)
            digests.append(find_victim("reader:scores").digest)
        forget_modules(folder)
    assert digests[0] == digests[1] != digests[2]


def test_a_digest_of_a_function_in_a_notebook_is_that_of_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    digests: list[str] = []
    for good in ("lovely", "lovely", "superb"):
        notebook = Notebook(monkeypatch)
        notebook.run(f"GOOD = {good!r}\n")
        notebook.run("def scores(texts):\n    return [[0, GOOD in text] for text in texts]\n")
        digests.append(find_victim(notebook["scores"]).digest)
    assert digests[0] == digests[1] != digests[2]
    notebook.run("GOOD = object()")
    with pytest.raises(RobenchError, match=r'scores by the name GOOD uses an object .*version="1"'):
        find_victim(notebook["scores"])
    assert find_victim(notebook["scores"], version="1").digest != find_victim(notebook["scores"], version="2").digest


def test_a_function_whose_network_is_in_training_mode_is_warned_about(tiny_job: TinyJob, tmp_path: Path) -> None:
    network = nn.Linear(2, 2)

    def scores(texts: Sequence[str]) -> Any:
        assert network.training
        return by_ending(texts)

    given(scores, tiny_job, tmp_path)
    (cell,) = cells(tmp_path / "runs").values()
    training, saturation = cell.info.warnings
    assert training.startswith("Linear is in training mode") and "hard labels" in saturation


def test_a_text_meets_the_same_function_alone_and_in_company(tiny_job: TinyJob, tmp_path: Path) -> None:
    """However many texts are asked about, a function sees lists of strings, 32 at most, and each row finds its text."""
    seen: list[int] = []

    def scores(texts: list[str]) -> Any:
        assert type(texts) is list and {type(text) for text in texts} == {str}
        seen.append(len(texts))
        return by_ending(texts)

    job = replace(tiny_job, data=write_data(tmp_path / "data", train=4, dev=2, test=70))
    assert given(scores, job, tmp_path)["clean_accuracy"].tolist() == [1.0]
    assert max(seen) == 32


def test_a_network_in_memory_is_after_a_run_in_the_modes_that_it_had(tiny_job: TinyJob, tmp_path: Path) -> None:
    model, tokenizer = bert_classifier()
    model.train()
    model.get_input_embeddings().eval()
    before = {name: part.training for name, part in model.named_modules()}
    given((model, tokenizer), tiny_job, tmp_path)
    assert {name: part.training for name, part in model.named_modules()} == before
    with pytest.raises(RobenchError, match="--max-length 900"):
        given((model, tokenizer), tiny_job, tmp_path, max_length=900)
    assert {name: part.training for name, part in model.named_modules()} == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch can use")
def test_a_network_in_memory_is_after_a_run_on_the_device_that_it_had(tiny_job: TinyJob, tmp_path: Path) -> None:
    model, tokenizer = bert_classifier()
    given((model, tokenizer), tiny_job, tmp_path, device="cuda")
    assert {part.device.type for part in (*model.parameters(), *model.buffers())} == {"cpu"}
