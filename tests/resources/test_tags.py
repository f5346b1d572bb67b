from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nltk
import pytest

from robench.attacking.engine import Workers, attack_examples
from robench.attacks.textfooler import TextFooler
from robench.resources import tags
from robench.resources.build_lock import locate_folder
from robench.resources.tags import TagCache
from robench.results.records import Record
from support.small_victim import SmallVictim

FUNNY = (["a", "funny", "film"], ["DET", "ADJ", "NOUN"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tags.json"


def known(*, file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_tags_come_back_from_memory_and_from_the_file(file: Path) -> None:
    first = TagCache(file)
    assert "a funny film" not in first
    first["a funny film"] = FUNNY
    first["naïve \ud83d"] = (["naïve", "\ud83d"], ["ADJ", "X"])
    first.clear()  # as TextAttack does before each search
    assert first["a funny film"] == FUNNY
    assert not file.exists()
    first.save()
    assert TagCache(file)["a funny film"] == FUNNY
    assert TagCache(file)["naïve \ud83d"] == (["naïve", "\ud83d"], ["ADJ", "X"])


def test_processes_add_to_each_other(file: Path) -> None:
    one, other = TagCache(file), TagCache(file)
    one["a funny film"], other["film"] = FUNNY, (["film"], ["NOUN"])
    one.save()
    other.save()
    assert known(file=file) == {"a funny film": "DET ADJ NOUN", "film": "NOUN"}


def test_nothing_new_writes_nothing(file: Path) -> None:
    remembered = TagCache(file)
    remembered["a funny film"] = FUNNY
    remembered.save()
    file.unlink()
    remembered.save()
    assert not file.exists()


def test_the_oldest_are_forgotten(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "LIMIT", 3)
    remembered = TagCache(file)
    for word in "abcde":
        remembered[word] = ([word], ["X"])
    assert [word for word in "abcde" if word in remembered] == ["c", "d", "e"]
    remembered.save()
    later = TagCache(file)
    later["f"] = (["f"], ["X"])
    later.save()
    assert list(known(file=file)) == ["d", "e", "f"]


def test_words_that_could_not_be_told_apart_are_not_kept(file: Path) -> None:
    remembered = TagCache(file)
    remembered["ad hoc film"] = (["ad hoc", "film"], ["ADJ", "NOUN"])
    assert "ad hoc film" not in remembered


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": ', "\udcff"])
def test_a_damaged_file_is_as_good_as_none(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    remembered = TagCache(file)
    remembered["a funny film"] = FUNNY
    remembered.save()
    assert known(file=file) == {"a funny film": "DET ADJ NOUN"}


def test_entries_that_do_not_fit_are_left_out(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"a film": "DET", "film": "NOUN"}', encoding="utf-8")
    assert "a film" not in TagCache(file)
    assert "film" in TagCache(file)


def test_a_folder_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("a file where the folder should be", encoding="utf-8")
    remembered = TagCache(blocked / "tags.json")
    remembered["a funny film"] = FUNNY
    remembered.save()
    assert remembered["a funny film"] == FUNNY


class Tagged:
    """Counts the stretches of text that NLTK tags."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._tag = 0, nltk.pos_tag
        monkeypatch.setattr(nltk, "pos_tag", self)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.count += 1
        return self._tag(*arguments, **options)


@pytest.fixture
def own_cache(shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of tags of its own, while everything else lies in the cache of all tests."""
    TextFooler().prepare()
    monkeypatch.setattr(tags, "locate_folder", lambda *parts: tmp_path / locate_folder(*parts).name)
    yield tmp_path
    tags._load_once.cache_clear()


def attacked(victim: SmallVictim, workers: Workers | None = None) -> list[Record]:
    """Records of TextFooler on a few sentences, in a process that has tagged nothing yet."""
    tags._load_once.cache_clear()
    found = attack_examples(TextFooler(), victim, victim.examples()[:5], seed=5, attack_name="a", workers=workers)
    return sorted((replace(record, seconds=0.0) for record in found), key=lambda record: record.id)


@pytest.mark.network
def test_what_one_run_has_tagged_no_later_run_tags_again(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = SmallVictim()
    tagged = Tagged(monkeypatch)
    first = attacked(victim)
    assert tagged.count > 0
    (file,) = own_cache.glob("tags-*.json")
    assert len(known(file=file)) == tagged.count
    seen = tagged.count
    assert attacked(victim) == first
    assert tagged.count == seen
    file.unlink()
    assert attacked(victim) == first
    assert tagged.count == 2 * seen


@pytest.mark.slow
@pytest.mark.network
def test_workers_keep_what_they_have_tagged(
    shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TextFooler().prepare()
    cache = tmp_path / "cache"
    cache.mkdir()
    for kept in shared_cache.iterdir():
        if not kept.name.startswith(("tags-", ".")):
            (cache / kept.name).symlink_to(kept)
    monkeypatch.setenv("ROBENCH_CACHE", str(cache))
    victim = SmallVictim()
    with Workers(1) as workers:
        records = attacked(victim, workers)
        assert attacked(victim, workers) == records  # the first task's tags are written before the second begins
        (file,) = cache.glob("tags-*.json")
        assert known(file=file)
