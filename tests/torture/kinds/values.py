"""Values of the Python interface that are of other types."""

from __future__ import annotations

import datetime
import decimal
import fractions
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

from torture.case import Case, Place, Step, kind
from torture.strings import Lazy, nested, shuffle
from torture.workshop import TASK

COMMON: dict[str, Any] = {
    "task": TASK,
    "data": "data",
    "runs": "runs",
    "preset": "quick",
    "attack": "deepwordbug",
    "attack_limit": 4,
    "offline": True,
    "precision": "fp32",
    "progress": False,
}
RUN: dict[str, Any] = {"defense": "base", "encoder": "encoder", "settings": {"training": {"epochs": 1}}}
OPTIONS = tuple(
    dict.fromkeys(
        (*COMMON, *RUN, "seed", "train_limit", "device", "workers", "plugin", "existing", "trust_remote_code")
    )
)
MODEL_OPTIONS = ("model", "name", "label_order", "max_length", "version")


def objects() -> dict[str, Callable[[], Any]]:
    """Values by what they are, made only when they are used."""
    numpy, pandas, torch = Lazy("numpy"), Lazy("pandas"), Lazy("torch")

    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise ValueError(name)

        def __repr__(self) -> str:
            raise ValueError("no repr")

        def __str__(self) -> str:
            raise ValueError("no str")

    return {
        "None": lambda: None,
        "True": lambda: True,
        "a large number": lambda: 10**400,
        "a number of 5,000 digits": lambda: 10**5000,
        "-1": lambda: -1,
        "5.0": lambda: 5.0,
        "0.5": lambda: 0.5,
        "NaN": lambda: float("nan"),
        "inf": lambda: float("inf"),
        "'42'": lambda: "42",
        "an empty text": lambda: "",
        "an escape": lambda: "\x1b[2J[/]",
        "a surrogate": lambda: "\ud800",
        "a NUL": lambda: "a\0b",
        "a long text": lambda: "x" * 100_000,
        "bytes": lambda: b"mr",
        "a path": lambda: Path("runs"),
        "an empty list": list,
        "a list of None": lambda: [None],
        "a list of lists": lambda: [["mr"], [1]],
        "a set": lambda: {1, 2},
        "a generator": lambda: (i for i in (1, 2)),
        "a dictionary": lambda: {"a": 1},
        "a deep list": lambda: nested(2000),
        "a range": lambda: range(3),
        "a function": lambda: len,
        "a class": lambda: dict,
        "an object": object,
        "an odd object": Odd,
        "numpy.int64": lambda: numpy.int64(7),
        "numpy.float64": lambda: numpy.float64(7),
        "numpy.bool": lambda: numpy.bool_(True),
        "numpy.str_": lambda: numpy.str_("base"),
        "an array": lambda: numpy.arange(2),
        "an array of floats": lambda: numpy.array([0.0, 1.0]),
        "an array of texts": lambda: numpy.array(["base", "ada"]),
        "an array of objects": lambda: numpy.array([None, 1], dtype=object),
        "an array without dimensions": lambda: numpy.array(1),
        "a matrix": lambda: numpy.zeros((2, 2), int),
        "a tensor": lambda: torch.tensor([0, 1]),
        "a tensor of one number": lambda: torch.tensor(1),
        "a series": lambda: pandas.Series([0, 1]),
        "pandas.NA": lambda: pandas.NA,
        "a frame": lambda: pandas.DataFrame({"a": [1]}),
        "a date": lambda: datetime.date(2020, 1, 1),
        "a decimal": lambda: decimal.Decimal("NaN"),
        "a fraction": lambda: fractions.Fraction(1, 2),
        "a complex number": lambda: 1j,
        "a device": lambda: torch.device("meta"),
        "a dtype": lambda: torch.float32,
    }


def call(name: str, arguments: dict[str, Any], option: str, make: Callable[[], Any]) -> Step:
    """A call of a function of robench, one argument of which is another."""

    def step(place: Place) -> object:
        import robench

        return getattr(robench, name)(**{**arguments, option: make()})

    return step


