"""Data files that are no tables of texts and labels."""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torture.case import Case, Place, kind
from torture.damages import REPLACED, plan
from torture.strings import Lazy, hostile, piece, shuffle
from torture.workshop import TASK, attack, run

HEAD = "sentence\tlabel\n"
BODY = "the film was dull\t0\nthe novel was bright\t1\nthe cafe was slow\t0\nthe phone was quick\t1\n"
GOOD = HEAD + BODY
COMMAS = GOOD.replace("\t", ",")


def files(stream: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """What is odd, the ending of the file's name, and its content."""
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "cp037", "shift-jis", "utf-7"):
        yield encoding, stream.choice(("tsv", "csv")), GOOD.replace("dull", "dull é ").encode(encoding, "replace")
    for ending in ("tsv", "csv", "parquet"):
        yield "nothing", ending, b""
        yield "a byte order mark alone", ending, b"\xef\xbb\xbf"
        yield "a byte order mark and a line end", ending, b"\xef\xbb\xbf\r\n"
        yield "line ends alone", ending, b"\n\n\r\n"
        yield "a header alone", ending, HEAD.encode()
        yield "NULs", ending, bytes(5000)
        yield "gzip", ending, gzip.compress(GOOD.encode())
        yield "random bytes", ending, stream.randbytes(3000)
        yield "JSON", ending, b'[{"sentence": "a", "label": 0}]'
        yield "CR line ends", ending, (GOOD if ending == "tsv" else COMMAS).replace("\n", "\r").encode()
        yield "the magic of parquet", ending, b"PAR1" + stream.randbytes(200) + b"PAR1"
    yield "mixed line ends", "tsv", (HEAD + BODY.replace("\n", "\r\n", 1) + "a\r1\t0\n").encode()
    yield "a cell of 300,000 letters", "csv", (COMMAS + "x" * 300_000 + ",1\n").encode()
    yield "a cell of 300,000 letters", "tsv", (GOOD + "x" * 300_000 + "\t1\n").encode()
    yield "a quotation mark that never ends", "csv", (COMMAS + '"the film,1\n').encode()
    yield "a quotation mark that never ends", "tsv", (GOOD + '"the film\t1\n' * 2000).encode()
    yield "doubled quotation marks", "csv", (COMMAS + '"a ""dull"" film",0\n"""",1\n').encode()
    yield "a header of 5,000 columns", "tsv", ("\t".join(f"c{i}" for i in range(5000)) + "\n").encode()
    yield "a header of 50,000 letters", "csv", ("h" * 50_000 + ",label\na,1\n").encode()
    yield "two columns of one name", "tsv", b"sentence\tlabel\tlabel\na\t0\t1\n"
    yield "both names of texts", "tsv", b"sentence\ttext\tlabel\na film\tb\t0\na novel\tc\t1\n"
    yield "names in upper case", "csv", COMMAS.replace("sentence,label", "Sentence,Label").encode()
    yield "spaces in the header", "csv", COMMAS.replace("sentence,label", " sentence , label ").encode()
    yield "no header", "tsv", BODY.encode()
    yield "semicolons", "csv", COMMAS.replace(",", ";").encode()
    yield "too many cells", "tsv", (GOOD + "a\tb\tc\td\n").encode()
    yield "too few cells", "csv", (COMMAS + "a\n").encode()
    for label in (
        "2",
        "-1",
        "0.0",
        "1e0",
        "True",
        "\u0660",
        "²",
        "9" * 5000,
        "nan",
        "",
        "positive ",
        "POSITIVE",
        "x" * 100_000,
        hostile(stream, surrogates=False),
    ):
        yield (
            f"the label {label[:20]!a}",
            "tsv",
            (GOOD + f"a row\t{label}\n".replace("\n", " ").rstrip() + "\n").encode(),
        )
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        yield f"the bytes {bad!r}", stream.choice(("tsv", "csv")), GOOD.encode() + b"a " + bad + b" film\t1\n"
    while True:
        ending = stream.choice(("tsv", "csv"))
        content = bytearray((GOOD if ending == "tsv" else COMMAS).encode() * 2)
        for _ in range(stream.randint(1, 4)):
            at = stream.randrange(len(content))
            content[at : at + stream.randint(0, 4)] = piece(stream).encode("utf-8", "surrogatepass")
        yield "spoilt at random", ending, bytes(content)


def put_file(split: str, ending: str, content: bytes) -> Callable[[Place], None]:
    """Replace the file of a split."""

    def spoil(place: Place) -> None:
        folder = place.work / "data" / TASK
        (folder / f"{split}.tsv").unlink()
        (folder / f"{split}.{ending}").write_bytes(content)

    return spoil


@kind(85)
def data_files(stream: random.Random) -> Iterator[Case]:
    """Files of a split."""
    for name, ending, content in files(stream):
        split = stream.choice(("train", "dev", "test"))
        words = attack() if split == "test" else run()
        yield Case(name=f"{split}.{ending}: {name}", steps=[words], spoil=put_file(split, ending, content))


