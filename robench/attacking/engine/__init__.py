"""The attack engine: it runs many searches at the same time and sends their texts to the model in full batches."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.attacking.engine.batcher import BatchStatistics
    from robench.attacking.engine.logits_cache import LogitsCache
    from robench.attacking.engine.pool import attack_examples
    from robench.attacking.engine.search import AttackInput
    from robench.attacking.engine.workers import Workers, choose_worker_count

__all__ = [
    "AttackInput",
    "BatchStatistics",
    "LogitsCache",
    "Workers",
    "attack_examples",
    "choose_worker_count",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
