"""What attacks share that ask a language model of their own for words or for a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from robench.attacking.attack import Attack
from robench.errors import RobenchError
from robench.resources import language_models

_LONGEST = 512


@dataclass(frozen=True, kw_only=True)
class LanguageModelAttack(Attack):
    """An attack with a field that names a model: a folder, or a Hub id with or without ``@commit``.

    In a cell's key a folder stands as the digest of its files, so that it may lie anywhere.
    """

    model_field: ClassVar[str] = "language_model"
    model_kind: ClassVar[str | None] = None

    @property
    def model_name(self) -> str:
        """The model that is asked."""
        return str(getattr(self, self.model_field))

    def prepare(self, *, offline: bool = False) -> None:
        """Bring the model, and then the rest."""
        try:
            self._prepare_model(offline)
        except RobenchError as error:
            raise RobenchError(f"{error} A folder can be named, too: --set ATTACK.{self.model_field}=DIR.") from error
        super().prepare(offline=offline)

    def _prepare_model(self, offline: bool) -> None:
        language_models.prepare(self.model_name, offline=offline, kind=self.model_kind)

    def identity(self) -> dict[str, object]:
        """As every attack's, with what the model is in place of its name."""
        identity = super().identity()
        fields = identity["fields"]
        assert isinstance(fields, dict)
        return identity | {"fields": fields | {self.model_field: language_models.identity(self.model_name)}}


@dataclass(frozen=True, kw_only=True)
class MaskedLanguageModelAttack(LanguageModelAttack):
    """An attack whose words a masked language model fills in.

    Attributes:
        language_model: the model; it needs its masked-language-model head.
        max_candidates: words tried at one place.
    """

    language_model: str = "bert-base-uncased"
    max_candidates: int = 50

    def __post_init__(self) -> None:
        """Refuse what leaves no words."""
        super().__post_init__()
        if self.max_candidates < 1:
            raise ValueError(f"max_candidates must be 1 or more, not {self.max_candidates}")

    def _prepare_model(self, offline: bool) -> None:
        language_models.masked(self.model_name, offline=offline)

    def masked_model(self, max_pieces: int | None = None) -> dict[str, Any]:
        """The model as the arguments of TextAttack's transformations; :meth:`prepare` has brought it."""
        model, tokenizer = language_models.masked(self.model_name, offline=True)
        longest = min(_LONGEST, tokenizer.model_max_length, model.config.max_position_embeddings)
        padded = BatchPaddingTokenizer(tokenizer, max_pieces)
        return {"masked_language_model": model, "tokenizer": padded, "max_length": longest}


class BatchPaddingTokenizer:
    """A tokenizer that pads to the longest text of a batch, where TextAttack asks for 512 tokens of each."""

    def __init__(self, tokenizer: Any, max_pieces: int | None = None) -> None:
        self._tokenizer = tokenizer
        self._max_pieces = max_pieces

    def __call__(self, texts: Any, **options: Any) -> Any:
        """Tokenize texts."""
        return self._tokenizer(texts, **{**options, "padding": True})

    def encode(self, word: str, **options: Any) -> list[int]:
        """Ids of a word's pieces; none for a word of too many, which TextAttack then leaves alone."""
        pieces: list[int] = self._tokenizer.encode(word, **options)
        return [] if self._max_pieces is not None and len(pieces) > self._max_pieces else pieces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)
