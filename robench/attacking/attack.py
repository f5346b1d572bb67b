"""What an attack is: a frozen dataclass that builds a ``textattack.Attack``."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from robench import resources
from robench.attacking.bounds import QUERIES_PER_WORD
from robench.plugins.option import check_values, option
from robench.resources import Form, Resource

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
            from robench.attacking import Attack, option

            @dataclass(frozen=True, kw_only=True)
            class Pruthi(Attack):
                '''Pruthi et al. 2019: misspellings that a reader skims over.'''

                max_words: int = option(2, "words that get a typo", minimum=1)

                def build(self, victim):
                    from textattack.attack_recipes import Pruthi2019
                    return Pruthi2019.build(victim, max_num_word_swaps=self.max_words)
    """

    plugin_kind: ClassVar[str] = "attacks"
    uses: ClassVar[tuple[Resource, ...]] = ("stopwords", "wordnet")
    """The data that the recipe needs beyond its code."""

    query_budget: int | None = option(None, "queries one example may cost; none for no limit", minimum=1)
    queries_per_word: int | None = option(None, "queries for each word of the example; none for no limit", minimum=1)
    max_words_changed: float | None = option(
        None, "largest share of a text's words that may be changed; none for no limit", above=0, maximum=1
    )
    protocol: Literal["recipe", "textdefender"] = option(
        "recipe",
        "bounds of the attack: recipe has its authors' own, textdefender the common ones under which Li et al. 2021"
        ' ("Searching for an Effective Defender") compare defenses',
    )
    resources: Form = option(
        "bundled",
        "word vectors and sentence encoder: published are those that TextAttack downloads, bundled stand-ins from the"
        " package index; nothing else depends on it",
    )

    def __post_init__(self) -> None:
        """Reject limits that leave nothing."""
        check_values(self)

    @abstractmethod
    def build(self, victim: Victim) -> Any:
        """Build a fresh ``textattack.Attack`` on ``victim``.

        Called once. Examples are searched at the same time on copies, in which TextAttack's own parts (goal function,
        search method, transformation, constraints) are separate and everything else, such as a model, is shared.
        Import TextAttack here, not at the top of the file: listing the attacks must stay fast, and by the time of the
        call :func:`robench.attacking.build.build_attack` has imported it safely. What the recipe takes by default for
        counter-fitted word vectors and for the Universal Sentence Encoder is what ``resources`` says.
        """

    @property
    def needs(self) -> tuple[Resource, ...]:
        """The data it needs with these options."""
        added: tuple[Resource, ...] = ("word-vectors", "sentence-encoder") if self.protocol == "textdefender" else ()
        return tuple(dict.fromkeys(self.uses + added))

    @property
    def has_forms(self) -> bool:
        """Whether ``resources`` makes a difference."""
        return any(need in resources.TWO_FORMS for need in self.needs)

    @property
    def variant(self) -> str:
        """What differs from the published attack; empty when nothing does.

        Tables show it behind the name: ``textfooler (bundled)``.
        """
        named = [self.resources] if self.has_forms and self.resources == "bundled" else []
        return ", ".join([*named, *([self.protocol] if self.protocol != "recipe" else [])])

    def budget(self, words: int) -> int | None:
        """Queries that an example of so many words may cost; None for no limit."""
        limits = [self.query_budget] if self.query_budget else []
        for per_word in (self.queries_per_word, QUERIES_PER_WORD if self.protocol == "textdefender" else None):
            if per_word:
                limits.append(per_word * max(words, 1))
        return min(limits, default=None)

    def prepare(self, *, offline: bool = False) -> None:
        """Bring what the attack needs to this machine.

        Raises:
            RobenchError: something is missing and cannot be fetched.
        """
        resources.prepare_resources(self.needs, self.resources, offline=offline)

    def pins(self) -> dict[str, str]:
        """Name each resource that the result depends on, with its version or sha256."""
        return resources.identify_resources(self.needs, self.resources)

    def identity(self) -> dict[str, object]:
        """Return all that determines what the attack does, as plain JSON values, for the key of a cell."""
        kind = type(self)
        fields = dataclasses.asdict(self)
        if not self.has_forms:
            del fields["resources"]
        return {
            "attack": f"{kind.__module__}:{kind.__qualname__}",
            "fields": fields,
            "resources": self.pins(),
            "textattack": importlib.metadata.version("textattack"),
        }
