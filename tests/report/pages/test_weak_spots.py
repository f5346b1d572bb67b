"""Where a model breaks: what the sections say of their numbers."""

from __future__ import annotations

from robench.report.pages.parts import Paragraph
from robench.report.pages.weak_spots import groups_section
from robench.results.weaknesses import TextGroup


def test_intervals_of_classes_over_several_seeds_are_said_to_be_of_the_texts_alone() -> None:
    groups = [TextGroup("good", clean=9, held=6, n=10)]
    for seeds, is_said in ((1, False), (3, True)):
        lead = groups_section(groups, groups, "pwws", seeds=seeds).parts[0]
        assert isinstance(lead, Paragraph) and ("other seeds are not covered" in str(lead.text)) == is_said