def table(texts: Any, labels: Any, name: str = "label") -> Any:
    """Make a table for a parquet file, of columns or what makes them."""
    import pyarrow

    columns = {"sentence": texts, name: labels}
    return pyarrow.table({name: column() if callable(column) else column for name, column in columns.items()})


def frames(stream: random.Random) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Tables for parquet files, made only when they are written."""
    pyarrow = Lazy("pyarrow")
    texts = ["the film was dull", "the novel was bright", "the cafe was slow", "the phone was quick"]
    labels = [0, 1, 0, 1]
    columns: dict[str, Callable[[], Any]] = {
        "floats": lambda: [0.0, 1.0, 0.0, 1.0],
        "NaN": lambda: [0.0, float("nan"), 0.0, 1.0],
        "None": lambda: [0, None, 0, 1],
        "booleans": lambda: [False, True, False, True],
        "texts": lambda: ["negative", "positive", "0", "1"],
        "lists": lambda: [[0], [1], [0], [1]],
        "structs": lambda: [{"a": 0}] * 4,
        "bytes": lambda: [b"negative", b"positive", b"0", b"\xff"],
        "dates out of range": lambda: pyarrow.array([2**62, -(2**62), 0, 1], pyarrow.int64()).cast(
            pyarrow.timestamp("us")
        ),
        "dates": lambda: pyarrow.array([0, 1, 2, 3], pyarrow.date32()),
        "durations": lambda: pyarrow.array([2**62, 1, 0, 1], pyarrow.duration("s")),
        "decimals": lambda: pyarrow.array([0, 1, 0, 1], pyarrow.decimal128(30)),
        "huge numbers": lambda: pyarrow.array([2**63, 1, 0, 1], pyarrow.uint64()),
        "a dictionary": lambda: pyarrow.array(["negative", "positive"] * 2).dictionary_encode(),
        "nulls": lambda: pyarrow.nulls(4),
        "invalid UTF-8": lambda: pyarrow.array([b"\xff\xfe a", b"b", b"c", b"d"]).view(pyarrow.string()),
        "large texts": lambda: pyarrow.array(texts, pyarrow.large_string()),
    }
    for name, make in columns.items():
        yield f"labels are {name}", partial(table, texts, make)
        yield f"texts are {name}", partial(table, make, labels)
    yield (
        "two columns of one name",
        lambda: pyarrow.Table.from_arrays(
            [pyarrow.array(one) for one in (texts, labels, labels)], names=["sentence", "label", "label"]
        ),
    )
    yield "no columns", lambda: pyarrow.table({})
    yield (
        "no rows",
        lambda: pyarrow.table(
            {"sentence": pyarrow.array([], pyarrow.string()), "label": pyarrow.array([], pyarrow.int64())}
        ),
    )
    yield "3,000 columns", lambda: pyarrow.table({f"c{i}": labels for i in range(3000)})
    hostiles = [hostile(stream, surrogates=False) for _ in range(8)]
    for one in hostiles:
        yield f"a column named {one!a}", partial(table, texts, labels, one)


def put_table(split: str, make: Callable[[], Any]) -> Callable[[Place], None]:
    def spoil(place: Place) -> None:
        import pyarrow.parquet

        folder = place.work / "data" / TASK
        (folder / f"{split}.tsv").unlink()
        pyarrow.parquet.write_table(make(), folder / f"{split}.parquet")

    return spoil


@kind(25)
def parquet_files(stream: random.Random) -> Iterator[Case]:
    """Parquet files whose columns are of other types."""
    for name, make in shuffle(stream, frames(stream)):
        split = stream.choice(("train", "test"))
        yield Case(
            name=f"parquet: {name}", steps=[attack() if split == "test" else run()], spoil=put_table(split, make)
        )


@kind(16)
def data_places(stream: random.Random) -> Iterator[Case]:
    """Files and folders of data that are something else."""
    files = (f"data/{TASK}/test.tsv", f"data/{TASK}/train.tsv", f"data/{TASK}", "data")
    found = [(file, way) for file in files for way in REPLACED if way != "a link to somebody else's folder"]
    yield Case(name="a folder of 3,000 files", steps=[attack()], spoil=crowd)
    for file, way in shuffle(stream, found):
        words = stream.choice((attack(), run()))
        yield Case(name=f"{file}: {way}", steps=[words], spoil=plan(stream, file, way), seconds=30)


def crowd(place: Place) -> None:
    """Fill the folder of a task with files of hostile names."""
    shutil.rmtree(place.work / "data" / TASK)
    (place.work / "data" / TASK).mkdir()
    for number in range(3000):
        (place.work / "data" / TASK / f"{number}-\x1b[2J-{'n' * 100}").touch()
