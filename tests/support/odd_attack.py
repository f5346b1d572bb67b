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
            swap = built.transformation.transformations[0]
            replace = swap._get_replacement_words

            def failing(word: str) -> list[str]:
                if "ea" in word:
                    raise ArithmeticError("on purpose")
                return replace(word)

            swap._get_replacement_words = failing
        return built
