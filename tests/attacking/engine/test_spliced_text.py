"""A text kept as a change of another one answers like TextAttack's own, whose size is that of the whole text."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from robench.attacking.engine import spliced_text

pytestmark = pytest.mark.usefixtures("textattack")

STARTS = (
    "The well-known chef's recipe needs far too much salt.",
    "Good, soup  and\tbread\n-- 'quoted' (words) and a@b c_d *stars*!",
    "  x",
    "Rain.",
    "'''",
    "",
    "one -two- three-four ' five",
    "Ça coûte 12 € déjà, naïve İstanbul ΣΑΣ straße",
    "été «là» — déjà’vu x",  # noqa: RUF001
    "tea 茶 and coffee",
    "a <SPLIT> b I",
    "no no no no, no-no (no) no",
    "<SPLxIT> and SPL IT",
)
NEW = (
    "",
    "[UNK]",
    "new",
    "two words",
    "x-y",
    "!",
    "'",
    "ɑ",  # noqa: RUF001
    "茶",
    "İ",
    "Σ",
    "SPLIT",
    "no",
    "no way",
    "so no",
    " ",
    "a b c",
    "-",
    "a.",
)


def both(text: str) -> tuple[Any, Any]:
    from textattack.shared import AttackedText

    return spliced_text.make_text(text), AttackedText(text)


def assert_alike(ours: Any, theirs: Any) -> None:
    assert ours.text == theirs.text == ours.tokenizer_input
    assert ours.words == theirs.words
    assert ours.num_words == theirs.num_words
    assert ours.column_labels == theirs.column_labels
    assert hash(ours) == hash(theirs)
    assert len(ours.attack_attrs) == len(theirs.attack_attrs)
    assert (ours == theirs) is True
    assert sorted(ours.attack_attrs) == sorted(theirs.attack_attrs)
    for name in ("modified_indices", "newly_modified_indices"):
        assert ours.attack_attrs.get(name) == theirs.attack_attrs.get(name)
    assert np.array_equal(ours.attack_attrs["original_index_map"], theirs.attack_attrs["original_index_map"])
    for at in range(theirs.num_words):
        assert ours._text_index_of_word_index(at) == theirs._text_index_of_word_index(at)
        assert ours.text_window_around_index(at, 5) == theirs.text_window_around_index(at, 5)


def change(text: Any, stream: random.Random) -> Any:
    """Change a word, or two, in one of the ways that an attack does."""
    at, new = stream.randrange(text.num_words), stream.choice(NEW)
    kind = stream.randrange(6)
    if kind == 0:
        return text.delete_word_at_index(at)
    if kind == 1:
        return text.insert_text_before_word_index(at, new)
    if kind == 2:
        return text.insert_text_after_word_index(at, new)
    if kind == 3 and at:
        return text.replace_words_at_indices([at, 0], [new, "first"])
    if kind == 4:
        word = text.words[at]
        place = stream.randrange(len(word))
        return text.replace_word_at_index(at, word[:place] + stream.choice("a -é") + word[place + 1 :])
    return text.replace_word_at_index(np.int64(at), new)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("at_hand", [200_000, 0])
def test_spliced_text_after_any_changes_answers_as_textattacks(
    start: str, at_hand: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spliced_text, "WORDS_AT_HAND", at_hand)
    for seed in range(30):
        ours, theirs = both(start)
        assert_alike(ours, theirs)
        for step in range(8):
            if not theirs.num_words:
                break
            results = []
            for text in (ours, theirs):
                try:
                    results.append(change(text, random.Random(f"{seed} {step}")))
                except (ValueError, IndexError) as error:
                    results.append(type(error))
            if isinstance(results[1], type):
                assert results[0] is results[1]
                break
            ours, theirs = results
            assert_alike(ours, theirs)


def test_spliced_text_of_a_long_text_takes_little_memory_a_candidate() -> None:
    import tracemalloc

    ours, _ = both(" ".join(f"word{n}" for n in range(3000)))
    ours.state()
    tracemalloc.start()
    candidates = [ours.delete_word_at_index(at) for at in range(1000)]
    assert {len(one.text) for one in candidates} and {hash(one) for one in candidates}
    assert {one.attack_attrs["original_index_map"][-1] for one in candidates} == {2998}
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 1500 * len(candidates)


def test_spliced_text_after_thousands_of_changes_is_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spliced_text, "WORDS_AT_HAND", 0)
    first, _ = both(" ".join(["word"] * 1500))
    text = first
    for at in range(1500):
        text = text.replace_word_at_index(at, "new")
    assert text.text == " ".join(["new"] * 1500)
    assert text.attack_attrs["modified_indices"] == set(range(1500))
    before = text.attack_attrs["previous_attacked_text"].attack_attrs["previous_attacked_text"]
    assert before.words[-3:] == ["new", "word", "word"]
