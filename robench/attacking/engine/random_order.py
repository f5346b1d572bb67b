"""A greedy search of word swaps that takes the words in random order, to check a search that ranks them.

How it works: TextAttack's ``GreedyWordSwapWIR`` first asks the model what each word weighs, then swaps the words in
that order, each by its best candidate. A model can mislead this ranking without being robust: it is then fooled more
often by a search that knows nothing of the words. Here only the order differs: it is drawn from the example's own
random stream. Several orders are tried, each from the original text, until one fools the model or the query budget is
spent. Candidates, constraints, budget and the choice among candidates are those of the attack.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from robench.errors import UnitError


def take_random_order(built: Any, name: str, restarts: int) -> Any:
    """Return a ``textattack.Attack`` that takes the words in random order.

    Args:
        built: the ``textattack.Attack`` that ranks the words.
        name: its name, for errors.
        restarts: orders that are tried for a text.

    Raises:
        UnitError: its search does not go down a ranking of words.
    """
    from textattack import Attack
    from textattack.search_methods import GreedyWordSwapWIR

    search = built.search_method
    greedy = GreedyWordSwapWIR.perform_search
    if not isinstance(search, GreedyWordSwapWIR) or type(search).perform_search is not greedy:
        raise UnitError(
            f"random-order:{name} does not exist: {name} does not go down a ranking of words, which a random order"
            f" could replace (its search is {type(search).__name__}, not GreedyWordSwapWIR)."
        )
    constraints = [*built.pre_transformation_constraints, *built.constraints]
    order = _define_search()(restarts, search.truncate_words_to)
    return Attack(built.goal_function, constraints, built.transformation, order)


@functools.cache
def _define_search() -> type[Any]:
    """Define the search late, because importing TextAttack takes seconds."""
    from textattack.goal_function_results import GoalFunctionResultStatus
    from textattack.search_methods import GreedyWordSwapWIR

    class RandomWordOrder(GreedyWordSwapWIR):  # type: ignore[misc]  # TextAttack is untyped
        """The search of ``GreedyWordSwapWIR`` with the words in random order.

        Args:
            restarts: orders that are tried for a text.
            truncate_words_to: the first words of a text that may be swapped; None for all.
        """

        def __init__(self, restarts: int, truncate_words_to: int | None) -> None:
            super().__init__("random", truncate_words_to=truncate_words_to)
            self.restarts = restarts

        def perform_search(self, initial_result: Any) -> Any:
            """Return the first result that fools the model, or else the best one of all orders."""
            best = initial_result
            for _ in range(self.restarts):
                if self.goal_function.num_queries >= self.goal_function.query_budget:
                    break
                result = super().perform_search(initial_result)
                if result.goal_status == GoalFunctionResultStatus.SUCCEEDED:
                    return result
                best = max(best, result, key=lambda one: one.score)  # of equal ones the first
            return best

        def _get_index_order(self, initial_text: Any, max_len: int = -1) -> tuple[Any, bool]:
            """Return the numbers of the words that may be swapped, shuffled, and that the search is not over."""
            _, indices = self.get_indices_to_order(initial_text)
            return np.random.permutation(sorted(indices)[: self.truncate_words_to]), False

    return RandomWordOrder
