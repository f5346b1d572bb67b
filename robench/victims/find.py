"""From what a user calls a model to the model: a folder, a Hub id, a Python function, or a pair in memory."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.paths import expanded
from robench.plugins import registry
from robench.resources.hub import find_on_hub
from robench.resources.model_folder import check_folder, folder_digest
from robench.results.papers import BEFORE
from robench.results.store import STAGE_FILE
from robench.victims import functions
from robench.victims.source import FunctionSource, PairSource, PretrainedSource, VictimSource, hash_texts

_NAME = re.compile(r"[\w+][\w+.-]{0,59}")
_FUNCTION = re.compile(r"[^/\\]+:[^/\\:]+")
_ABOUT_FILES = ("_name_or_path", "transformers_version")
"""Of a configuration, what says nothing of the model."""
_FORMS = "a model is a folder, a Hub id or module:function"


def find_victim(
    model: Any,
    *,
    name: str | None = None,
    version: str = "",
    trust_remote_code: bool = False,
    offline: bool = False,
) -> VictimSource:
    """Locate the model that a user names, or take the one that a program gives.

    Args:
        model: a folder, a Hub id or ``module:function``; or a function, or a pair of a Transformers model and its
            tokenizer.
        name: of its row in tables; by default the last part of what it is called.
        version: of a function, part of its digest.
        trust_remote_code: run the Python files that come with a model.
        offline: ask the Hub nothing.

    Raises:
        RobenchError: there is no such model, or it lacks a part.
    """
    if isinstance(model, tuple | list) and len(model) == 2:
        return _find_pair(*model, name=_check_name(name or "model"))
    folder = expanded(Path(model)) if isinstance(model, str | Path) else None
    if isinstance(model, str) and _FUNCTION.fullmatch(model) and not (folder and folder.is_dir()):
        function, shown = functions.import_function(model)
    elif folder is None:
        function, shown = model, ""
        if not callable(model):
            raise RobenchError(
                "a model is a folder, a Hub id, module:function, a function, or a pair of a Transformers model and its"
                f" tokenizer, not a {type(model).__name__}."
            )
        if hasattr(model, "save_pretrained"):
            raise RobenchError(f"a {type(model).__name__} does not read texts: give a pair of it and its tokenizer.")
    else:
        if version:
            raise RobenchError("--version is for a Python function; the files of a model tell theirs themselves.")
        called = folder.resolve().name if folder.is_dir() else str(model).rpartition("/")[2]
        chosen = _check_name(name) if name else _choose_name(called)
        if folder.is_dir():
            return _find_folder(str(model), folder, chosen, trust_remote_code)
        if isinstance(model, Path) or model.startswith((".", "/", "~")):
            raise RobenchError(f"the folder {model} does not exist; {_FORMS}.")
        return _find_hub_model(model, chosen, trust_remote_code, offline)
    called = shown.rpartition(":")[2].rpartition(".")[2] or str(getattr(function, "__name__", type(function).__name__))
    chosen = _check_name(name) if name else _choose_name(called)
    command = ("--model", shown, *(["--version", version] if version else [])) if shown else ()
    digest = functions.digest_function(function, shown, version)
    return FunctionSource(chosen, shown or called, digest, function, command=command)


def _check_name(name: str) -> str:
    """A name that the user gave; it stands in tables, lists and the names of folders."""
    if not _NAME.fullmatch(name) or name in ("all", BEFORE):
        raise RobenchError(f"--name {name!r}: a name has up to 60 letters, digits and - _ . +, and is not all.")
    if name in registry.names("defenses"):
        raise RobenchError(f"--name {name} is the name of a defense; choose another, such as {name}-given.")
    return name


def _choose_name(called: str) -> str:
    """A name made of what a model is called."""
    name = re.sub(r"[^\w+.-]+", "-", called).strip("-.")[:50] or "model"
    return f"{name}-given" if name in ("all", BEFORE, *registry.names("defenses")) else name


def _find_folder(shown: str, path: Path, name: str, trust_remote_code: bool) -> PretrainedSource:
    """A model folder; its digest is that of its weights, configuration and tokenizer, and of the code it brings.

    Raises:
        RobenchError: it lacks one of its parts.
    """
    if (path / STAGE_FILE).exists():
        raise RobenchError(
            f"{shown} is a folder of robench's own; write its model out with `robench export {path.name} DIR` and"
            " attack DIR."
        )
    check_folder(f"the folder {shown}", path)
    parts = [folder_digest(path)]
    if trust_remote_code:
        parts += [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(path.glob("*.py"))]
    command = _command(shown, trust_remote_code)
    place = str(path.resolve())
    return PretrainedSource(name, shown, hash_texts(*parts), place, None, trust_remote_code, command=command)


def _find_hub_model(shown: str, name: str, trust_remote_code: bool, offline: bool) -> PretrainedSource:
    """A model of the Hub at its present commit, which stands for it; offline, what the Hub's cache has.

    Raises:
        RobenchError: there is no such model, or it cannot be had here.
    """
    found = find_on_hub(shown, f"--model {shown!r}", ("a folder", "module:function"), _FORMS, offline=offline)
    digest = hash_texts(f"{shown}@{found.commit}")
    told = f"{shown} at {found.commit[:12]}"
    command = _command(shown, trust_remote_code)
    return PretrainedSource(name, told, digest, found.location, found.revision, trust_remote_code, command=command)


def _command(shown: str, trust_remote_code: bool) -> tuple[str, ...]:
    return "--model", shown, *(["--trust-remote-code"] if trust_remote_code else [])


def _find_pair(model: Any, tokenizer: Any, *, name: str) -> PairSource:
    """A model in memory; its digest is that of its parameters, configuration and tokenizer.

    Raises:
        RobenchError: the pair is not a Transformers model and its tokenizer.
    """
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    if not (isinstance(model, PreTrainedModel) and isinstance(tokenizer, PreTrainedTokenizerBase)):
        raise RobenchError(
            f"a pair is a Transformers model and its tokenizer, not a {type(model).__name__} and a"
            f" {type(tokenizer).__name__}."
        )
    config = {key: value for key, value in model.config.to_dict().items() if key not in _ABOUT_FILES}
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words = backend.to_str() if backend is not None else repr(sorted(tokenizer.get_vocab().items()))
    total = hashlib.sha256(json.dumps([config, words, tokenizer.model_max_length], default=str).encode())
    for key, value in sorted(model.state_dict().items()):
        total.update(f"{key} {value.dtype} {tuple(value.shape)}\0".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    shown = f"a {type(model).__name__} in memory"
    return PairSource(name, shown, hash_texts(total.hexdigest()), model, tokenizer)
