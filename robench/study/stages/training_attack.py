"""The attack on training texts between two epochs, with the network in training as the victim.

How it works: the clean rows are shuffled by a stream of their own for each epoch, and are attacked in that order. An
attack that ends at a number of successes never has more rows in work than successes are missing. So each row that was
begun is needed, whatever the other searches find, and the result is the same for any number of searches at a time.
Records are appended to a file beside the checkpoint as soon as they are known. Their checksums contain the network's
weights, so an interrupted attack that begins again keeps what fits, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from robench.attacking.attack import Attack
from robench.attacking.engine import attack_examples
from robench.attacking.engine.search import AttackInput
from robench.data.load import Example
from robench.models.batches import TrainingRow
from robench.models.predictor import Predictor
from robench.paths import open_unlinked, translate_os_errors
from robench.results import records
from robench.results.records import Record
from robench.results.salvage import salvage_lines
from robench.study.setting import NamedAttack
from robench.study.stages.attacked_rows import LIVE_EXAMPLES, report_errors, rewrite_records, rows_of
from robench.study.stages.context import Context
from robench.study.stages.stage import Stage
from robench.study.stages.training_rows import list_adversarial_rows
from robench.syncing import make_folder
from robench.training.defense import Defense
from robench.training.reattack import Reattack

FILE = "attack-{epoch}.jsonl"
"""The records of the attack before an epoch, until the training is finished."""


class TrainingAttack:
    """Attacks the training rows of a model that is being trained.

    Args:
        context: reporter, device and workers.
        stage: the stage of the model.
        defense: its defense.
        attack: the attack.
        folder: the folder of the stage.
    """

    def __init__(self, context: Context, stage: Stage, defense: Defense, attack: NamedAttack, folder: Path) -> None:
        self._context, self._stage, self._attack, self._folder = context, stage, attack, folder
        self._defense = defense

    def __call__(self, predictor: Predictor, epoch: int, reattack: Reattack) -> list[TrainingRow]:
        """Attack rows before an epoch, and return the adversarial rows in the order of the attack.

        Args:
            predictor: the victim, which does not change meanwhile.
            epoch: the epoch that begins, counted from 1.
            reattack: how many rows to attack.

        Raises:
            RobenchError: something cannot be fetched, computed or stored, or the attack fails on every row.
        """
        order = self._stage.training_rows()
        random.Random(f"reattack/{self._stage.seed}/{epoch}").shuffle(order)
        order = order[: reattack.rows]
        path, key = self._folder / FILE.format(epoch=epoch), f"{self._stage.key}/{_digest_weights(predictor)}"
        known = self._keep_records(path, key, order)
        feed = _Feed(order, known, reattack.successes)
        name = f"{self._attack.name}, epoch {epoch}"
        with contextlib.ExitStack() as stack:
            title, total = f"attacking before epoch {epoch}", len(order) if reattack.successes is None else None
            count = stack.enter_context(self._context.reporter.track(title, "text", total, len(known)))
            results = stack.enter_context(contextlib.closing(self._search(predictor, name, reattack, feed)))
            with translate_os_errors(path):
                file = stack.enter_context(open_unlinked(path, "ab"))
            for record in results:
                self._attack.check_unchanged()
                feed.receive(record)
                records.append(file, record, key)
                count.advance(1, record.status)
        made = [feed.known[i] for i, _ in order if i in feed.known]
        report_errors(self._context, made)
        return list_adversarial_rows(self._defense, made)

    def _keep_records(self, path: Path, key: str, order: Sequence[tuple[int, Example]]) -> dict[int, Record]:
        """Return the good records of an attack on the same network that was interrupted, and keep these alone.

        Those of rows that are to be attacked again, because they ended in an error, are removed.
        """
        with translate_os_errors(path):
            make_folder(path.parent)
        found = salvage_lines(path, key, rows_of(order))
        return {record.id: record for record in rewrite_records(self._context, path, found)}

    def _search(
        self, predictor: Predictor, name: str, reattack: Reattack, feed: _Feed
    ) -> Generator[Record, None, None]:
        return attack_examples(
            _limit_queries(self._attack.attack, reattack.query_budget),
            predictor,
            feed,
            seed=self._stage.seed,
            attack_name=name,
            live=LIVE_EXAMPLES.get(self._context.device.type, LIVE_EXAMPLES["cuda"]),
            offline=self._context.offline,
            workers=self._context.workers,
        )


def count_attacks(folder: Path) -> dict[str, int]:
    """Return how many rows a training has attacked between all its epochs, as fields of ``RowCounts``.

    Args:
        folder: the folder of the stage, which is not finished yet.
    """
    found = [record.status for path in sorted(folder.glob(FILE.format(epoch="*"))) for record in records.read(path)]
    return {"attacked_between_epochs": len(found), "succeeded_between_epochs": found.count("succeeded")}


class _Feed:
    """The rows to attack, each when it is certain that it is needed; None while that is not certain.

    Args:
        order: the rows, in the order of the attack.
        known: records of some of them.
        successes: number of successes that end the attack; None attacks all rows.

    Attributes:
        known: the records, by row.
    """

    def __init__(self, order: Sequence[tuple[int, Example]], known: dict[int, Record], successes: int | None) -> None:
        self.known = known
        self._left = iter([(i, example) for i, example in order if i not in known])
        last = max((at for at, (i, _) in enumerate(order) if i in known), default=0)
        self._begun = sum(i not in known for i, _ in order[:last])  # before, so they are needed as much as the last
        self._in_work = 0
        self._missing = (
            None if successes is None else successes - sum(one.status == "succeeded" for one in known.values())
        )

    def __iter__(self) -> Iterator[AttackInput | None]:
        return self

    def __next__(self) -> AttackInput | None:
        if self._missing is not None and not self._begun and self._in_work >= self._missing:
            if not self._in_work:
                raise StopIteration
            return None
        i, example = next(self._left)
        self._begun, self._in_work = max(0, self._begun - 1), self._in_work + 1
        return i, example.text, example.label

    def receive(self, record: Record) -> None:
        """Take the record of a row that was given."""
        self.known[record.id] = record
        self._in_work -= 1
        if self._missing is not None:
            self._missing -= record.status == "succeeded"


def _limit_queries(attack: Attack, budget: int | None) -> Attack:
    """Return the attack with at most that many queries for a text."""
    budgets = [number for number in (attack.query_budget, budget) if number is not None]
    return replace(attack, query_budget=min(budgets, default=None))


def _digest_weights(predictor: Predictor) -> str:
    """Return 16 hexadecimal digits of the sha256 of a network's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(predictor.classifier.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
