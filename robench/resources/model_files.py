"""The files of a Transformers model: where they are, and what is read, built and loaded of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robench.paths import read_regular
from robench.resources.model_folder import WEIGHTS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class ModelFiles:
    """The files of a Transformers model, in a folder or on the Hub.

    Attributes:
        title: the model in messages.
        location: the folder, or the Hub id.
        revision: the commit of a Hub model.
        trust_remote_code: whether the user allows the Python files that come with the model to run.
    """

    title: str
    location: str | Path
    revision: str | None = None
    trust_remote_code: bool = False

    def locate(self, name: str) -> Path | None:
        """Return the path of a file, fetched into the Hub's cache if the model is there; None if there is none."""
        if Path(self.location).is_dir():
            path = Path(self.location) / name
            return path if path.is_file() else None
        from transformers.utils import cached_file

        found = cached_file(
            str(self.location),
            name,
            revision=self.revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_connection_errors=False,
        )
        return Path(found) if found else None

    def locate_weights(self) -> list[Path] | None:
        """Return the file or files of weights that Transformers would load, fetched if need be; None if none exist.

        Raises:
            ValueError: the list of the files is not JSON.
        """
        for name in WEIGHTS:
            path = self.locate(name)
            if path is None:
                continue
            if path.suffix != ".json":
                return [path]
            names = sorted(set(self.read_json(name).get("weight_map", {}).values()))
            return [path for path in map(self.locate, map(str, names)) if path]
        return None

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file; return an empty dictionary if it is missing or holds anything but an object.

        Raises:
            ValueError: it is not JSON.
        """
        path = self.locate(name)
        content = _parse(path) if path else {}
        return content if isinstance(content, dict) else {}

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Load the tokenizer.

        Raises:
            Exception: whatever Transformers raises.
        """
        from transformers import AutoTokenizer

        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            self.location, revision=self.revision, trust_remote_code=self.trust_remote_code
        )
        return tokenizer

    def load_network(self, kind: Any, **settings: Any) -> Any:
        """Load the network with its weights.

        Args:
            kind: a class of Transformers with ``from_pretrained``, such as ``AutoModel``.
            settings: further arguments of ``from_pretrained``.

        Raises:
            Exception: whatever Transformers raises.
        """
        return kind.from_pretrained(
            self.location, revision=self.revision, trust_remote_code=self.trust_remote_code, **settings
        )

    def build_network(self, kind: Any) -> Any:
        """Build the network from its configuration, without its weights.

        Args:
            kind: a class of Transformers with ``from_config``, such as ``AutoModel``.

        Raises:
            Exception: whatever Transformers raises.
        """
        from transformers import AutoConfig

        consent = self.trust_remote_code
        config = AutoConfig.from_pretrained(self.location, revision=self.revision, trust_remote_code=consent)
        return kind.from_config(config, trust_remote_code=consent)


def _parse(path: Path) -> Any:
    try:
        return json.loads(read_regular(path))
    except (OSError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