@kind(110)
def arguments(stream: random.Random) -> Iterator[Case]:
    """Arguments of ``run``, ``attack_model`` and ``load_results``."""
    found: list[tuple[str, dict[str, Any], str]] = [("run", COMMON | RUN, option) for option in OPTIONS]
    found += [
        ("attack_model", COMMON | {"model": "model"}, option)
        for option in (*COMMON, *MODEL_OPTIONS, "seed", "settings", "workers")
    ]
    found += [
        ("load_results", {}, option) for option in ("runs", "task", "defense", "attack", "encoder", "preset", "seed")
    ]
    pairs = [(one, value) for one in found for value in objects()]
    for (name, given, option), value in shuffle(stream, pairs):
        if option == "workers" and value in (
            "a large number",
            "a number of 5,000 digits",
            "True",
            "numpy.int64",
            "numpy.bool",
            "a tensor of one number",
        ):
            continue  # each worker is a process that imports everything
        yield Case(name=f"{name}({option}={value})", steps=[call(name, given, option, objects()[value])], trusted=True)


@kind(20)
def settings_in_python(stream: random.Random) -> Iterator[Case]:
    """Hyper-parameters of other types."""
    fields = (
        ("training", "epochs"),
        ("training", "learning_rate"),
        ("ada", "ratio"),
        ("deepwordbug", "query_budget"),
        ("deepwordbug", "protocol"),
    )
    pairs = [(field, value) for field in fields for value in objects()]
    given = COMMON | RUN | {"defense": "ada", "train_limit": 6}
    for (name, option), value in shuffle(stream, pairs):
        step = call("run", given, "settings", partial(make_settings, name, option, value))
        yield Case(name=f"settings {name}.{option} = {value}", steps=[step], trusted=True)


def make_settings(name: str, option: str, value: str) -> dict[str, Any]:
    """Return settings with one of the objects."""
    return {name: {option: objects()[value]()}}


def pairs() -> dict[str, Callable[[], Any]]:
    """Pairs of a model and its tokenizer that are odd."""
    torch, transformers = Lazy("torch"), Lazy("transformers")

    def words() -> Any:
        return transformers.AutoTokenizer.from_pretrained("model")

    def network() -> Any:
        return transformers.AutoModelForSequenceClassification.from_pretrained("model")

    def changed(change: Callable[[Any], Any]) -> Callable[[], Any]:
        def make() -> Any:
            model = network()
            change(model)
            return model, words()

        return make

    return {
        "in half precision": lambda: (network().half(), words()),
        "in bfloat16": lambda: (network().bfloat16(), words()),
        "in float64": lambda: (network().double(), words()),
        "in training": lambda: (network().train(), words()),
        "quantised": lambda: (
            torch.ao.quantization.quantize_dynamic(network(), {torch.nn.Linear}, torch.qint8),
            words(),
        ),
        "on meta": lambda: (network().to("meta"), words()),
        "compiled": lambda: (torch.compile(network()), words()),
        "scripted": lambda: (torch.jit.trace(network(), torch.zeros(1, 4, dtype=torch.long), strict=False), words()),
        "exchanged": lambda: (words(), network()),
        "without a tokenizer": lambda: (network(), None),
        "without a head": lambda: (transformers.AutoModel.from_pretrained("model"), words()),
        "wrapped": lambda: (torch.nn.DataParallel(network()), words()),
        "frozen": changed(lambda model: model.requires_grad_(False)),
        "of NaN": changed(lambda model: model.classifier.weight.data.fill_(float("nan"))),
        "of no labels": changed(lambda model: setattr(model.config, "id2label", {})),
        "of labels that are None": changed(lambda model: setattr(model.config, "id2label", None)),
        "of hostile labels": changed(lambda model: setattr(model.config, "id2label", {0: "\x1b[2J", 1: "\ud800"})),
        "of a forward that fails": changed(lambda model: setattr(model, "forward", lambda **_: 1 / 0)),
        "of a forward of None": changed(lambda model: setattr(model, "forward", lambda **_: None)),
        "of a forward of tuples": changed(lambda model: model.config.update({"return_dict": False})),
        "with a hook that fails": changed(lambda model: model.register_forward_hook(lambda *_: 1 / 0)),
        "pruned": changed(
            lambda model: Lazy("torch.nn.utils.prune").random_unstructured(model.classifier, "weight", 0.5)
        ),
        "of three": lambda: (network(), words(), 1),
        "a pipeline": lambda: transformers.pipeline(
            "text-classification", model=network(), tokenizer=words(), device="cpu"
        ),
        "a model alone": network,
        "an odd tokenizer": lambda: (
            network(),
            cast(Any, type("T", (type(words()),), {"__call__": lambda *a, **k: 1 / 0})).from_pretrained("model"),
        ),
    }


@kind(24)
def models_in_memory(stream: random.Random) -> Iterator[Case]:
    """Pairs of a model and its tokenizer, and other objects."""
    for name in shuffle(stream, pairs()):
        yield Case(name=f"a pair {name}", steps=[call("attack_model", COMMON, "model", pairs()[name])], trusted=True)
