"""An encoder of sentences that averages the states of a Transformers encoder."""

from __future__ import annotations

from typing import Any

from robench.escaping import replace_surrogates
from robench.resources.caching_encoder import CachingEncoder, Embeddings


class MeanPoolingEncoder(CachingEncoder):
    """An encoder that embeds a sentence as the mean of its tokens' last states (Reimers and Gurevych 2019).

    Args:
        model: a Transformers encoder.
        tokenizer: of the model.
    """

    MAX_LENGTH = 128
    """Most tokens that are read of a sentence."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        super().__init__()
        self._model, self._tokenizer = model, tokenizer

    def _embed(self, texts: list[str]) -> list[Embeddings]:
        # In one batch, how many texts there are and how long the longest is would move a row's last digits. An attack
        # compares their cosines with a threshold, and its searches share a call.
        return [self._embed_alone(text) for text in texts]

    def _embed_alone(self, text: str) -> Embeddings:
        """Embed a text as a unit vector (D,), float32."""
        import torch

        length = min(self.MAX_LENGTH, self._model.config.max_position_embeddings)
        inputs = self._tokenizer(replace_surrogates(text), truncation=True, max_length=length, return_tensors="pt")
        with torch.inference_mode():
            mean = self._model(**inputs).last_hidden_state.mean(dim=1)
            row: Embeddings = torch.nn.functional.normalize(mean, dim=1)[0].numpy()
        return row
