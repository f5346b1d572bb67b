"""Classifiers of scikit-learn that take texts: a fitted pipeline, in memory or named as ``module:name``.

How it works: the logarithms of the probabilities are logits, or the values of the decision function if there are no
probabilities. What a pipeline has learnt stands in its arrays, so it is identified by its contents: joblib hashes them
as scikit-learn would pickle them, and functions and classes of the user's inside are identified by their source.
Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from robench.errors import RobenchError, RunEndError, run_foreign_code
from robench.escaping import shorten
from robench.plugins.source import SourceWalk
from robench.victims.source import EstimatorSource, hash_texts, version_option

PICKLES = (".pkl", ".pickle", ".joblib", ".sav", ".skops")
"""Endings of files that hold pickled objects."""
_UNRELATED = {"_stop_words_id", "cv_results_", "refit_time_"}
"""Attributes of scikit-learn's that decide no prediction and are others in each process: an address, and durations."""
_SMALLEST = 1e-300
"""The probability that 0 counts as."""


def is_estimator(thing: Any) -> bool:
    """Return whether an object is a classifier in the form of scikit-learn's."""
    return hasattr(thing, "fit") and (hasattr(thing, "predict_proba") or hasattr(thing, "decision_function"))


def estimator_source(estimator: Any, *, name: str, shown: str = "", version: str = "") -> EstimatorSource:
    """Make the source of a fitted classifier.

    Args:
        estimator: the classifier.
        name: the name of its row in tables.
        shown: ``module:name``; empty if it is in memory.
        version: the user's version of it, which is part of its digest.

    Raises:
        RobenchError: it is not fitted, or its contents cannot be read and it has no version.
    """
    kind = type(estimator).__name__
    title = shown or f"a {kind} in memory"
    with run_foreign_code(f"{title}: reading its classes failed"):
        classes = getattr(estimator, "classes_", None)
    if classes is None:
        raise RobenchError(f"{title} has no classes_: fit it before it is attacked.")
    known = list(classes)
    if any(getattr(one, "ndim", 0) for one in known):
        raise RobenchError(f"{title} has {len(known)} outputs, each with classes of its own: give one with one output.")
    names = {} if known == list(range(len(known))) else {i: str(one) for i, one in enumerate(known)}
    command = ("--model", shown, *(["--version", version] if version else [])) if shown else ()
    return EstimatorSource(
        name, title, _digest(estimator, title, version, shown), EstimatorFunction(estimator), names, command=command
    )


class EstimatorFunction:
    """A classifier of scikit-learn as a function from N texts to N rows of logits, in the order of its classes.

    Args:
        estimator: the classifier.
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self._may_compare_pairs = len(estimator.classes_) == 3 and hasattr(estimator, "predict")

    def __call__(self, texts: Sequence[str]) -> Any:
        """Return logits (N, K), float64; of a decision function with one value, that of the second class.

        Raises:
            RunEndError: the decision function has another number of columns, or one for each pair of classes.
        """
        if hasattr(self._estimator, "predict_proba"):
            return np.log(np.maximum(np.asarray(self._estimator.predict_proba(texts), dtype=float), _SMALLEST))
        values = np.asarray(self._estimator.decision_function(texts), dtype=float)
        if values.ndim == 1 or values.shape[1] == 1:
            return np.stack([np.zeros(len(values)), values.reshape(-1)], axis=1)
        count = len(self._estimator.classes_)
        if values.shape[1] != count or (self._may_compare_pairs and self._compares_pairs(texts, values)):
            raise RunEndError(
                f"the decision function of the {type(self._estimator).__name__} gives {values.shape[1]} values for"
                f" {count} classes, which are not one for each class: fit it with"
                ' decision_function_shape="ovr", as SVC has it by default.'
            )
        return values

    def _compares_pairs(self, texts: Sequence[str], values: Any) -> bool:
        """Return whether the values of three classes are those of their three pairs, as far as these texts show it.

        Settings do not tell: a search may have chosen others, and a classifier around it may count votes itself. Where
        the last class is predicted, its two pairs, the last columns, are not above 0. If the first one then has the
        largest value, which of values of classes would predict the first class, they are values of pairs.
        """
        estimator = self._estimator
        last = values[np.asarray(estimator.predict(texts)) == estimator.classes_[2]]
        wins = (last[:, 1:] <= 0).all(axis=1)
        self._may_compare_pairs = bool(wins.all())
        return bool((wins & (last.argmax(axis=1) != 2)).any())


def _digest(estimator: Any, title: str, version: str, shown: str) -> str:
    """Return the sha256 of a classifier's contents, of the user's code in it, and of its version."""
    walk = SourceWalk(lenient=bool(version))
    try:
        contents, code = _hash(estimator, walk), walk.digest()
    except Exception as error:  # what a user's object, pickle or joblib raises, if it cannot be taken apart
        if not version:
            reason = shorten(str(error.args[0] if error.args else error), 200)  # joblib adds the whole classifier
            raise RobenchError(
                f"{title} holds something by which robench cannot distinguish it from another ({reason}); give it a"
                f" version ({version_option(shown)}), and a new one whenever it changes."
            ) from error
        contents, code = type(estimator).__qualname__, ""
    return hash_texts("estimator", contents, code, version)


def _hash(estimator: Any, walk: SourceWalk) -> str:
    """Hash the contents of a classifier, and add the functions and classes in it to a walk over their source."""
    from joblib.hashing import NumpyHasher

    class Hasher(NumpyHasher):  # type: ignore[misc]  # joblib is untyped
        """A pickler of joblib's that keeps a hash alone."""

        def save(self, thing: Any) -> None:
            if type(thing) is dict and not _UNRELATED.isdisjoint(thing):
                thing = {key: value for key, value in thing.items() if key not in _UNRELATED}
            if isinstance(thing, np.ma.MaskedArray):  # which joblib cannot hash as a whole
                thing = (np.ma.MaskedArray, np.ma.getdata(thing), np.ma.getmaskarray(thing))
            super().save(thing)

        def reducer_override(self, thing: Any) -> Any:
            if isinstance(thing, type):
                walk.add_class(thing)
            elif isinstance(thing, FunctionType):
                walk.live.add(thing, thing.__qualname__)
            return NotImplemented

    return str(Hasher(hash_name="sha1").hash(estimator))
