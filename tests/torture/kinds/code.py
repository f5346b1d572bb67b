"""Code that comes with a folder of an encoder or model, and that nobody asked for."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any

from torture.case import Case, Place, kind
from torture.kinds.encoders import edit, words_for
from torture.strings import Bomb, payload


def write_code(place: Place, what: str, key: str, classes: Any) -> None:
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


def write_pickle(place: Place, what: str, file: str, form: str) -> None:
    """Put a pickle that makes the canary in the place of a folder's file."""
    import torch

    folder, bomb = place.work / what, Bomb(place.canary)
    for old in ("model.safetensors", "tokenizer.json") if file == "pytorch_model.bin" else ():
        if old == "model.safetensors":
            (folder / old).unlink(missing_ok=True)
    if form == "torch":
        torch.save({"weight": bomb}, folder / file)
    elif form == "old torch":
        torch.save({"weight": bomb}, folder / file, _use_new_zipfile_serialization=False)
    else:
        (folder / file).write_bytes(pickle.dumps(bomb))


@kind(45)
def code(stream: random.Random) -> Iterator[Case]:
    """Code that comes with a folder: nobody asked for it, and a person at the terminal says yes to any question."""
    maps: list[Any] = [
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
    ]
    made: list[tuple[str, Callable[[Place, str], Any]]] = []
    for one in maps:
        made.append((f"auto_map {one}", lambda place, what, one=one: write_code(place, what, "auto_map", one)))
    for name in (
        "someone/kernel",
        "kernels-community/flash-attn",
        "flash_attention_2",
        "flash_attention_3",
        "paged|x/y",
        "../x",
        "",
        7,
        {"": "a/b"},
        ["a/b"],
    ):
        for key in (
            "_attn_implementation",
            "attn_implementation",
            "_attn_implementation_internal",
            "experts_implementation",
        ):
            made.append((f"{key} {name}", lambda place, what, key=key, name=name: write_code(place, what, key, name)))
    for method in ("gptq", "awq", "bitsandbytes", "quanto", "torchao", "higgs", "x"):
        made.append(
            (
                f"quantization {method}",
                lambda place, what, method=method: write_code(
                    place,
                    what,
                    "quantization_config",
                    {"quant_method": method, "modules_to_not_convert": ["x"], "bits": 4},
                ),
            )
        )
    for key, value in (
        ("custom_pipelines", {"x": {"impl": "own.P", "pt": ["AutoModel"]}}),
        ("_commit_hash", "x"),
        ("base_model_name_or_path", "someone/else"),
        ("adapter", "own"),
        ("tokenizer_class", "own.T"),
        ("model_type", "own"),
        ("architectures", ["own.M"]),
        ("processor_class", "own.P"),
        ("feature_extractor", "own"),
        ("tokenizer_file", "../outside/notes.txt"),
        ("vocab_file", "/etc/hosts"),
    ):
        made.append((f"{key} {value}", lambda place, what, key=key, value=value: write_code(place, what, key, value)))
    for file in (
        "pytorch_model.bin",
        "tokenizer.json",
        "vocab.txt",
        "training_args.bin",
        "tokenizer.pkl",
        "spiece.model",
        "optimizer.pt",
        "tf_model.h5",
        "flax_model.msgpack",
        "model.safetensors",
        "config.json",
        "chat_template.jinja",
    ):
        for form in ("torch", "old torch", "pickle"):
            made.append(
                (
                    f"a pickle ({form}) as {file}",
                    lambda place, what, file=file, form=form: write_pickle(place, what, file, form),
                )
            )
    modules = (
        "multiprocessing",
        "torch",
        "transformers",
        "sitecustomize",
        "usercustomize",
        "modeling",
        "json",
        "robench",
        "textattack",
        "conftest",
    )
    for name in modules:
        made.append(
            (
                f"{name}.py in the working directory",
                lambda place, what, name=name: (place.work / f"{name}.py").write_text(payload(place.canary)),
            )
        )
    made.append(
        (
            "a chat template",
            lambda place, what: edit(
                what,
                "tokenizer_config.json",
                lambda c: c.update(chat_template="{{ ''.__class__.__mro__[1].__subclasses__() }}"),
            )(place),
        )
    )
    stream.shuffle(made)
    for name, spoil in made:
        what = stream.choice(("encoder", "model"))
        yield Case(
            name=f"{what}: {name}",
            steps=[words_for(what)],
            spoil=lambda place, spoil=spoil, what=what: spoil(place, what),
            typed=b"y\n" * 20,
        )
