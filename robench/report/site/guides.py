"""Pages of text: how to read the leaderboard, and how to submit to it."""

from __future__ import annotations

from datetime import date

from robench.report.site.parts import SitePage
from robench.report.tables.legend import FEW_SEEDS

THREAT_MODEL = date(2026, 11, 29)
"""When the threat model was last thought through; it changes with the text of ``how-to-read.html``."""
VALUES = {"threat_model": THREAT_MODEL, "few_seeds": FEW_SEEDS}
"""What the texts name, by its name in templates."""
GUIDES = (
    ("how-to-read.html", "how to read this", "How to read the leaderboard"),
    ("how-to-submit.html", "how to submit", "How to submit results"),
)
"""Path, kicker and title of each."""


def make_guide(path: str, kicker: str, title: str) -> SitePage:
    """Make a page of text, which stands in the template of the same name."""
    return SitePage(path, kicker, title, area=path, template="site/guide.html")
