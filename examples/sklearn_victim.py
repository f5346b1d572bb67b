"""A scikit-learn pipeline as a victim of robench.

    robench attack --model sklearn_victim.py:pipeline --task mr --attack deepwordbug,pwws --preset quick

robench takes anything that is fitted, reads texts and has ``predict_proba`` or ``decision_function``. It matches the
columns with the task's labels by ``classes_``, or by their order if these are 0, 1 and so on. It does not read pickles,
which run any code: load yours here, in place of the training below.
"""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

PRAISE = (
    "a bright and clever film",
    "superb acting, lovely music",
    "quick, pleasant and warm",
    "a clever, lovely play",
)
BLAME = ("a dull and noisy film", "awful acting, broken plot", "slow, ugly and cold", "a noisy, awful mess")


def train() -> Pipeline:
    """Fit a pipeline on a few sentences; a real one has thousands."""
    pipeline = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), LogisticRegression(C=100))
    pipeline.fit([*PRAISE, *BLAME], ["positive"] * len(PRAISE) + ["negative"] * len(BLAME))
    return pipeline


pipeline = train()
