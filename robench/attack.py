"""What an attack is: a frozen dataclass that builds a ``textattack.Attack``."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import torch


class Victim(Protocol):
    """The model under attack, as TextAttack's recipes expect it (a "model wrapper")."""

    @property
    def model(self) -> object:
        """The bare model; TextAttack looks at its class."""

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the logits of ``texts``: (len(texts), classes), float32, on the CPU."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """One attack. A subclass adds its options as fields and says how it is built.

    Example:
        A whole plug-in::

            from dataclasses import dataclass
            from robench.attack import Attack

            @dataclass(frozen=True, kw_only=True)
            class Pruthi(Attack):
                '''Pruthi et al. 2019: misspellings that a reader skims over.'''

                max_words: int = 2

                def build(self, victim):
                    from textattack.attack_recipes import Pruthi2019
                    return Pruthi2019.build(victim, max_num_word_swaps=self.max_words)

    Attributes:
        query_budget: queries one example may cost, or None for no limit.
        variant: what differs from the published attack, such as "bundled"; empty when nothing does. Tables show it
            behind the name: ``textfooler (bundled)``.
    """

    variant: ClassVar[str] = ""

    query_budget: int | None = None

    @abstractmethod
    def build(self, victim: Victim) -> Any:
        """Build a fresh ``textattack.Attack`` on ``victim``.

        Called once per example that is searched at the same time (64 by default): share between calls what is heavy.
        Import TextAttack here, not at the top of the file: listing the attacks must stay fast, and by the time of the
        call :func:`robench.textattack_env.build_attack` has imported it safely.
        """

    def prepare(self, *, offline: bool = False) -> None:
        """Bring what the attack needs to this machine; by default NLTK's stopwords and WordNet 3.0.

        Raises:
            RobenchError: something is missing and cannot be fetched.
        """
        from robench import nltk_data

        nltk_data.activate(offline=offline)

    def resources(self) -> dict[str, str]:
        """Name each resource that the result depends on, with its pin (version or sha256)."""
        from robench import nltk_data

        return nltk_data.identity()

    def identity(self) -> dict[str, object]:
        """Return all that determines what the attack does, as plain JSON values, for the key of a cell."""
        kind = type(self)
        return {
            "attack": f"{kind.__module__}:{kind.__qualname__}",
            "fields": dataclasses.asdict(self),
            "resources": self.resources(),
            "textattack": importlib.metadata.version("textattack"),
        }
