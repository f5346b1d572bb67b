"""Tables, figures and exported models, made of stored results."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.report.figures import draw, save
    from robench.report.rendering import render, render_all
    from robench.report.tables import make, make_all

__all__ = [
    "draw",
    "make",
    "make_all",
    "render",
    "render_all",
    "save",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
