"""The code blocks of README and docs run, page by page, where the words of one block are what the next one needs.

A command that trains or attacks runs in earnest if it takes the preset ``quick``, and as ``--dry-run`` otherwise. The
presets are made small, and their encoder tiny: all else is as the page says it. ``test_blocks.py`` checks what does not
run here because it needs the Hub, a cluster or people.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import replace
from importlib import import_module, invalidate_caches
from itertools import groupby
from pathlib import Path

import joblib
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from robench.plugins import plugin_files, registry
from robench.study.presets import PRESETS, FirstLook
from support import tiny_llama
from support.code_blocks import BLOCKS, ROOT, Block
from support.sources import forget_modules
from support.tiny_job import robench, rows, write_data, write_encoder

pytestmark = pytest.mark.slow

MAKES = ("run", "attack")
"""Commands that compute for long."""
PAGES = {page: list(blocks) for page, blocks in groupby(BLOCKS, key=lambda block: block.page)}
ORDER = sorted(PAGES, key=lambda page: page != "README.md")
MODEL = """
def scores(texts):
    return [[0.9, 0.1] if any(word in text for word in ("dull", "slow", "ugly")) else [0.2, 0.8] for text in texts]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which everything is that the pages name; it is the working directory and the home."""
    folder = tmp_path_factory.mktemp("world")
    for task in registry.names("tasks"):
        if task != "trec":  # whose public rows are in the package index, so that results on them can be published
            write_data(folder / "data", task=task)
    write_data(folder, task="reviews")
    (folder / "my.csv").write_text("text,label\n" + "".join(f'"{t}",{n}\n' for t, n in rows(12, 100)), encoding="utf-8")
    stars = "".join(f'{{"review": "{text}", "stars": {label}}}\n' for text, label in rows(12, 200))
    (folder / "reviews.jsonl").write_text(stars, encoding="utf-8")
    (folder / "my_model.py").write_text(MODEL, encoding="utf-8")
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression())
    joblib.dump(fitted.fit(*zip(*rows(20), strict=True)), folder / "model.joblib")
    tiny_llama.save(folder / "llama")
    shutil.copytree(ROOT / "leaderboards" / "example", folder / "mine")
    (folder / "examples").symlink_to(ROOT / "examples")
    encoder = write_encoder(folder / "encoder", positions=256)  # as many as a task asks for
    small = {
        name: replace(
            preset,
            encoder=str(encoder),
            train_limit=60,
            attack_limit=40,  # enough that an attack of an all but untrained model has a success, on any processor
            resources="bundled",
            first_look=FirstLook(clean_limit=8, attack_limit=4),
        )
        for name, preset in PRESETS.items()
    }
    with pytest.MonkeyPatch.context() as patch, plugin_files.isolated(), chdir(folder):
        for name, preset in small.items():
            patch.setitem(PRESETS, name, preset)
        patch.setenv("ROBENCH_DATA", str(folder / "data"))
        patch.setenv("HOME", str(folder))
        patch.setattr(sys, "path", [str(folder), *sys.path])
        first = "run --defense base,ada,taichi --task trec --attack pwws,deepwordbug --preset quick"
        own = "run --defense base --task mr --attack deepwordbug --preset quick"
        for command in (first, own, "export mr-base-seed42 my-classifier"):
            done = robench(*command.split())
            assert done.exit_code == 0, done.output
        shutil.copytree(folder / "runs", folder / "first-runs")
        yield folder
    forget_modules(folder)  # another world, which tests in another order make, has files of these names, too


@pytest.mark.parametrize("page", ORDER)
def test_the_blocks_of_a_page_run(page: str, world: Path) -> None:
    restore(world)
    for block in PAGES[page]:
        if block.note.startswith("parse") or block.text.startswith("#!"):
            continue
        if block.language == "bash":
            for words in block.robench:
                run(block, words)
        elif block.language == "python":
            run_python(block, world)


def restore(world: Path) -> None:
    """Make results what a page expects, whatever pages ran before it: theirs have other settings under the same names.

    The runs folder has the first commands' alone, and the published results are those of the project.
    """
    published = {world / "leaderboards" / name: ROOT / "leaderboards" / name for name in ("measured", "development")}
    for place, source in {**published, world / "runs": world / "first-runs"}.items():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place)


def run(block: Block, words: list[str]) -> None:
    """Run a command as its page has it, in this process."""
    makes = words[0] in MAKES
    is_quick = "quick" in words and block.note != "dry-run"
    dry = ["--dry-run"] if makes and not is_quick and "--dry-run" not in words else []
    done = robench(*map(os.path.expanduser, words), *dry)
    allowed = {0, 1} if "--fail-under" in words or words[0] == "doctor" else {0}
    assert done.exit_code in allowed, (block.place, words, done.output[-3000:])
    assert done.output.strip()


def run_python(block: Block, world: Path) -> None:
    """Import a block as a module, which is how robench can read the source of what is in it."""
    name = f"block_{block.place.replace('-', '_')}"
    (world / f"{name}.py").write_text(block.text, encoding="utf-8")
    invalidate_caches()
    try:
        import_module(name)
    finally:
        sys.modules.pop(name, None)
