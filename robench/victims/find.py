"""Finding the model that a user names: a folder, a Hub id, a Python function, or a pair in memory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.paths import absolute_path, read_regular
from robench.plugins import registry
from robench.resources.hub import find_on_hub
from robench.resources.model_folder import check_model_folder, digest_folder
from robench.results.info import BEFORE
from robench.results.store import STAGE_FILE
from robench.victims import functions
from robench.victims.source import FunctionSource, PairSource, PretrainedSource, VictimSource, hash_texts

_NAME = re.compile(r"[\w+][\w+.-]{0,59}")
_FUNCTION = re.compile(r"[^/\\]+:[^/\\:]+")
_FILE_FIELDS = ("_name_or_path", "transformers_version")
"""Fields of a configuration that do not affect the model."""
_FORMS = "a model is a folder, a Hub id or module:function"


def find_victim(
    model: Any,
    *,
    name: str | None = None,
    version: str = "",
    trust_remote_code: bool = False,
    offline: bool = False,
) -> VictimSource:
    """Find the model that a user names, or take a model that is in memory.

    Args:
        model: a folder, a Hub id or ``module:function``; or a function, or a pair of a Transformers model and its
            tokenizer.
        name: the name of its row in tables; by default the last part of its path, id or function name.
        version: the version of a function, which is part of its digest.
        trust_remote_code: run the Python files that come with a model.
        offline: send the Hub no requests.

    Raises:
        RobenchError: there is no such model, or it lacks a part.
    """
    if isinstance(model, tuple | list) and len(model) == 2:
        return _pair_source(*model, name=_check_name(name or "model"))
    if not isinstance(model, str | Path):
        return _function_source(_check_function(model), "", name, version)
    folder = absolute_path(Path(model))
    if isinstance(model, str) and _FUNCTION.fullmatch(model) and not folder.is_dir():
        return _function_source(*functions.import_function(model), name, version)
    if version:
        raise RobenchError("--version is for a Python function; a model in files is identified by its files.")
    last_part = folder.resolve().name if folder.is_dir() else str(model).rpartition("/")[2]
    chosen = _check_name(name) if name else _choose_name(last_part)
    if folder.is_dir():
        return _find_folder(str(model), folder, chosen, trust_remote_code)
    if isinstance(model, Path) or model.startswith((".", "/", "~")):
        raise RobenchError(f"the folder {model} does not exist; {_FORMS}.")
    return _find_hub_model(model, chosen, trust_remote_code, offline)


def _check_function(model: Any) -> functions.Function:
    """Return an object in memory, if it is a function from texts to scores as far as its class tells.

    Raises:
        RobenchError: it is not.
    """
    if not callable(model):
        raise RobenchError(
            "a model is a folder, a Hub id, module:function, a function, or a pair of a Transformers model and its"
            f" tokenizer, not a {type(model).__name__}."
        )
    if hasattr(model, "save_pretrained"):
        raise RobenchError(f"a {type(model).__name__} does not read texts: give a pair of it and its tokenizer.")
    function: functions.Function = model
    functions.refuse_async(function, f"the function {getattr(function, '__name__', type(function).__name__)}")
    return function


def _function_source(function: functions.Function, shown: str, name: str | None, version: str) -> FunctionSource:
    """Make the source of a function.

    Args:
        function: the function.
        shown: ``module:function``, or empty if it is in memory.
        name: the name of its row in tables; None takes the function's.
        version: part of its digest.

    Raises:
        RobenchError: the name is unusable, or the function has neither a readable source nor a version.
    """
    last_part = shown.rpartition(":")[2].rpartition(".")[2]
    last_part = last_part or str(getattr(function, "__name__", type(function).__name__))
    chosen = _check_name(name) if name else _choose_name(last_part)
    command = ("--model", shown, *(["--version", version] if version else [])) if shown else ()
    digest = functions.digest_function(function, shown, version)
    return FunctionSource(chosen, shown or last_part, digest, function, command=command)


def _check_name(name: str) -> str:
    """Return a name that the user chose, if it can stand in tables, lists and names of folders.

    Raises:
        RobenchError: it cannot.
    """
    if not _NAME.fullmatch(name) or name in ("all", BEFORE):
        raise RobenchError(f"--name {name!r}: a name has up to 60 letters, digits and - _ . +, and is not all.")
    if name in registry.names("defenses"):
        raise RobenchError(f"--name {name} is the name of a defense; choose another, such as {name}-given.")
    return name


def _choose_name(last_part: str) -> str:
    """Make a name from the last part of a model's path, id or function name."""
    name = re.sub(r"[^\w+.-]+", "-", last_part).strip("-.")[:50] or "model"
    return f"{name}-given" if name in ("all", BEFORE, *registry.names("defenses")) else name


