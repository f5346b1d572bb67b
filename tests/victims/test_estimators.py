"""Classifiers of scikit-learn, in memory and by name; files that could run code are refused with what to do instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC, LinearSVC

from robench.errors import RobenchError, RunEndError
from robench.victims.find import find_victim
from robench.victims.source import EstimatorSource, VictimSource
from support.refusals import told
from support.runs import cells
from support.tiny_job import TASK, robench, rows

MODULE = f'''
"""A pipeline of the sentences of support.tiny_job, and what stands in for it."""
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
TEXTS, LABELS = zip(*{rows(20)!r})
pipe = make_pipeline(TfidfVectorizer(), LogisticRegression(C=100)).fit(TEXTS, LABELS)
unfitted = make_pipeline(TfidfVectorizer(), LogisticRegression())
'''
TEXTS, LABELS = (list(column) for column in zip(*rows(20), strict=True))
OTHERS = [text for text, _ in rows(12, start=30)]


def fitted(last: Any, labels: Any = LABELS, words: Any = None) -> Pipeline:
    return make_pipeline(words or TfidfVectorizer(), last).fit(TEXTS, labels)


def scorer(source: VictimSource) -> Any:
    return source.load(max_length=None, precision="fp32", device=torch.device("cpu"))


def shout(text: str) -> str:
    return text.upper()


def test_estimator_with_probabilities_scores_their_logarithms() -> None:
    pipe = fitted(LogisticRegression(C=100))
    source = find_victim(pipe, name="mine")
    assert isinstance(source, EstimatorSource) and source.names == {} and source.name == "mine"
    found = scorer(source)(OTHERS).softmax(-1)
    torch.testing.assert_close(found, torch.tensor(pipe.predict_proba(OTHERS)).float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("labels", [LABELS, [(i + label) % 3 for i, label in enumerate(LABELS)]], ids=["2", "3"])
def test_estimator_with_a_decision_function_scores_its_values(labels: list[int]) -> None:
    pipe = fitted(LinearSVC(), labels)
    found = scorer(find_victim(pipe))(OTHERS)
    assert found.argmax(1).tolist() == pipe.predict(OTHERS).tolist()
    values = np.asarray(pipe.decision_function(OTHERS))
    margins = found[:, 1] - found[:, 0]
    np.testing.assert_allclose(margins, values if values.ndim == 1 else values[:, 1] - values[:, 0], rtol=1e-4)


def test_estimator_with_one_column_of_values_scores_the_second_class() -> None:
    class Columns(LinearSVC):
        def decision_function(self, X: Any) -> Any:  # noqa: N803
            return super().decision_function(X)[:, None]

    found = [scorer(find_victim(fitted(kind(random_state=0)), version="1"))(OTHERS) for kind in (Columns, LinearSVC)]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("count", [3, 4])
def test_estimator_that_compares_pairs_of_classes_is_refused(count: int) -> None:
    labels = [i % count for i in range(len(LABELS))]
    pipe = fitted(SVC(decision_function_shape="ovo"), labels)
    with pytest.raises(RunEndError, match=r'not one for each class: fit it with decision_function_shape="ovr"'):
        scorer(find_victim(pipe))(OTHERS)
    assert scorer(find_victim(fitted(SVC(), labels)))(OTHERS).shape == (len(OTHERS), count)


def test_estimator_around_one_that_compares_pairs_is_refused_only_if_it_does_so_itself() -> None:
    labels = [i % 3 for i in range(len(LABELS))]
    search = GridSearchCV(SVC(), {"decision_function_shape": ["ovo"]}, cv=2)
    with pytest.raises(RunEndError, match=r"the Pipeline gives 3 values for 3 classes, which are not one for each"):
        scorer(find_victim(fitted(search, labels)))(OTHERS)
    pipe = fitted(OneVsRestClassifier(SVC(decision_function_shape="ovo")), labels)
    assert scorer(find_victim(pipe))(OTHERS).argmax(1).tolist() == pipe.predict(OTHERS).tolist()


def test_estimator_with_named_classes_names_its_columns() -> None:
    pipe = fitted(LogisticRegression(), [("good", "bad")[label] for label in LABELS])
    assert scorer(find_victim(pipe)).names == {0: "bad", 1: "good"}


def test_estimator_digest_is_that_of_its_contents_and_of_the_users_code_in_it() -> None:
    digests = [
        find_victim(fitted(LogisticRegression(C=strength), words=CountVectorizer(preprocessor=change))).digest
        for strength, change in ((1, None), (2, None), (1, shout), (1, str.lower), (1, None))
    ]
    assert len(set(digests)) == 4 and digests[0] == digests[-1]


def searched(strengths: list[float]) -> GridSearchCV:
    return GridSearchCV(LogisticRegression(), {"C": strengths}, cv=2)


def test_estimator_digest_of_a_search_is_that_of_its_model_and_not_of_its_durations() -> None:
    first, again, other = (find_victim(fitted(searched(one))).digest for one in ([0.1, 9.0], [0.1, 9.0], [0.1, 0.2]))
    assert first == again != other


def test_estimator_digest_counts_the_data_and_the_mask_of_a_masked_array() -> None:
    def digest(data: list[int], mask: list[bool]) -> str:
        pipe = fitted(LogisticRegression())
        pipe.marks = np.ma.MaskedArray(data, mask)
        return find_victim(pipe).digest

    assert digest([1, 2], [True, False]) == digest([1, 2], [True, False])
    assert len({digest([1, 2], [True, False]), digest([1, 2], [True, True]), digest([2, 2], [True, False])}) == 3


@pytest.mark.slow
def test_estimator_digest_is_the_same_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "skmodel.py").write_text(MODULE, encoding="utf-8")
    code = "from robench.victims.find import find_victim; print(find_victim('skmodel:pipe').digest)"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PATH": "", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_estimator_that_cannot_be_identified_needs_a_version() -> None:
    pipe = fitted(LogisticRegression(), words=CountVectorizer(preprocessor=lambda text: text))
    with pytest.raises(RobenchError, match=r"^a Pipeline in memory holds something .*; give it a version") as told:
        find_victim(pipe)
    assert "(Can't pickle <function " in str(told.value) and "PicklingError" not in str(told.value)
    assert find_victim(pipe, version="1").digest != find_victim(pipe, version="2").digest


def test_estimator_that_no_hash_can_be_taken_of_needs_a_version() -> None:
    class Odd:
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise ValueError("no")

    pipe = fitted(LogisticRegression())
    pipe.odd = Odd()
    with pytest.raises(RobenchError, match=r"^a Pipeline in memory holds something .*\(no\); give it a version"):
        find_victim(pipe)
    assert find_victim(pipe, version="1").digest


def test_estimator_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(RobenchError, match=r"^a Pipeline in memory has no classes_: fit it before it is attacked"):
        find_victim(make_pipeline(TfidfVectorizer(), LogisticRegression()))


def test_estimator_with_several_outputs_is_refused() -> None:
    pipe = fitted(MultiOutputClassifier(LogisticRegression()), [[label, 1 - label] for label in LABELS])
    with pytest.raises(RobenchError, match=r"has 2 outputs, each with classes of its own: give one with one output"):
        find_victim(pipe)


def test_estimator_by_name_gets_a_cell(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "skmodel", raising=False)
    (tmp_path / "skmodel.py").write_text(MODULE, encoding="utf-8")
    done = robench("attack", "--model", "skmodel:pipe", *options, "--attack-limit", "2")
    assert done.exit_code == 0 and "warning" not in done.stderr, done.output
    (cell,) = cells(tmp_path / "runs").values()
    assert cell.info.task == TASK and cell.info.victim is not None
    assert (cell.info.victim.kind, cell.info.victim.model) == ("scikit-learn classifier", "skmodel:pipe")
    again = robench("attack", "--model", "skmodel:pipe", *options, "--attack-limit", "2", "--dry-run")
    assert "nothing to do" in again.stdout
    assert "skmodel:unfitted has no classes_" in told(robench("attack", "--model", "skmodel:unfitted", *options))


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (
            "model.pkl",
            r"model\.pkl is a pickle, which runs .* `pipeline = joblib\.load\('model\.pkl'\)`, and",
        ),
        ("model.joblib", "model.joblib is a pickle, .* --model vic.py:pipeline"),
        ("model.pt", r"is a file of weights; save model and tokenizer to a folder with save_pretrained\(\)"),
        ("vic.py", r"name the function in it as well, as in .*vic\.py:scores"),
        ("notes.txt", r"notes\.txt is a file; a model is a folder, a Hub id or module:function"),
    ],
)
def test_find_victim_of_a_file_is_refused_with_the_remedy(file: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(RobenchError, match=sentence):
        find_victim(str(tmp_path / file))


def test_find_victim_of_a_pickle_that_is_not_there_is_the_same_refusal() -> None:
    with pytest.raises(RobenchError, match="is a pickle"):
        find_victim("model.pkl")
