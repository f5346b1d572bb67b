"""Files of hyper-parameters, and papers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from torture.case import Case, Place, kind
from torture.damages import REPLACED, plan, write
from torture.strings import NUMBERS, hostile, piece, shuffle
from torture.workshop import run

TEMPLATE = "[training]\nepochs = 1\nbatch_size = 8\n[ada]\nratio = 0.5\n"


def tomls(stream: random.Random) -> Iterator[tuple[str, bytes]]:
    """What is odd, and the content of a TOML file."""
    yield "nothing", b""
    yield "lists nested 1,000 deep", b"a = " + b"[" * 1000 + b"]" * 1000
    yield "tables nested 1,000 deep", b"[" + b".".join([b"a"] * 1000) + b"]\nx = 1"
    yield "inline tables nested 1,000 deep", b"a = " + b"{b = " * 1000 + b"1" + b"}" * 1000
    yield "brackets, 100,000", b"[" * 100_000
    yield "a number of 5,000 digits", b"[training]\nepochs = " + b"9" * 5000
    yield "a key of 100,000 letters", b"[training]\n" + b"k" * 100_000 + b" = 1"
    yield "a value of 100,000 letters", b'[training]\nepochs = "' + b"v" * 100_000 + b'"'
    yield "1,000 tables", b"".join(b"[t%d]\nx = 1\n" % i for i in range(1000))
    yield "a table twice", b"[training]\nepochs = 1\n[training]\nepochs = 2\n"
    yield "a key twice", b"[training]\nepochs = 1\nepochs = 2\n"
    yield "no table", b"epochs = 1"
    yield "a table that is a number", b"training = 1"
    yield "a table that is a list", b"[[training]]\nepochs = 1"
    yield "an infinite number", b"[training]\nlearning_rate = inf"
    yield "no number", b"[training]\nlearning_rate = nan"
    yield "a date", b"[training]\nepochs = 1979-05-27T07:32:00Z"
    yield "a list", b"[training]\nepochs = [1, 2]"
    yield "a table in a value", b"[training]\nepochs = {a = 1}"
    yield "a boolean", b"[training]\nepochs = true"
    yield "Latin-1", "[training]\n# é\nepochs = 1".encode("latin-1")
    yield "UTF-16", TEMPLATE.encode("utf-16")
    yield "a byte order mark", b"\xef\xbb\xbf" + TEMPLATE.encode()
    yield "CR line ends", TEMPLATE.replace("\n", "\r").encode()
    yield "NULs", bytes(300)
    yield "JSON", b'{"training": {"epochs": 1}}'
    yield "a hostile table", f"[{json.dumps(hostile(stream, surrogates=False))}]\nx = 1".encode()
    yield "a hostile key", f"[training]\n{json.dumps(hostile(stream, surrogates=False))} = 1".encode()
    yield "a hostile value", f"[training]\nepochs = {json.dumps(hostile(stream, surrogates=False))}".encode()
    yield "random bytes", stream.randbytes(400)
    while True:
        content = bytearray(TEMPLATE.encode())
        at = stream.randrange(len(content))
        new = stream.choice((piece(stream), stream.choice(NUMBERS))).encode("utf-8", "surrogatepass")
        content[at : at + stream.randint(0, 3)] = new
        yield "spoilt at random", bytes(content)


@kind(40)
def configurations(stream: random.Random) -> Iterator[Case]:
    """Files of ``--config``."""
    words = run("--defense", "ada", "--train-limit", "8", "--config", "c.toml")
    for name, content in tomls(stream):
        yield Case(name=f"a configuration of {name}", steps=[words], spoil=write("c.toml", content))


@kind(12)
def option_files(stream: random.Random) -> Iterator[Case]:
    """Files of ``--config`` and ``--plugin`` that are no files."""
    found = [(flag, way) for flag in (("--config", "c.toml"), ("--plugin", "c.py")) for way in REPLACED]
    for (flag, file), way in shuffle(stream, found):
        yield Case(name=f"{flag} is {way}", steps=[run(flag, file)], spoil=plan(stream, file, way), seconds=30)


@kind(15)
def papers(stream: random.Random) -> Iterator[Case]:
    """Folders of ``--paper`` with a spoilt ``paper.toml``."""
    source = Path(__file__).parents[3] / "leaderboards" / "example"
    while True:
        text = (source / "paper.toml").read_text(encoding="utf-8")
        lines = text.splitlines()
        at = stream.choice([i for i, line in enumerate(lines) if "=" in line])
        key = lines[at].partition("=")[0]
        new = stream.choice(
            (
                "1", "-1", "nan", "[]", "[[1]]", "{}", '""', "true", "9" * 5000, "[" * 500 + "]" * 500,
                json.dumps(hostile(stream, surrogates=False)), json.dumps("x" * 30_000), '["../x"]', '["base", 1]', "",
            )
        )  # fmt: skip
        spoilt = "\n".join([*lines[:at], f"{key}= {new}", *lines[at + 1 :]]).encode("utf-8", "surrogatepass")

        def spoil(place: Place, spoilt: bytes = spoilt) -> None:
            import shutil

            shutil.copytree(source, place.work / "paper")
            (place.work / "paper" / "paper.toml").write_bytes(spoilt)

        words = stream.choice(
            (
                ("table", "1"),
                ("table",),
                ("figure", "1"),
                ("run", "--table", "1", "--dry-run", "--offline", "--data", "data"),
            )
        )
        yield Case(
            name=f"paper.toml: {key.strip()} = {new[:30]!a}", steps=[(*words, "--paper", "./paper")], spoil=spoil
        )
