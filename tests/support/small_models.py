"""Models of two small layers with fixed random weights: language models in folders, a Hub's cache that holds them, and
classifiers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from robench.attacks.models import COMMITS
from robench.resources import language_models
from support import small_bert
from support.small_victim import SENTENCES


def bert(folder: Path, *, head: bool = True, seed: int = 3) -> Path:
    """A BERT over the words of the sentences and letters, with or without what fills in masked words."""
    tokenizer = small_bert.tokenizer(small_bert.words_of(SENTENCES), model_max_length=128)
    kind = BertForMaskedLM if head else BertModel
    return small_bert.save(folder, tokenizer, small_bert.model(kind, tokenizer, seed=seed, spread=0.3, positions=128))


def gpt2(folder: Path) -> Path:
    """A GPT-2 over bytes."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    folder.mkdir(parents=True, exist_ok=True)
    symbols = [*bytes_to_unicode().values(), "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({symbol: at for at, symbol in enumerate(symbols)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    config = GPT2Config(
        vocab_size=len(symbols), n_embd=32, n_layer=2, n_head=2, n_positions=256, bos_token_id=256, eos_token_id=256
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = GPT2LMHeadModel(config)
    model.save_pretrained(folder)
    return folder


Pair = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def bert_classifier(*, seed: int = 3, **settings: Any) -> Pair:
    """A BERT that classifies, in evaluation mode; ``settings`` are entries of its configuration."""
    tokenizer = small_bert.tokenizer(small_bert.words_of(SENTENCES))
    model = small_bert.model(BertForSequenceClassification, tokenizer, seed=seed, spread=0.25, **settings)
    return model.eval(), tokenizer


def gpt2_classifier(folder: Path) -> Pair:
    """A GPT-2 over bytes that classifies, and has no padding token."""
    from transformers import AutoTokenizer

    gpt2(folder)
    config = GPT2Config.from_pretrained(folder, initializer_range=0.3)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = GPT2ForSequenceClassification(config)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def save(folder: Path, pair: Pair) -> Path:
    """Write model and tokenizer as Transformers does; give the folder."""
    for part in pair:
        part.save_pretrained(folder)
    return folder


def adapted(pair: Pair, **settings: Any) -> Pair:
    """The pair with a LoRA adapter in the model whose weights, those of its head included, are drawn at random."""
    from peft import LoraConfig, get_peft_model

    chosen: dict[str, Any] = {"task_type": "SEQ_CLS", "r": 2, "lora_alpha": 8, "target_modules": ["query"]}
    model: Any = get_peft_model(pair[0], LoraConfig(**chosen | settings))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(11)
        for name, part in model.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                part.normal_(std=0.3)
    return model.eval(), pair[1]


@torch.no_grad()
def alone(pair: Pair, texts: Sequence[str] = SENTENCES) -> torch.Tensor:
    """The logits of texts, each in a batch of its own, as a beginner would compute them."""
    model, tokenizer = pair
    rows = [model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=64)).logits for text in texts]
    return torch.cat(rows).float()


def snapshot(cache: Path, name: str) -> Path:
    """Where the Hub's cache has the files of a model at the commit that robench takes."""
    repository, _, revision = language_models.identify_language_model(name, COMMITS).partition("@")
    folder = cache / f"models--{repository.replace('/', '--')}"
    if revision == "main":
        revision = "0" * 40
        (folder / "refs").mkdir(parents=True, exist_ok=True)
        (folder / "refs" / "main").write_text(revision)
    made = folder / "snapshots" / revision
    made.mkdir(parents=True, exist_ok=True)
    return made


def tagger(file: Path) -> Path:
    """A tagger of Flair that is sure of its arbitrary tags."""
    from flair.data import Dictionary
    from flair.embeddings import OneHotEmbeddings
    from flair.models import SequenceTagger

    known, tags = Dictionary(), Dictionary(add_unk=False)
    for text in SENTENCES:
        for word in text.split():
            known.add_item(word)
    for tag in ("O", "S-PER", "S-LOC", "B-PER", "E-PER"):
        tags.add_item(tag)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        embeddings = OneHotEmbeddings(known, embedding_length=8)
        made = SequenceTagger(embeddings, tags, "ner", use_rnn=False, use_crf=False, reproject_embeddings=False)
    with torch.no_grad():
        made.linear.weight.mul_(100)
    file.parent.mkdir(parents=True, exist_ok=True)
    made.save(file)
    return file
