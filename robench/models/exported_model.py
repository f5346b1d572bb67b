"""A classifier trained by robench, as a Transformers model. `robench export` copies this file beside the weights.

It imports only torch and transformers, so that the folder can be loaded without robench.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class RobenchConfig(PretrainedConfig):
    """The configuration of the encoder, and the labels.

    Args:
        encoder_config: the encoder's own configuration, ``model_type`` included.
        kwargs: of ``PretrainedConfig``, such as the labels.
    """

    model_type = "robench_classifier"

    def __init__(self, encoder_config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.encoder_config = encoder_config or {}
        super().__init__(**kwargs)


class RobenchForSequenceClassification(PreTrainedModel):
    """An encoder, the mean of its token vectors at which the attention mask is 1, and a linear layer."""

    config_class = RobenchConfig

    def __init__(self, config: RobenchConfig) -> None:
        super().__init__(config)
        encoder_config = AutoConfig.for_model(**config.encoder_config)
        self.encoder = AutoModel.from_config(encoder_config, trust_remote_code=False)
        self.head = nn.Linear(encoder_config.hidden_size, config.num_labels)
        self._accepted = frozenset(inspect.signature(self.encoder.forward).parameters)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """Return the encoder's word embeddings."""
        embeddings: nn.Module = self.encoder.get_input_embeddings()
        return embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the encoder's word embeddings."""
        self.encoder.set_input_embeddings(value)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput | tuple[Tensor, ...]:
        """Compute logits (B, K) of tokens (B, L), and their cross-entropy with ``labels`` (B,) if these are given.

        Raises:
            ValueError: neither ``input_ids`` nor ``inputs_embeds`` is given.
        """
        inputs = {"input_ids": input_ids, "token_type_ids": token_type_ids, "inputs_embeds": inputs_embeds, **kwargs}
        tokens = inputs_embeds if input_ids is None else input_ids
        if tokens is None:
            raise ValueError("give input_ids or inputs_embeds")
        if attention_mask is None:
            attention_mask = torch.ones(tokens.shape[:2], dtype=torch.long, device=tokens.device)
        # Some tokenizers return token_type_ids, which their encoder does not accept, such as DistilBERT's.
        accepted = {name: value for name, value in inputs.items() if value is not None and name in self._accepted}
        states = self.encoder(attention_mask=attention_mask, **accepted)[0]
        with torch.autocast(states.device.type, enabled=False):
            mask = attention_mask.unsqueeze(-1).float()
            logits = self.head((states.float() * mask).sum(1) / mask.sum(1))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        if return_dict is False:
            return (logits,) if loss is None else (loss, logits)
        return SequenceClassifierOutput(loss=loss, logits=logits)  # type: ignore[arg-type]
