"""What language models in attacks are asked: long texts, lone surrogates, words whose pieces depend on their place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from robench.attacking.attack import Attack
from robench.attacking.build import build_attack
from robench.attacking.engine import attack_examples
from robench.attacking.padding_tokenizer import BatchPaddingTokenizer
from robench.attacks.bae import BAE
from robench.attacks.bert_attack import BERTAttack
from robench.attacks.clare import CLARE
from robench.attacks.kuleshov import Kuleshov
from support import small_bert

pytestmark = pytest.mark.usefixtures("bundled_resources", "textattack")


class Steady:
    """A victim that nothing moves."""

    @property
    def model(self) -> object:
        return self

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[1.0, 0.0]]).repeat(len(texts), 1)


@pytest.mark.parametrize("kind", [BAE, BERTAttack, CLARE, Kuleshov])
def test_language_model_reads_a_lone_surrogate(kind: type[Attack], models: Path) -> None:
    folder = str(models / ("gpt2" if kind is Kuleshov else "bert"))
    attack = kind(language_model=folder, max_candidates=2, query_budget=30)  # type: ignore[call-arg]
    examples = [(0, "A fine \ud800 film with a warm heart.", 0)]
    (found,) = attack_examples(attack, Steady(), examples, seed=1, attack_name="a", offline=True)
    assert (found.status, found.reason) == ("failed", "")


def test_kuleshov_reads_the_last_pieces_before_a_word_of_a_long_text(models: Path) -> None:
    from textattack.shared import AttackedText
    from transformers import AutoModelForCausalLM

    folder = models / "gpt2"
    text = AttackedText(f"{'the tea was cold and ' * 20}good")  # pieces are bytes, and the model has 256 positions
    built = build_attack(Kuleshov(language_model=str(folder)), Steady(), offline=True)
    (found,) = built.constraints[-1].get_log_probs_at_index([text], 100)
    pieces = built.constraints[-1].tokenizer.encode(text.text_until_word_index(100))
    with torch.no_grad():
        rows = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([pieces[-256:]])).logits
    assert len(pieces) > 256
    assert float(found) == pytest.approx(float(rows[0, -1, built.constraints[-1].tokenizer.encode("good")[0]]))


OPTIONS = {"max_length": 60, "truncation": True, "padding": "max_length", "return_tensors": "pt"}


def of_bytes() -> PreTrainedTokenizerFast:
    """A tokenizer that knows the words of one text after a space, and pieces of them without."""
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([" the film is refreshing"] * 9, vocab_size=400, special_tokens=["<pad>"])
    return PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, pad_token="<pad>")


def test_text_has_a_position_for_each_piece_that_its_last_word_has_by_itself() -> None:
    plain = of_bytes()
    padding = BatchPaddingTokenizer(plain)
    text = "the film is refreshing"
    assert len(plain.encode(text)) < len(plain.encode("the film is")) + len(padding.encode("refreshing"))
    rows = padding(text, **OPTIONS)
    assert 60 > rows["input_ids"].shape[1] >= len(plain.encode("the film is")) + len(padding.encode("refreshing"))
    assert rows["attention_mask"].sum() == len(plain.encode(text))
    assert padding([text], **OPTIONS)["input_ids"].shape[1] == len(plain.encode(text))


def test_text_of_wordpiece_is_not_padded() -> None:
    plain = small_bert.tokenizer(["tea", "was"])
    padding = BatchPaddingTokenizer(plain)
    assert padding("tea was (cold", **OPTIONS)["input_ids"].tolist() == [plain.encode("tea was (cold")]


@pytest.mark.parametrize("plain", [of_bytes(), small_bert.tokenizer(["tea", "was"])], ids=["bytes", "wordpiece"])
@pytest.mark.parametrize("max_pieces", [1, 5])
def test_wrapping_twice_cuts_off_no_words_and_limits_pieces_by_the_last(
    plain: PreTrainedTokenizerBase, max_pieces: int
) -> None:
    text = " ".join(["the film is refreshing"] * 3)
    twice = BatchPaddingTokenizer(BatchPaddingTokenizer(plain, max_pieces), max_pieces=3)
    options = {**OPTIONS, "max_length": 200}
    assert twice(text, **options)["attention_mask"].sum() == len(plain.encode(text))
    assert len(twice.encode("abc", add_special_tokens=False)) == 3
    assert twice.encode("abcd", add_special_tokens=False) == []


def test_bert_attack_tries_the_last_word_if_it_and_the_protocol_limit_its_pieces(models: Path) -> None:
    text = "An honest moving portrait of a small family farm"
    read: list[str] = []

    class Noting(Steady):
        def __call__(self, texts: Sequence[str]) -> torch.Tensor:
            read.extend(texts)
            return super().__call__(texts)

    attack = BERTAttack(
        language_model=str(models / "bert"), protocol="textdefender", max_pieces=1, min_sentence_similarity=-1.0
    )
    (_,) = attack_examples(attack, Noting(), [(0, text, 0)], seed=1, attack_name="a", offline=True)
    last = {words[-1] for words in map(str.split, read) if words[:-1] == text.split()[:-1]}
    assert last - {"farm", "[UNK]"}
