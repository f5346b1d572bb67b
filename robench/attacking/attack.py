"""The contract of an attack: a frozen dataclass that builds a ``textattack.Attack``."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, get_args

from robench import resources
from robench.attacking.bounds import QUERIES_PER_WORD, SHORTEST, is_long_enough
from robench.plugins.contract import check_type
from robench.plugins.modules import class_path
from robench.plugins.option import check_values, option
from robench.resources import ForeignFile, Form, Resource

if TYPE_CHECKING:
    import torch


class Victim(Protocol):
    """The model under attack, in the form that TextAttack's recipes expect (a "model wrapper")."""

    @property
    def model(self) -> object:
        """Return the bare model; TextAttack inspects its class."""

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the logits of ``texts``: (len(texts), classes), float32, on the CPU."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """An attack; a subclass adds its options as fields and builds the ``textattack.Attack``.

    Example:
        A whole plug-in::

            from dataclasses import dataclass

            import robench
            from robench.attacking import Attack, option

            @robench.register("few-typos")
            @dataclass(frozen=True, kw_only=True)
            class Pruthi(Attack):
                '''Pruthi et al. 2019: misspellings that a reader overlooks.'''

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
        None,
        "largest share of a text's words that may be changed, rounded up to whole words; none for no limit. Words are"
        " compared place by place, so after a word that was split or inserted all later ones count as changed",
        above=0,
        maximum=1,
    )
    protocol: Literal["recipe", "textdefender"] = option(
        "recipe",
        "bounds of the attack: recipe has its authors' own, textdefender the common ones under which Li et al. 2021"
        ' ("Searching for an Effective Defender") compare defenses; it leaves out texts of four words and fewer',
    )
    resources: Form = option(
        "bundled",
        "word vectors and sentence encoder: published are those that TextAttack downloads, bundled stand-ins from the"
        " package index; nothing else depends on it",
    )

    def __post_init__(self) -> None:
        """Reject limits that leave nothing to attack, and data that robench does not have."""
        known = get_args(Resource)
        for need in self.uses:
            if need not in known:
                raise ValueError(f"uses has {need!r}, which is no resource: there are {', '.join(known)}")
        check_values(self)

    def check_declarations(self) -> None:
        """Reject properties whose values make no sense, and methods that return what they should not.

        Raises:
            TypeError, ValueError: one is, or does; the message says which, as a clause.
        """
        known = get_args(Resource)
        for need in self.needs:
            if need not in known:
                raise ValueError(f"its needs have {need!r}, which is no resource: there are {', '.join(known)}")
        check_type("attacks(text)", self.attacks("a text of some words"), bool)
        check_type("describe_left_out(texts)", self.describe_left_out([]), str)
        check_type("budget(words)", budget := self.budget(10), int | None)
        if budget is not None and budget < 1:
            raise ValueError(f"its budget(words) is {budget}, not 1 or more, or none")

    @abstractmethod
    def build(self, victim: Victim) -> Any:
        """Build a fresh ``textattack.Attack`` on ``victim``.

        robench calls this once and searches examples at the same time on copies. In a copy TextAttack's own parts (goal
        function, search method, transformation, constraints) are separate; everything else, such as a model, is shared.
        Import TextAttack here, not at the top of the file: listing the attacks must stay fast, and
        :func:`robench.attacking.build.build_attack` has imported it safely before the call. The recipe's default
        counter-fitted word vectors and Universal Sentence Encoder are replaced by those that ``resources`` names.

        Args:
            victim: the model under attack.
        """

    @property
    def needs(self) -> tuple[Resource, ...]:
        """Return the data that the attack needs with these options."""
        added: tuple[Resource, ...] = ("word-vectors", "sentence-encoder") if self.protocol == "textdefender" else ()
        return tuple(dict.fromkeys(self.uses + added))

    @property
    def foreign_files(self) -> tuple[ForeignFile, ...]:
        """Return the files of others that the attack loads and that can run any code then, such as pickles.

        An attack with such files runs only if they are pinned and the user consents with ``--trust-remote-code``; it
        checks a file by :func:`robench.resources.check_pin` just before it loads it.
        """
        return ()

    @property
    def has_forms(self) -> bool:
        """Return whether the field ``resources`` makes a difference."""
        return any(need in resources.TWO_FORMS for need in self.needs)

    @property
    def variant(self) -> str:
        """Return what differs from the published attack; empty if nothing does.

        Tables show it after the name: ``textfooler (bundled 2)``, with the procedure of the stand-ins.
        """
        named = [f"bundled {resources.STAND_IN_VERSION}"] if self.has_forms and self.resources == "bundled" else []
        return ", ".join([*named, *([self.protocol] if self.protocol != "recipe" else [])])

    def budget(self, words: int) -> int | None:
        """Return the most queries for an example with that many words; None for no limit."""
        limits = [self.query_budget] if self.query_budget else []
        for per_word in (self.queries_per_word, QUERIES_PER_WORD if self.protocol == "textdefender" else None):
            if per_word:
                limits.append(per_word * max(words, 1))
        return min(limits, default=None)

    def attacks(self, text: str) -> bool:
        """Return whether the protocol attacks such a text; the sample of attacked texts has no others."""
        return self.protocol != "textdefender" or is_long_enough(text)

    def describe_left_out(self, texts: Sequence[str]) -> str:
        """Say how many of the test texts the protocol does not attack, and why; empty if there are none."""
        count = sum(not self.attacks(text) for text in texts)
        rule = f"those of fewer than {SHORTEST} words are no part of the sample (protocol {self.protocol})"
        return f"{count:,} of {len(texts):,} test texts are not attacked: {rule}" if count else ""

    def inherit_settings(self, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return the values of fields that follow from what the user set of other attacks; by default none.

        Args:
            settings: hyper-parameters by name of a defense or attack, then by field.
        """
        return {}

    def settle(self, *, offline: bool = False) -> Self:
        """Return the attack with fields that mean the same for ever, before a key is made of them; by default itself.

        A field may name what can change under its name, such as a model at the branch of a repository.

        Args:
            offline: forbid asking a server.

        Raises:
            RobenchError: it is not known what a field stands for.
        """
        return self

    def prepare(self, *, offline: bool = False) -> None:
        """Fetch the data that the attack needs, if it is not on this machine.

        Args:
            offline: forbid fetching.

        Raises:
            RobenchError: some data is missing and cannot be fetched.
        """
        resources.prepare_resources(self.needs, self.resources, offline=offline)

    def pins(self) -> dict[str, str]:
        """Return the version or sha256 of each resource on which the result depends, by name."""
        return resources.identify_resources(self.needs, self.resources)

    def identity(self) -> dict[str, object]:
        """Return everything that determines the attack's result, as plain JSON values, for the key of a cell."""
        kind = type(self)
        fields = dataclasses.asdict(self)
        if not self.has_forms:
            del fields["resources"]
        return {
            "attack": class_path(kind),
            "fields": fields,
            "resources": self.pins(),
            "textattack": resources.TEXTATTACK_VERSION,
        }
