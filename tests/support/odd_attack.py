"""An attack that can fail at each step, in a module that worker processes can import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacks.deepwordbug import DeepWordBug


@dataclass(frozen=True, kw_only=True)
class Odd(DeepWordBug):
    """Asks the model while it is built, and can fail at each step."""

    fails: str = ""

    def build(self, victim: Any) -> Any:
        assert victim(["How many classes?"]).shape == (1, 3)
        if self.fails == "building":
            raise ZeroDivisionError("on purpose")
        built = super().build(victim)
        if self.fails == "searching":
            built.transformation.transformations[0]._get_replacement_words = None
        return built
