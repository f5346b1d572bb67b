"""The classifier under study: an encoder, the masked mean of its token vectors, and a linear layer (section 3.2)."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from robench.errors import RobenchError, translate_failures
from robench.models.batches import Batch, Inputs
from robench.models.devices import advise_precision
from robench.models.layers import Change, HiddenStates, find_blocks
from robench.models.positions import Positions


class Outputs(NamedTuple):
    """A classifier's outputs for B texts, in float32.

    Attributes:
        representations: z, (B, H).
        logits: (B, K).
    """

    representations: Tensor
    logits: Tensor


class InputFilter:
    """What a network accepts of a batch's tensors.

    Args:
        network: a Transformers model.

    Attributes:
        names: of the tensors that it accepts.
    """

    def __init__(self, network: PreTrainedModel) -> None:
        self.names = frozenset(inspect.signature(network.forward).parameters)
        self._positions = Positions(network)

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the tensors that the network accepts, with ``position_ids`` as it counts them."""
        # Some tokenizers return token_type_ids, which their encoder does not accept, such as DistilBERT's.
        accepted = {name: tensor for name, tensor in inputs.items() if name in self.names}
        if "position_ids" in accepted:
            accepted["position_ids"] = self._positions.shift(accepted["position_ids"], inputs["attention_mask"])
        return accepted


