"""Pages of text: how to read the leaderboard, and how to submit to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from robench.report.tables.legend import FEW_SEEDS

THREAT_MODEL = date(2026, 11, 29)
"""When the threat model was last thought through; it changes with the text of ``how-to-read.html``."""


@dataclass(frozen=True)
class Guide:
    """A page of text.

    Attributes:
        path: where it stands, from the root of the site.
        kicker: what kind of page it is.
        title: its heading.
    """

    path: str
    kicker: str
    title: str
    date = THREAT_MODEL.isoformat()
    date_text = f"{THREAT_MODEL.day} {THREAT_MODEL:%B %Y}"
    few_seeds = FEW_SEEDS
    root = ""

    @property
    def area(self) -> str:
        """Return the link of the navigation that it belongs to."""
        return self.path

    @property
    def template(self) -> str:
        """Return the template with its text."""
        return f"site/{self.path}"


GUIDES = (
    Guide("how-to-read.html", "how to read this", "How to read the leaderboard"),
    Guide("how-to-submit.html", "how to submit", "How to submit results"),
)
