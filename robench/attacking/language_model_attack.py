"""Base classes of attacks that use a language model of their own to propose or to judge words."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from robench.attacking.attack import Attack
from robench.attacking.padding_tokenizer import BatchPaddingTokenizer
from robench.errors import RobenchError
from robench.plugins.option import option
from robench.resources import language_models
from robench.resources.model_names import pin_model_name

_LONGEST = 512


@dataclass(frozen=True, kw_only=True)
class LanguageModelAttack(Attack):
    """An attack with a field that names a language model: a folder, or a Hub id with or without ``@commit``.

    In a cell's key the digest of a folder's files replaces its path, so a folder may be moved.

    Attributes:
        model_field: the name of that field.
        model_kind: the kind of model that the attack needs, or None if any kind will do.
    """

    model_field: ClassVar[str] = "language_model"
    model_kind: ClassVar[str | None] = None
    commits: ClassVar[Mapping[str, str]] = {}
    """Pins: for Hub ids, the commit that is meant where the field gives none. Any other Hub id means ``main``; if users
    set it, :meth:`settle` replaces it by its commit."""

    @property
    def model_name(self) -> str:
        """Return the name of the language model."""
        return str(getattr(self, self.model_field))

    def settle(self, *, offline: bool = False) -> Self:
        """Return the attack with the commit of its language model in the model's name, if the user set one without it.

        The model that the attack has by default stays as its author named it, and so does the key.
        """
        if self.model_name == type(self).__dataclass_fields__[self.model_field].default:
            return self
        with self._advise_folder():
            name = pin_model_name(self.model_name, self.commits, offline=offline)
        changed: dict[str, Any] = {} if name == self.model_name else {self.model_field: name}
        return dataclasses.replace(self, **changed) if changed else self

    def prepare(self, *, offline: bool = False) -> None:
        """Fetch the language model, and then the other data; see :meth:`Attack.prepare`."""
        with self._advise_folder():
            self._prepare_model(offline)
        super().prepare(offline=offline)

    @contextlib.contextmanager
    def _advise_folder(self) -> Iterator[None]:
        """Add to an error in the block how to name a folder instead."""
        try:
            yield
        except RobenchError as error:
            raise RobenchError(f"{error} You can also name a folder: --set ATTACK.{self.model_field}=DIR.") from error

    def _prepare_model(self, offline: bool) -> None:
        language_models.prepare_language_model(self.model_name, self.commits, offline=offline, kind=self.model_kind)

    def identity(self) -> dict[str, object]:
        """Return the identity of any attack, with the digest or commit of the model in place of its name."""
        identity = super().identity()
        fields = identity["fields"]
        assert isinstance(fields, dict)
        return identity | {
            "fields": fields
            | {self.model_field: language_models.identify_language_model(self.model_name, self.commits)}
        }


@dataclass(frozen=True, kw_only=True)
class MaskedLanguageModelAttack(LanguageModelAttack):
    """An attack whose new words are filled in by a masked language model."""

    language_model: str = option(
        dataclasses.MISSING, "model that fills in words: a folder or a Hub id; it needs a masked-language-model head"
    )
    max_candidates: int = option(50, "words tried at one place", minimum=1)

    def _prepare_model(self, offline: bool) -> None:
        language_models.load_masked_model(self.model_name, self.commits, offline=offline)

    def masked_model(self, max_pieces: int | None = None) -> dict[str, Any]:
        """Return the model as arguments of TextAttack's transformations; :meth:`prepare` has fetched it before."""
        model, tokenizer = language_models.load_masked_model(self.model_name, self.commits, offline=True)
        longest = min(_LONGEST, tokenizer.model_max_length, model.config.max_position_embeddings)
        padding = BatchPaddingTokenizer(tokenizer, max_pieces)
        return {"masked_language_model": model, "tokenizer": padding, "max_length": longest}