class Classifier(nn.Module):
    """Encoder, masked mean over tokens, linear head (paper, section 3.2).

    Args:
        encoder: any Transformers encoder whose output has ``last_hidden_state`` (B, L, H).
        classes: K.
        vocabulary: the tokenizer's tokens in the order of their numbers, for a defense that asks for them.
    """

    def __init__(self, encoder: PreTrainedModel, classes: int, vocabulary: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.encoder, self.vocabulary = encoder, vocabulary
        self.head = nn.Linear(encoder.config.hidden_size, classes)
        self._accepts = InputFilter(encoder)

    def initialise_head(self, seed: int) -> None:
        """Draw the head's weights from N(0, initializer_range) with a random stream of its own, and set biases to 0."""
        stream = torch.Generator().manual_seed(seed)
        spread = getattr(self.encoder.config, "initializer_range", 0.02)
        with torch.no_grad():
            self.head.weight.copy_(torch.randn(self.head.weight.shape, generator=stream) * spread)
            self.head.bias.zero_()

    @property
    def _word_embeddings(self) -> nn.Embedding:
        """Return the word embeddings, in whose place others can be put.

        Raises:
            RobenchError: the encoder has none.
        """
        with contextlib.suppress(NotImplementedError):
            words = self.encoder.get_input_embeddings()
            if isinstance(words, nn.Embedding) and "inputs_embeds" in self._accepts.names:
                return words
        raise RobenchError(
            f"{type(self.encoder).__name__} has no word embeddings that others can replace, which the defense does:"
            " take another encoder."
        )

    @property
    def embedding_width(self) -> int:
        """Return D, the dimension of a word embedding."""
        return self._word_embeddings.embedding_dim

    def embed(self, inputs: Inputs) -> Tensor:
        """Compute the output of the embedding layer, which has the shape of the word embeddings: (B, L, D).

        That layer is the module whose input ``inputs_embeds`` bypasses: the one that holds the word embeddings and adds
        position, type and layer norm, such as ``bert.embeddings``. If the encoder holds the word embeddings itself, as
        XLNet does, they are that layer.

        Raises:
            RobenchError: there is no such layer.
        """
        words = self._word_embeddings
        name = next(name for name, module in self.encoder.named_modules() if module is words)
        layer = self.encoder.get_submodule(name.rpartition(".")[0])
        if layer is self.encoder:
            return cast(Tensor, words(inputs["input_ids"]))
        parameters = inspect.signature(layer.forward).parameters
        if "input_ids" in parameters:
            named = inputs | self._accepts(inputs) | {"mask": inputs["attention_mask"]}  # DeBERTa's name for it
            with self._explain_failure(inputs):
                output: Tensor = layer(**{name: tensor for name, tensor in named.items() if name in parameters})
            if output.shape == (*inputs["input_ids"].shape, self.embedding_width):
                return output
        raise RobenchError(
            f"{type(self.encoder).__name__} has no embedding layer whose output can be put in the place of its word"
            " embeddings, which the defense does: take another encoder."
        )

    @contextlib.contextmanager
    def without_dropout(self) -> Iterator[None]:
        """Compute as a trained network does inside the block, whatever the mode before and after it."""
        was_training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(was_training)

    @property
    def layer_count(self) -> int:
        """Return the number of the encoder's layers, which are counted from 1.

        Raises:
            RobenchError: its layers cannot be reached.
        """
        find_blocks(self.encoder)
        return int(self.encoder.config.num_hidden_layers)

    def at_layer(self, number: int, change: Change | None = None) -> contextlib.AbstractContextManager[HiddenStates]:
        """Reach the hidden states of a layer in every forward pass inside the block.

        As in ``with network.at_layer(3) as hidden: outputs = network(batch.texts)``, after which ``hidden.value`` is
        the layer's output (B, L, H). Blocks can be nested, for several layers or several changes.

        Args:
            number: of the layer, from 1 to :attr:`layer_count`.
            change: takes the layer's output (B, L, H) and returns what the next layer gets, of the same shape.

        Raises:
            RobenchError: there is no such layer, or it cannot be reached.
        """
        if not 1 <= number <= self.layer_count:
            raise RobenchError(
                f"{type(self.encoder).__name__} has layers 1 to {self.layer_count}; the defense asks for layer"
                f" {number}."
            )
        return HiddenStates(self.encoder, number, change).watch()

    def forward(self, inputs: Inputs, perturbation: Tensor | None = None, embeddings: Tensor | None = None) -> Outputs:
        """Compute representations and logits of B texts.

        Args:
            inputs: (B, L) tensors of the tokenizer. Those that the encoder does not accept are dropped.
            perturbation: (B, L, D), added to the word embeddings before position, type and layer norm.
            embeddings: (B, L, D), put in the place of the word embeddings of ``inputs``.

        Raises:
            RobenchError: other word embeddings are given, and the encoder cannot take them.
        """
        accepted = self._accepts(inputs)
        if perturbation is not None or embeddings is not None:
            numbers = accepted.pop("input_ids")
            embedded = self._word_embeddings(numbers) if embeddings is None else embeddings
            accepted["inputs_embeds"] = embedded if perturbation is None else embedded + perturbation
        with self._explain_failure(accepted):
            states = self.encoder(**accepted).last_hidden_state
        # The sum over bfloat16 states and the head run in float32, as attacks rank candidates by small differences.
        with torch.autocast(states.device.type, enabled=False):
            mask = inputs["attention_mask"].unsqueeze(-1).float()
            representations = (states.float() * mask).sum(1) / mask.sum(1)
            return Outputs(representations, self.head(representations))

    @contextlib.contextmanager
    def _explain_failure(self, inputs: Inputs) -> Iterator[None]:
        """Turn an error of the encoder inside the block into a sentence."""
        mask = inputs["attention_mask"]
        name = f"{type(self.encoder).__name__} {self.encoder.name_or_path}".strip()
        precision = "bf16" if torch.is_autocast_enabled(mask.device.type) else "fp32"
        failure = f"the encoder {name} failed on a batch of {' x '.join(map(str, mask.shape))} tokens"
        with translate_failures(failure, advice=functools.partial(advise_precision, precision)):
            yield

    def pair(self, batch: Batch) -> tuple[Outputs, Outputs]:
        """Compute the outputs of the batch's B clean and P adversarial texts in one forward pass.

        Row i of the second belongs to row i of the first; ``batch.paired`` is the slice of these rows.

        Raises:
            ValueError: the batch has no adversarial texts.
        """
        if batch.adversarial is None:
            raise ValueError("this batch has no adversarial texts; does the defense train on pairs?")
        both = self({name: torch.cat([batch.texts[name], batch.adversarial[name]]) for name in batch.texts})
        count = batch.labels.shape[0]
        return Outputs(*(part[:count] for part in both)), Outputs(*(part[count:] for part in both))
