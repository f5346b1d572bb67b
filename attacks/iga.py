"""IGA: a genetic search among neighbours of word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from robench.attacking import Attack, Victim, option


@dataclass(frozen=True, kw_only=True)
class IGA(Attack):
    """Neighbours among counter-fitted word vectors, found by an improved genetic algorithm (Wang et al. 2019).

    "Natural Language Adversarial Attacks and Defenses in Word Level", in 2021 "Natural Language Adversarial Defense
    through Synonym Encoding". A population of texts begins with the best replacement of each word; two, drawn by the
    damage they do, are crossed at a random place, and their child is changed in one more word. At most 20 % of the
    words change, a word up to five times; stopwords stay. TextAttack's recipe ``IGAWang2019``. It costs thousands of
    queries an example: set ``query_budget``.
    """

    uses = ("stopwords", "word-vectors")

    max_candidates: int = option(50, "neighbours tried for a word", minimum=1)
    max_word_distance: float = option(0.5, "largest squared distance of a word and its neighbour", above=0)
    population: int = option(60, "texts of a generation", minimum=1)
    iterations: int = option(20, "generations", minimum=1)

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import IGAWang2019
        from textattack.constraints.semantics import WordEmbeddingDistance

        built = IGAWang2019.build(victim)
        built.transformation.max_candidates = self.max_candidates
        built.search_method.pop_size = self.population
        built.search_method.max_iters = self.iterations
        for constraint in built.constraints:
            if isinstance(constraint, WordEmbeddingDistance):
                constraint.max_mse_dist = self.max_word_distance
        return built