def _find_folder(shown: str, path: Path, name: str, trust_remote_code: bool) -> PretrainedSource:
    """Find a model in a folder; its digest covers weights, configuration, tokenizer and, if it is trusted, its code.

    Raises:
        RobenchError: it lacks one of its parts.
    """
    if (path / STAGE_FILE).exists():
        raise RobenchError(
            f"{shown} is a folder of robench's own; write its model out with `robench export {path.name} DIR` and"
            " attack DIR."
        )
    check_model_folder(f"the folder {shown}", path)
    parts = [digest_folder(path)]
    if trust_remote_code:
        parts += [hashlib.sha256(read_regular(file)).hexdigest() for file in sorted(path.glob("*.py"))]
    command = _command(shown, trust_remote_code)
    place = str(path.resolve())
    return PretrainedSource(name, shown, hash_texts(*parts), place, None, trust_remote_code, command=command)


def _find_hub_model(shown: str, name: str, trust_remote_code: bool, offline: bool) -> PretrainedSource:
    """Find a model on the Hub at its current commit, which identifies it; offline, in the Hub's cache.

    Raises:
        RobenchError: there is no such model, or it is not available offline.
    """
    hub_model = find_on_hub(shown, f"--model {shown!r}", ("a folder", "module:function"), _FORMS, offline=offline)
    digest = hash_texts(f"{shown}@{hub_model.commit}")
    shown_commit = f"{shown} at {hub_model.commit[:12]}"
    command = _command(shown, trust_remote_code)
    return PretrainedSource(
        name, shown_commit, digest, hub_model.location, hub_model.revision, trust_remote_code, command=command
    )


def _command(shown: str, trust_remote_code: bool) -> tuple[str, ...]:
    return "--model", shown, *(["--trust-remote-code"] if trust_remote_code else [])


def _pair_source(model: Any, tokenizer: Any, *, name: str) -> PairSource:
    """Make the source of a model in memory; its digest covers its parameters, configuration and tokenizer.

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
    shown = f"a {type(model).__name__} in memory"
    if not isinstance(model.config.id2label, Mapping):
        raise RobenchError(f"{shown}: its config.id2label is {show_value(model.config.id2label)}, not a dictionary.")
    config = {key: value for key, value in model.config.to_dict().items() if key not in _FILE_FIELDS}
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words = backend.to_str() if backend is not None else repr(sorted(tokenizer.get_vocab().items()))
    total = hashlib.sha256(json.dumps([config, words, tokenizer.model_max_length], default=str).encode())
    for key, value in sorted(model.state_dict().items()):
        if not isinstance(value, torch.Tensor) or value.is_meta or value.is_quantized:
            raise RobenchError(
                f"{shown}: its weights, such as {key}, are quantised or not there, and robench distinguishes models by"
                " their weights; give a function that calls it, with a version."
            )
        total.update(f"{key} {value.dtype} {tuple(value.shape)}\0".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return PairSource(name, shown, hash_texts(total.hexdigest()), model, tokenizer)
