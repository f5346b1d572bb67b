"""Files of encoders and models that are broken, or no files."""

from __future__ import annotations

import random
from collections.abc import Iterator

from torture.case import Case, kind
from torture.damages import DAMAGES, plan
from torture.kinds.encoders import words_for
from torture.strings import shuffle

NAMES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


@kind(45)
def model_files(stream: random.Random) -> Iterator[Case]:
    """Files of a folder that are broken, or no files."""
    found = [(what, file, way) for what in ("encoder", "model") for file in NAMES for way in DAMAGES]
    for what, file, way in shuffle(stream, found):
        name = f"{what}/{file}"
        yield Case(name=f"{name}: {way}", steps=[words_for(what)], spoil=plan(stream, name, way), seconds=60)
