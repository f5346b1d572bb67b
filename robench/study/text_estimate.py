"""About how many texts a run will send to a function or an endpoint, which may cost money for each.

How it works: the checks and the test split are counted. An attack asks for a text at most once, and for how many
depends on the model; so the mean of finished attacks of the same name is taken, on the same task if there are any, or
else a usual number for each word.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from robench.paths import read_regular
from robench.results.info import CellInfo
from robench.results.store import RECORDS_FILE
from robench.study.stages.attack import CellStage
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from robench.study.stages.victim import VictimStage
from robench.victims.source import CalledSource

TEXTS_PER_WORD = 8
"""Queries of PWWS for each word of a film review; TextFooler has 4, DeepWordBug 1."""
CHECKS = 300
"""Most texts of the checks of a model: 16 test texts twice, 4 alone, and 8 also without each of 32 words."""


def estimate_texts(stages: Sequence[Stage], context: Context) -> list[str]:
    """Say how many texts the stages to make will send to functions and endpoints; nothing if they send none.

    Args:
        stages: the stages.
        context: the runs folder, with the answers that are kept there.
    """
    clean: dict[str, int] = {}
    attacks: dict[str, float] = {}
    limits: dict[str, int | None] = {}
    for stage in stages:
        source = _find_source(stage)
        if source is None:
            continue
        limits[source.shown] = source.calls.max_queries
        if isinstance(stage, VictimStage):
            texts = list(dict.fromkeys(example.text for _, example in stage.clean_rows()))
            kept = len(context.answers(source.digest).find(texts))
            clean[source.shown] = clean.get(source.shown, 0) + len(texts) - kept + CHECKS
        elif isinstance(stage, CellStage):
            attacks[source.shown] = attacks.get(source.shown, 0) + _estimate_attack(stage, context)
    return [
        _describe(shown, clean.get(shown, 0), round(attacks.get(shown, 0)), limit)
        for shown, limit in limits.items()
        if clean.get(shown, 0) or round(attacks.get(shown, 0))
    ]


def _find_source(stage: Stage) -> CalledSource | None:
    model = stage.model if isinstance(stage, CellStage) else stage
    return model.source if isinstance(model, VictimStage) and isinstance(model.source, CalledSource) else None


def _estimate_attack(stage: CellStage, context: Context) -> float:
    examples = [example for _, example in stage.examples()]
    records = stage.folder(context.store) / RECORDS_FILE
    done = read_regular(records).count(b"\n") if records.is_file() and not context.again else 0
    left = max(len(examples) - done, 0) / max(len(examples), 1)
    finished = [cell.info for cell in context.store.stages(CellInfo) if cell.info.attack.name == stage.attack.name]
    similar = [info for info in finished if info.task == stage.data.task] or finished
    queries = [info.attacked.queries for info in similar if info.attacked and info.attacked.queries]
    if queries:
        return left * mean(queries) * len(examples)
    return left * sum(TEXTS_PER_WORD * len(example.text.split()) for example in examples)


def _describe(shown: str, clean: int, attacks: int, limit: int | None) -> str:
    parts = [f"up to {clean:,} for checks and clean accuracy"] if clean else []
    parts += [f"about {attacks:,} for attacks"] if attacks else []
    ends = f"; the run ends at {limit:,} (--max-queries)" if limit is not None else ""
    return f"texts to send to {shown}: about {clean + attacks:,} ({' and '.join(parts)}){ends}."
