"""A small BERT with fixed random weights, and sentences to attack it with."""

from __future__ import annotations

import string
from collections.abc import Sequence

import torch
from transformers import BertForSequenceClassification

from support import small_bert

SENTENCES = (
    "The tea was cold and the waiter forgot our bread.",
    "What a bright, generous little comedy!",
    "Nobody in the village remembers the great storm.",
    "Her second novel drags, but the ending is superb.",
    "Why do cats sleep on warm stones?",
    "The committee rejected every proposal without a word.",
    "I don't think the old bridge will last another winter.",
    "Our train left Lisbon an hour late, again.",
    "Such a dull evening; even the band looked tired.",
    "He painted the kitchen green and sold the house.",
    "A clever script saves this otherwise empty thriller.",
    "The mayor promised cheaper buses and cleaner streets.",
    "She laughed, closed the door and never came back.",
    "Good soup",
    "Rain.",
    "This is the worst phone that I have ever bought!",
    "Three goals in ten minutes decided the final.",
    "The well-known chef's recipe needs far too much salt.",
    "Prices rose quickly while wages barely moved.",
    "An honest, moving portrait of a small family farm.",
    "The of and",
    "Who wrote the first dictionary of the language?",
    "They walked slowly home along the frozen river.",
    "My new laptop is fast, quiet and terribly ugly.",
)
_BLOCK = 8


class SmallVictim:
    """A two-layer BERT over characters and a few words; it counts the texts it is asked about.

    Every forward has 8 rows of 64 tokens, and runs in float64, whose rounding float32 does not see. So a text's logits
    are the same bits in any company, on any machine, and are computed once however many tests ask for them.
    """

    def __init__(self, labels: int = 3) -> None:
        self.tokenizer = small_bert.tokenizer(
            small_bert.words_of(SENTENCES[::2]), letters=string.ascii_lowercase + string.punctuation
        )
        model = small_bert.model(BertForSequenceClassification, self.tokenizer, seed=7, spread=0.25, num_labels=labels)
        self.model = model.double().eval()
        self.asked = 0
        self._logits: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        self.asked += len(texts)
        unknown = [text for text in dict.fromkeys(texts) if text not in self._logits]
        for start in range(0, len(unknown), _BLOCK):
            some = unknown[start : start + _BLOCK]
            block = self.tokenizer(
                [*some, *[""] * (_BLOCK - len(some))],
                padding="max_length",
                truncation=True,
                max_length=64,
                return_tensors="pt",
            )
            # zip ends with the texts: what pads the block to 8 rows is left out
            self._logits.update(zip(some, self.model(**block).logits.float(), strict=False))
        return torch.stack([self._logits[text] for text in texts])

    def examples(self) -> list[tuple[int, str, int]]:
        """Every sentence with the label that the model gives it, but each seventh with another one."""
        found = self(SENTENCES).argmax(dim=1).tolist()
        return [(n, text, (found[n] + (n % 7 == 6)) % 3) for n, text in enumerate(SENTENCES)]
