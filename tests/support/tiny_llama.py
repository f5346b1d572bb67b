"""A Llama of two small layers with fixed random weights, and its tokenizer: BPE over bytes, with a begin token."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from support.tiny_job import rows

BEGIN, TURN, END = "<|begin|>", "<|turn|>", "<|end|>"
CHAT = (
    "{{ bos_token }}{% for message in messages %}<|turn|>{{ message['role'] }}\n{{ message['content'] | trim }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer; it knows " positive" as one token, and " negative" as three."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [BEGIN, TURN, END]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    texts = [f"Review: {text}\nSentiment:" for text, _ in rows(60)]
    inner.train_from_iterator([*texts, *[" positive"] * 50, *["nega"] * 50, *["tive"] * 50], trainer)
    inner.post_processor = processors.TemplateProcessing(single=f"{BEGIN} $A", special_tokens=[(BEGIN, 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=BEGIN,
        eos_token=END,
        additional_special_tokens=[TURN],
        chat_template=CHAT,
        model_max_length=256,
    )


@cache
def model() -> LlamaForCausalLM:
    """The model; its weights are large enough for texts to differ."""
    config = LlamaConfig(
        vocab_size=len(tokenizer()),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=2,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return LlamaForCausalLM(config).eval()


def save(folder: Path) -> Path:
    """Write both to a folder, and give the folder."""
    model().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
