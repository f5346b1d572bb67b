"""Hostile texts in data: they are attacked as any other, or a row is named."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from support.tiny_job import rows
from torture.case import Case, Place, kind
from torture.strings import CONTROLS, MARKUP, SURROGATES, UNICODE, hostile, shuffle
from torture.workshop import TASK, attack, run

ATTACKS = (
    "deepwordbug",
    "deepwordbug",
    "pwws",
    "pruthi",
    "textbugger",
    "textfooler",
    "iga",
    "a2t",
    "checklist",
    "textattack:PSOZang2020",
)
"""The first needs no words, and the others look them up."""


def put_text(split: str, text: str, where: int, file: str = "tsv") -> Callable[[Place], None]:
    """Put a text into a row of a split."""

    def spoil(place: Place) -> None:
        some = [(a, b) for a, b in rows(8)]
        some[where] = text, where % 2
        path = place.work / "data" / TASK / f"{split}.tsv"
        if file == "parquet":
            import pandas

            path.unlink()
            frame = pandas.DataFrame(some, columns=["sentence", "label"])
            frame.to_parquet(path.with_suffix(".parquet"))
            return
        flat = [(one.replace("\t", " ").replace("\n", " "), label) for one, label in some]
        lines = ["sentence\tlabel", *(f"{one}\t{label}" for one, label in flat)]
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))

    return spoil


def choose_file(stream: random.Random, text: str) -> str:
    """Return the ending of a file that can hold a text; lone surrogates fit in none but a broken TSV."""
    has_surrogates = text != text.encode(errors="ignore").decode()
    return "tsv" if has_surrogates else stream.choice(("tsv", "tsv", "parquet"))


def shapes(stream: random.Random) -> Iterator[tuple[str, str]]:
    """Texts by what is odd about them: first each kind once, then any mixture."""
    yield "a mark of TextAttack's", "a fine <SPLIT> film with [[marks]] <mask> [MASK] [SEP] [UNK] </s>"
    yield "the mark alone", "<SPLIT>"
    yield "signs without words", "?! ... -- !! ;;"
    yield "a zero-width space", "\u200b"
    yield "emoji", "🎬🎬🎬 👎"
    yield "one word of 3,000 letters", "x" * 3000
    yield "one word of 3,000 signs", "-" * 3000
    yield "1,500 words", "fine " * 1500
    yield "400 sentences", "It was dull. " * 400
    yield "one letter", "a"
    yield "a digit", "7"
    yield "one word many times", "dull dull dull dull"
    yield "quotation marks", '"dull" ""fine"" "'
    yield "an apostrophe alone", "' don't 'tis ''"
    yield "a path", "/etc/passwd ../../x C:\\x"
    yield "an address", "http://x.example/?a=1&b=<c> a@b.c"
    yield "Chinese", "这部电影很无聊 但是很长"
    yield "Arabic", "كان الفيلم مملا"
    yield "combining marks", "a" + "\u0301" * 200
    yield "upper case that grows", "ŉ ǰ ΐ ẖ ﬃ ß İ"
    yield "only stop words", "the of and a it is"
    yield "many spaces", "dull" + " " * 500 + "film"
    for group in (CONTROLS, UNICODE, SURROGATES, MARKUP):
        for one in stream.sample(group, 5 if len(group) > 5 else len(group)):
            yield f"a text with {one!a}", f"the film was {one} dull {one}noisy"
    while True:
        yield "a mixture", hostile(stream)


@kind(70)
def texts(stream: random.Random) -> Iterator[Case]:
    """Texts in the test split, under an attack of any kind."""
    for shape, text in shapes(stream):
        name = stream.choice(ATTACKS)
        words = attack("--attack", name) if stream.random() < 0.6 else run("--attack", name)
        file = choose_file(stream, text)
        yield Case(
            name=f"{shape} under {name} ({file})",
            steps=[words, ("table", "5", "--runs", "runs", "--offline")],
            spoil=put_text("test", text, stream.randrange(4), file),
        )


@kind(25)
def training_texts(stream: random.Random) -> Iterator[Case]:
    """Texts in the training split, from which D_adv is made, too."""
    for number, (shape, text) in shuffle(stream, zip(range(45), shapes(stream), strict=False)):
        defense = ("base", "ada", "taichi")[number % 3]
        yield Case(
            name=f"{shape} trains {defense}",
            steps=[run("--defense", defense), ("show", f"{TASK}-{defense}", "--runs", "runs")],
            spoil=put_text(
                stream.choice(("train", "train", "dev")), text, stream.randrange(8), choose_file(stream, text)
            ),
        )
