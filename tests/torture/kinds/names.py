"""Names, paths and values on the command line."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torture.case import Case, Place, kind
from torture.strings import NAMES, NUMBERS, hostile, piece, shuffle, typeable
from torture.workshop import TASK, attack, run

NAMED = (
    "--defense",
    "--attack",
    "--task",
    "--preset",
    "--precision",
    "--device",
    "--existing",
    "--encoder",
    "--data",
    "--runs",
    "--plugin",
    "--config",
)
NUMBERED = ("--seed", "--attack-limit", "--train-limit", "--workers")
SETTINGS = (
    "training.epochs",
    "training.learning_rate",
    "training.batch_size",
    "training.max_length",
    "training.eval_every",
    "ada.ratio",
    "taichi.temperature",
    "pgd.steps",
    "freelb.step_size",
    "deepwordbug.query_budget",
    "textbugger.query_budget",
    "average.weight",
)


def shown(words: tuple[str, ...]) -> str:
    return " ".join(f"{word[:30]!a}" for word in words)


@kind(45)
def option_names(stream: random.Random) -> Iterator[Case]:
    """Names and paths of options that are none."""
    while True:
        flag = stream.choice(NAMED)
        value = typeable(stream.choice((stream.choice(NAMES), hostile(stream), piece(stream) + "base")))
        if flag == "--runs" and value in ("/", "..", "../../x", ".", "~", "*"):
            value = "../outside/notes.txt"  # and not where these tests write
        yield Case(name=shown((flag, value)), steps=[run(f"{flag}={value}")])


@kind(45)
def option_numbers(stream: random.Random) -> Iterator[Case]:
    """Numbers of options that are none, or of any size."""
    pairs = [(flag, value) for flag in NUMBERED for value in NUMBERS]
    pairs += [("--label-order", value) for value in (*NUMBERS, "0,0", "1,0,1", "0", "0,1," + "9" * 30)]
    pairs += [("--max-length", value) for value in NUMBERS]
    for flag, value in shuffle(stream, pairs):
        value = typeable(value)
        if flag == "--workers" and value.strip().isdecimal() and value.strip() not in ("0",):
            value = "-7"  # each would be a process that imports everything
        words = attack if flag in ("--label-order", "--max-length") else run
        yield Case(name=shown((flag, value)), steps=[words(f"{flag}={value}")])


@kind(40)
def settings(stream: random.Random) -> Iterator[Case]:
    """Hyper-parameters that are no numbers, or of any size."""
    while True:
        name = stream.choice(
            (*SETTINGS, *SETTINGS, *SETTINGS, piece(stream), "training." + piece(stream), "__class__.x", "")
        )
        value = stream.choice((stream.choice(NUMBERS), stream.choice(NUMBERS), hostile(stream)))
        first = name.partition(".")[0]
        defense = first if first in ("ada", "taichi", "pgd", "freelb") else "base"
        name, value = typeable(name), typeable(value)
        if name in ("training.epochs", "pgd.steps") and value.strip().removeprefix("+").replace("_", "").isdecimal():
            value = "-0"
        words = run("--defense", defense, "--train-limit", "6", "--set", f"{name}={value}")
        yield Case(name=shown((name, value)), steps=[words])


@kind(25)
def reading(stream: random.Random) -> Iterator[Case]:
    """Words after the commands that read a runs folder."""
    commands = (
        ("table", ("--format", "--paper", "--against", "--compare", "--task", "--seed", "--runs", "--data")),
        ("figure", ("--out", "--paper", "--task", "--seed", "--runs", "--device")),
        ("show", ("--examples", "--format", "--runs")),
        ("export", ("--runs", "--push-to")),
        ("list", ()),
        ("verify", ("--runs",)),
        ("doctor", ("--nothing",)),
    )
    while True:
        command, flags = stream.choice(commands)
        values = [
            typeable(stream.choice((stream.choice(NAMES), stream.choice(NUMBERS), hostile(stream)))) for _ in range(2)
        ]
        arguments = [values[0]] if command not in ("verify", "doctor") and stream.random() < 0.5 else []
        if command == "export":
            arguments = [f"{TASK}-base", values[0]] if stream.random() < 0.5 else [values[0], "written"]
            if arguments[1].startswith(("/", "~", "..")) or arguments[1] in ("", "."):
                arguments[1] = "runs"
        if flags and stream.random() < 0.6:
            value = values[1] if not values[1].startswith(("/", "~", "..")) else "encoder"
            arguments += [f"{stream.choice(flags)}={value}"]
        yield Case(
            name=shown((command, *arguments)),
            steps=[(command, *arguments)],
            codes=(1,) if command in ("verify", "doctor") else (),
        )


@kind(20)
def folder_names(stream: random.Random) -> Iterator[Case]:
    """The folders of encoder, model, data and runs under hostile names."""
    while True:
        what = stream.choice(("encoder", "model", "data", "runs"))
        name = typeable(hostile(stream)).replace("/", "-")[:60].strip() or "-"
        name = name if name not in (".", "..") else "-" + name

        def spoil(place: Place, what: str = what, name: str = name) -> None:
            (place.work / what).rename(place.work / name)

        words = attack if what == "model" else run
        again = ("table", "5", "--runs", f"./{name}" if what == "runs" else "runs", "--offline")
        yield Case(
            name=f"the {what} is called {name!a}",
            steps=[words(f"--{what}=./{name}"), again, ("show", f"{TASK}-base")][: 3 if what != "runs" else 2],
            spoil=spoil,
        )
