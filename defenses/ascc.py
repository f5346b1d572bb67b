"""ASCC: training on the worst mixture of each word's synonyms, found in the space of embeddings."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from robench.models import Batch, Classifier, Inputs
from robench.resources import identify_bundled_vectors, load_neighbours
from robench.training import Defense, Style, Terms, compute_gradient, cross_entropy, kl_divergence, option

_CODE = "the authors' code"


@functools.lru_cache(maxsize=4)
def list_synonyms(vocabulary: tuple[str, ...], count: int) -> tuple[Tensor, Tensor]:
    """Return the tokens that may stand for each of V tokens, and whether a token continues the word before it.

    The first, (V, 1 + S), are the token itself and, if it is a whole word, its nearest neighbours that are such tokens,
    too, padded with itself. The second is (V,).
    """
    mark = next((mark for mark in "Ġ▁" if any(token[:1] == mark for token in vocabulary)), "")  # begins a word
    numbers = {token.removeprefix(mark): i for i, token in enumerate(vocabulary) if token.startswith(mark)}
    tokens = torch.arange(len(vocabulary)).repeat(1 + count, 1).T.contiguous()
    table = load_neighbours()
    for word, near in zip(table.words, table.neighbours, strict=True):
        if (own := numbers.get(word)) is not None:
            found = {numbers.get(table.words[i], own): None for i in near} | {own: None}
            for place, number in enumerate([one for one in found if one != own][:count], start=1):
                tokens[own, place] = number
    continues = [token[:1].isalnum() and token[0] != mark if mark else token[:2] == "##" for token in vocabulary]
    return tokens, torch.tensor(continues)


class Hull(NamedTuple):
    """The embeddings that each of B x L tokens mixes: its own and its synonyms', (B, L, 1 + S, D).

    ``is_choice``, (B, L, 1 + S), says whether there is a synonym.
    """

    embeddings: Tensor
    is_choice: Tensor

    def mix(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixtures (B, L, D) by a softmax of weights (B, L, 1 + S), and the mean entropy of the shares."""
        weights = weights.masked_fill(~self.is_choice, -500)  # as in the authors' code; the entropy needs a number
        shares, logs = weights.softmax(-1), weights.log_softmax(-1)
        return (shares.unsqueeze(-1) * self.embeddings).sum(2), -(shares * logs).sum(-1).mean()


@dataclass(frozen=True, kw_only=True)
class ASCC(Defense):
    """Adversarial sparse convex combination: words move within the hull of their synonyms (Dong et al. 2021).

    "Towards Robustness Against Natural Language Word Substitutions". The loss is the clean cross-entropy and beta times
    KL(clean || adversarial), where each word's embedding is a mixture of its synonyms' and its own. The mixtures are
    found by steps of Adam up that divergence, less alpha times the entropy of the shares, which keeps them sparse.

    An encoder reads subwords, so a word has a hull if it is one token, as in TextDefender; the parts of a longer word,
    and synonyms of several tokens, are left out. The paper's synonyms are counter-fitted neighbours; here they are
    those of the bundled word vectors, a stand-in (docs/stand-ins.md), whose version is part of keys.
    """

    style: ClassVar[Style] = Style(title="ASCC", hue="green", pattern="striped")

    steps: int = option(10, "steps of Adam that find the mixtures", minimum=1, source=f"{_CODE}; TextDefender has 5")
    step_size: float = option(1.0, "learning rate of these steps", above=0, source=f"{_CODE}, for BERT")
    alpha: float = option(
        10.0, "weight of the entropy of the shares", minimum=0, source="TextDefender; the authors' code has 15"
    )
    kl_weight: float = option(4.0, "beta, the weight of the divergence", minimum=0, source=f"{_CODE} and TextDefender")
    synonyms: int = option(8, "nearest synonyms of a word at most", minimum=1, source="ours, as in Jia et al. 2019")

    def identify_resources(self) -> Mapping[str, str]:
        """Return the version of the bundled word vectors."""
        return identify_bundled_vectors()

    def prepare(self, *, offline: bool) -> None:
        """Build the bundled word vectors."""
        load_neighbours(offline=offline)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Compute the cross-entropy of clean texts, and their divergence from the worst mixtures."""
        (network,) = networks
        weights = self.search(network, batch.texts)
        mixed, _ = self.build_hull(network, batch.texts).mix(weights)
        clean, adversarial = network(batch.texts).logits, network(batch.texts, embeddings=mixed).logits
        return {"ce": cross_entropy(clean, batch.labels), "kl": self.kl_weight * kl_divergence(clean, adversarial)}

    def search(self, network: Classifier, texts: Inputs) -> Tensor:
        """Return the weights (B, L, 1 + S) of the mixtures that move the predictions most, without dropout."""
        hull = Hull(*(part.detach() for part in self.build_hull(network, texts)))
        spread = math.sqrt(2 / math.prod(hull.is_choice.shape[1:]))  # He's initialisation, as in the authors' code
        weights = (torch.randn(hull.is_choice.shape, device=hull.is_choice.device) * spread).requires_grad_()
        optimiser = torch.optim.Adam([weights], lr=self.step_size, weight_decay=2e-5)
        with network.without_dropout():
            target = network(texts).logits.detach()
            for _ in range(self.steps):
                mixed, entropy = hull.mix(weights)
                divergence = kl_divergence(target, network(texts, embeddings=mixed).logits) * len(target)
                weights.grad = compute_gradient(self.alpha * entropy - divergence, weights)
                optimiser.step()
        return weights.detach()

    def build_hull(self, network: Classifier, texts: Inputs) -> Hull:
        """Return the hull of each token, with gradients into the word embeddings."""
        numbers = texts["input_ids"]
        candidates, continues = (part.to(numbers.device) for part in list_synonyms(network.vocabulary, self.synonyms))
        following = torch.cat([numbers[:, 1:], numbers[:, -1:]], 1)
        is_part = (continues[numbers] | continues[following]).unsqueeze(2)
        tokens = torch.where(is_part, numbers.unsqueeze(2), candidates[numbers])
        is_choice = (tokens != numbers.unsqueeze(2)) | (torch.arange(tokens.shape[2], device=tokens.device) == 0)
        return Hull(network.encoder.get_input_embeddings()(tokens), is_choice)
