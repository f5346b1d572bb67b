"""The lines of ``certificates.jsonl``: how many changed words of each text are certified.

There are two certificates of a text: of the vote of all its random copies, and of the vote of the few that the deployed
model draws.
"""

from __future__ import annotations

import msgspec

CERTIFICATES_FILE = "certificates.jsonl"


class Certificate(msgspec.Struct, frozen=True):
    """A line of ``certificates.jsonl``: the certificate of one text.

    Attributes:
        id: row of the text in the test split, from 0.
        label: index of the gold label.
        predicted: index of the label that the model names, and that is certified.
        votes: number of draws in which the network names this label.
        words: number of words of the text.
        radius: largest number of changed words for which the vote of all copies is certified; None if not even the text
            itself is, because too few draws name the label.
        deployed_radius: the same of the vote of the deployed model; None, too, if the stage has no such certificates.
    """

    id: int
    label: int
    predicted: int
    votes: int
    words: int
    radius: int | None
    deployed_radius: int | None = None

    def holds(self, changes: int, *, deployed: bool = False) -> bool:
        """Return whether the model is right, and certified to stay so if so many words of the text are changed.

        Args:
            changes: number of words; a text of fewer words is certified for all of them.
            deployed: whether it is about the vote of the deployed model, in place of that of all copies.
        """
        radius = self.deployed_radius if deployed else self.radius
        return self.predicted == self.label and radius is not None and radius >= min(changes, self.words)
