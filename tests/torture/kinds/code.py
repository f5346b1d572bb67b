"""Code that comes with a folder of an encoder or model, and that nobody asked for."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torture.case import Case, Place, kind
from torture.kinds.encoders import words_for
from torture.strings import Bomb, payload, shuffle
from torture.workshop import attack


def write_code(key: str, classes: Any, what: str, place: Place) -> None:
    """Give a folder Python files that make the canary, named by its configuration."""
    folder = place.work / what
    code = f"{payload(place.canary)}\n"
    for module in ("modeling", "configuration", "tokenization", "own"):
        (folder / f"{module}.py").write_text(code, encoding="utf-8")
    for file in ("config.json", "tokenizer_config.json"):
        path = folder / file
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        content[key] = classes
        path.write_text(json.dumps(content), encoding="utf-8")


def write_pickle(file: str, form: str, what: str, place: Place) -> None:
    """Put a pickle that makes the canary in the place of a folder's file."""
    import torch

    folder, bomb = place.work / what, Bomb(place.canary)
    if file == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()  # which would be read first
    if form == "torch":
        torch.save({"weight": bomb}, folder / file)
    elif form == "old torch":
        torch.save({"weight": bomb}, folder / file, _use_new_zipfile_serialization=False)
    else:
        (folder / file).write_bytes(pickle.dumps(bomb))


def write_module(name: str, what: str, place: Place) -> None:
    """Put a module that makes the canary into the working directory."""
    (place.work / f"{name}.py").write_text(payload(place.canary), encoding="utf-8")


MAPS: tuple[Any, ...] = (
    {"AutoConfig": "configuration.C", "AutoModel": "modeling.M", "AutoTokenizer": ["tokenization.T", None]},
    {"AutoModel": "someone/else--modeling.M"},
    {"AutoModelForSequenceClassification": "modeling.M"},
    {"AutoTokenizer": ["tokenization.T", "tokenization.T"]},
    ["tokenization.T", None],
    "modeling.M",
    {"AutoModel": "../outside/own.M"},
    {"AutoModel": ["modeling.M"]},
    {"AutoConfig": {"AutoConfig": "configuration.C"}},
    {"AutoModel": None, "AutoConfig": ""},
    {"x": 7},
)
KERNELS: tuple[Any, ...] = (
    *("someone/kernel", "kernels-community/flash-attn", "flash_attention_2", "flash_attention_3", "paged|x/y", "../x"),
    *("", 7, {"": "a/b"}, ["a/b"]),
)
ATTENTIONS = ("_attn_implementation", "attn_implementation", "_attn_implementation_internal", "experts_implementation")
METHODS = ("gptq", "awq", "bitsandbytes", "quanto", "torchao", "higgs", "x")
KEYS: tuple[tuple[str, Any], ...] = (
    ("custom_pipelines", {"x": {"impl": "own.P", "pt": ["AutoModel"]}}),
    ("base_model_name_or_path", "someone/else"),
    ("tokenizer_class", "own.T"),
    ("model_type", "own"),
    ("architectures", ["own.M"]),
    ("processor_class", "own.P"),
    ("tokenizer_file", "../outside/notes.txt"),
    ("vocab_file", "/etc/hosts"),
    ("chat_template", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
)
PICKLES = (
    *("pytorch_model.bin", "tokenizer.json", "vocab.txt", "training_args.bin", "tokenizer.pkl", "spiece.model"),
    *("optimizer.pt", "tf_model.h5", "flax_model.msgpack", "model.safetensors", "config.json", "chat_template.jinja"),
)
MODULES = (
    *("multiprocessing", "torch", "transformers", "sitecustomize", "usercustomize", "modeling", "json", "robench"),
    *("textattack", "conftest"),
)


def hidden_code() -> Iterator[tuple[str, Callable[[str, Place], None]]]:
    """Where code stands, and what puts it into the folder of an encoder or model."""
    keys = [("auto_map", value) for value in MAPS] + [(key, value) for key in ATTENTIONS for value in KERNELS]
    keys += [("quantization_config", {"quant_method": method, "bits": 4}) for method in METHODS]
    for key, value in (*keys, *KEYS):
        yield f"{key} = {value}", partial(write_code, key, value)
    for file in PICKLES:
        for form in ("torch", "old torch", "pickle"):
            yield f"a pickle ({form}) as {file}", partial(write_pickle, file, form)
    for name in MODULES:
        yield f"{name}.py in the working directory", partial(write_module, name)


@kind(45)
def code(stream: random.Random) -> Iterator[Case]:
    """Code that comes with a folder: nobody asked for it, and a person at the terminal says yes to any question."""
    yield Case(
        name="multiprocessing.py in the working directory, with a worker",
        steps=[attack("--workers", "1")],
        spoil=partial(write_module, "multiprocessing", "model"),
        seconds=240,
    )
    for name, hide in shuffle(stream, hidden_code()):
        what = stream.choice(("encoder", "model"))
        steps = [words_for(what)]
        yield Case(name=f"{what}: {name}", steps=steps, spoil=partial(hide, what), typed=b"y\n" * 20)
