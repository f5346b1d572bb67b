"""Finding the model that a user names: a folder, a Hub id, a name in a Python module, or an object in memory."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.paths import absolute_path, read_regular
from robench.plugins import registry
from robench.resources.foreign_model import ADAPTER_FILE
from robench.resources.hub import find_on_hub
from robench.resources.model_folder import check_adapter_folder, check_model_folder, digest_folder
from robench.results.info import BEFORE
from robench.results.store import STAGE_FILE
from robench.victims import functions
from robench.victims.estimators import PICKLES, estimator_source, is_estimator
from robench.victims.in_memory import is_pipeline, pair_source, pipeline_source
from robench.victims.source import FunctionSource, PretrainedSource, VictimSource, hash_texts

_NAME = re.compile(r"[\w+][\w+.-]{0,59}")
_OBJECT = re.compile(r"(?:[^/\\]+|.+\.py):[^/\\:]+")
"""``module:name`` or ``FILE.py:name``."""
_FORMS = "a model is a folder, a Hub id or module:function"
_ALTERNATIVES = ("a folder", "module:function")
_SAVED_WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")


def find_victim(
    model: Any,
    *,
    name: str | None = None,
    version: str = "",
    sigmoid: bool = False,
    trust_remote_code: bool = False,
    offline: bool = False,
) -> VictimSource:
    """Find the model that a user names, or take a model that is in memory.

    Args:
        model: a folder, a Hub id, ``module:name`` or ``FILE.py:name``; or in memory: a function, a pair of a
            Transformers model and its tokenizer, a pipeline of Transformers, or a classifier of scikit-learn.
        name: the name of its row in tables; by default the last part of its path, id or function name.
        version: the version of a function, which is part of its digest.
        sigmoid: take the one output of a Transformers model for a logit.
        trust_remote_code: run the Python files that come with a model.
        offline: send the Hub no requests.

    Raises:
        RobenchError: there is no such model, or it lacks a part.
    """
    if not isinstance(model, str | Path):
        return _take_object(model, "", "", name, version, sigmoid)
    place = absolute_path(Path(model))
    if isinstance(model, str) and _OBJECT.fullmatch(model) and not place.is_dir():
        return _take_object(*functions.import_object(model), model, name, version, sigmoid)
    if version:
        raise RobenchError("--version is for a Python function; a model in files is identified by its files.")
    last_part = place.resolve().name if place.is_dir() else str(model).rpartition("/")[2]
    chosen = choose_name(name, last_part)
    if place.is_dir():
        source = _find_folder(str(model), place, chosen, trust_remote_code)
    elif place.is_file() or place.suffix in PICKLES:
        raise _refuse_file(str(model), place)
    elif isinstance(model, Path) or model.startswith((".", "/", "~")):
        raise RobenchError(f"the folder {model} does not exist; {_FORMS}.")
    else:
        source = _find_hub_model(model, chosen, trust_remote_code, offline)
    source = _add_base(source, offline)
    if not sigmoid:
        return source
    return replace(
        source, sigmoid=True, digest=hash_texts(source.digest, "sigmoid"), command=(*source.command, "--sigmoid")
    )


def _take_object(thing: Any, spec: str, shown: str, name: str | None, version: str, sigmoid: bool) -> VictimSource:
    """Make the source of an object.

    Args:
        thing: the object.
        spec: ``module:name``, or empty if it is in memory.
        shown: what the user wrote, or empty if it is in memory.
        name: the name of its row in tables; None takes the last part of its own.
        version: part of the digest of a function.
        sigmoid: take the one output of a Transformers model for a logit.

    Raises:
        RobenchError: it is no model, or cannot be identified.
    """
    is_pair = isinstance(thing, tuple | list) and len(thing) == 2
    last_part = spec.rpartition(":")[2].rpartition(".")[2] or "model"
    if is_pair or is_pipeline(thing):
        if version:
            raise RobenchError(
                "--version is for a Python function; a model of Transformers is identified by its weights."
            )
        chosen = choose_name(name, last_part)
        if is_pair:
            return pair_source(*thing, name=chosen, shown=shown, sigmoid=sigmoid)
        return pipeline_source(thing, name=chosen, shown=shown, sigmoid=sigmoid)
    if sigmoid:
        raise RobenchError(
            "--sigmoid is for a Transformers model with one logit; a function returns all scores itself."
        )
    if is_estimator(thing) and not callable(thing):
        chosen = choose_name(name, last_part)
        return estimator_source(thing, name=chosen, shown=shown, version=version)
    what = f"--model {shown}: {shown.rpartition(':')[2]}" if shown else "the model"
    function = functions.check_function(thing, what)
    return _function_source(function, spec, shown, name, version)


def _function_source(
    function: functions.Function, spec: str, shown: str, name: str | None, version: str
) -> FunctionSource:
    """Make the source of a function; see :func:`_take_object`.

    Raises:
        RobenchError: the name is unusable, or the function has neither a readable source nor a version.
    """
    last_part = spec.rpartition(":")[2].rpartition(".")[2]
    last_part = last_part or str(getattr(function, "__name__", type(function).__name__))
    chosen = choose_name(name, last_part)
    command = ("--model", shown, *(["--version", version] if version else [])) if shown else ()
    digest = functions.digest_function(function, spec, version)
    return FunctionSource(chosen, shown or last_part, digest, function, command=command)


def choose_name(name: str | None, last_part: str) -> str:
    """Return the name of a model's row in tables, which is also that of folders.

    Args:
        name: the user's choice; None or empty makes one.
        last_part: the last part of the model's path, id or function name, of which one is made.

    Raises:
        RobenchError: the user's choice cannot stand in tables, lists and names of folders.
    """
    defenses = registry.names("defenses")
    if not name:
        made = re.sub(r"[^\w+.-]+", "-", last_part).strip("-.")[:50] or "model"
        return f"{made}-given" if made in ("all", BEFORE, *defenses) else made
    if not _NAME.fullmatch(name) or name in ("all", BEFORE):
        raise RobenchError(
            f"--name {name!r}: a name has up to 60 letters, digits and - _ . +, and is not the word all or {BEFORE}."
        )
    if name in defenses:
        raise RobenchError(f"--name {name} is the name of a defense; choose another, such as {name}-given.")
    return name


def _refuse_file(shown: str, path: Path) -> RobenchError:
    """Return the error for a file in the place of a folder, with what to do instead."""
    if path.suffix in PICKLES:
        return RobenchError(
            f"--model {shown} is a pickle, which runs whatever code is in it, so robench does not read it. Load it in a"
            f" Python file of yours, such as vic.py with `pipeline = joblib.load({path.name!r})`, and give"
            " --model vic.py:pipeline."
        )
    if path.suffix == ".py":
        return RobenchError(f"--model {shown}: name the function in it as well, as in {shown}:scores.")
    if path.suffix in _SAVED_WEIGHTS:
        return RobenchError(
            f"--model {shown} is a file of weights; save model and tokenizer to a folder with save_pretrained(), and"
            " give that."
        )
    return RobenchError(f"--model {shown} is a file; {_FORMS}.")


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
    check = check_adapter_folder if (path / ADAPTER_FILE).is_file() else check_model_folder
    check(f"the folder {shown}", path)
    parts = [digest_folder(path)]
    if trust_remote_code:
        parts += [hashlib.sha256(read_regular(file)).hexdigest() for file in sorted(path.glob("*.py"))]
    command = _command(shown, trust_remote_code)
    place = str(path.resolve())
    return PretrainedSource(name, shown, hash_texts(*parts), place, None, trust_remote_code, command=command)


def _find_hub_model(
    shown: str, name: str, trust_remote_code: bool, offline: bool, revision: str | None = None
) -> PretrainedSource:
    """Find a model on the Hub at its current commit, which identifies it; offline, in the Hub's cache.

    Raises:
        RobenchError: there is no such model, or it is not available offline.
    """
    title = f"--model {shown!r}"
    hub_model = find_on_hub(shown, title, _ALTERNATIVES, _FORMS, offline=offline, revision=revision)
    digest = hash_texts(f"{shown}@{hub_model.commit}")
    shown_commit = f"{shown} at {hub_model.commit[:12]}"
    command = _command(shown, trust_remote_code)
    return PretrainedSource(
        name, shown_commit, digest, hub_model.location, hub_model.revision, trust_remote_code, command=command
    )


def _command(shown: str, trust_remote_code: bool) -> tuple[str, ...]:
    return "--model", shown, *(["--trust-remote-code"] if trust_remote_code else [])


def _add_base(source: PretrainedSource, offline: bool) -> PretrainedSource:
    """Find the base model of a PEFT adapter, which is part of the adapter's digest; return a whole model as it is.

    Raises:
        RobenchError: there is no such model.
    """
    if source.files.locate(ADAPTER_FILE) is None:
        return source
    try:
        config = source.files.read_json(ADAPTER_FILE)
    except ValueError as error:
        raise RobenchError(f"the adapter {source.shown}: {error}.") from error
    named, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(named, str) or not named:
        raise RobenchError(
            f"the adapter {source.shown} names no base model; write its folder or Hub id into {ADAPTER_FILE}, as"
            " base_model_name_or_path."
        )
    folder, consent = absolute_path(Path(named)), source.trust_remote_code
    try:
        if folder.is_dir():
            base = _find_folder(named, folder, source.name, consent)
        else:
            base = _find_hub_model(
                named, source.name, consent, offline, revision if isinstance(revision, str) else None
            )
    except RobenchError as error:
        reason = str(error).removeprefix("--model ")
        raise RobenchError(
            f"the base model of the adapter {source.shown} (base_model_name_or_path in {ADAPTER_FILE}): {reason}"
        ) from error
    if base.files.locate(ADAPTER_FILE) is not None:
        raise RobenchError(
            f"the base model of the adapter {source.shown} is an adapter, too; merge it into its own base."
        )
    return replace(source, base=base, digest=hash_texts(source.digest, base.digest))
