"""The stages of a plan that can begin, because all that they need is finished, in the order in which they should."""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from robench.study.stages.stage import Stage


class ReadyStages:
    """The stages that can begin; finishing one may add others.

    Args:
        stages: all stages of the plan, each after its needs.
        ranks: for each key, what orders stages; the largest goes first, and of equal ones the first of the plan.
    """

    def __init__(self, stages: Sequence[Stage], ranks: Mapping[str, float]) -> None:
        self._order = {stage.key: (-ranks.get(stage.key, 0.0), number) for number, stage in enumerate(stages, start=1)}
        self._missing: Counter[str] = Counter()
        self._children: defaultdict[str, list[Stage]] = defaultdict(list)
        for stage in stages:
            for key in {need.key for need in stage.needs} & self._order.keys():
                self._missing[stage.key] += 1
                self._children[key].append(stage)
        self._stages = sorted((stage for stage in stages if not self._missing[stage.key]), key=self.order)

    def __len__(self) -> int:
        return len(self._stages)

    def __getitem__(self, position: int) -> Stage:
        return self._stages[position]

    def __delitem__(self, position: int) -> None:
        del self._stages[position]

    def order(self, stage: Stage) -> tuple[float, int]:
        """Return by what stages are sorted, the first one first."""
        return self._order[stage.key]

    def number(self, stage: Stage) -> int:
        """Return the position of a stage in the plan, from 1."""
        return self._order[stage.key][1]

    def before(self, stage: Stage) -> Iterator[Stage]:
        """Yield the stages that can begin and should do so before a stage that has begun."""
        for other in self._stages:
            if self.order(other) > self.order(stage):
                return
            yield other

    def find_dependents(self, key: str) -> set[str]:
        """Return the keys of the stages that need a stage which is not finished, directly or not."""
        found, open_keys = set[str](), [key]
        while open_keys:
            added = {child.key for child in self._children.get(open_keys.pop(), ())} - found
            found |= added
            open_keys += added
        return found

    def finish(self, key: str) -> None:
        """Add the stages that needed a stage, which is finished, and nothing else."""
        for child in self._children.pop(key, ()):
            self._missing[child.key] -= 1
            if not self._missing[child.key]:
                insort(self._stages, child, key=self.order)
