"""High-order statistics of the models in a runs folder, stored beside them: the data of Table 7 (section 4.3).

Every model meets the same pairs: the attacked test samples, and the texts that the attack made of them *against Base*
(``original`` and ``final`` of the records of Base's cell, failures and skips included). A model's own adversarial texts
would be as good as chosen by it, and its column could not be compared with the others. The column "before" is the
pre-trained encoder with the untrained head that Base's training starts from.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import robench
from robench.errors import RobenchError
from robench.paths import writing
from robench.progress import Reporter
from robench.results import records
from robench.results.cells import Result, attacked, grouped
from robench.results.pairs import Pairs, cell_statistics, read_pairs
from robench.results.papers import BEFORE
from robench.results.selection import Selection
from robench.results.store import RECORDS_FILE, Store, StoredStage, key_of
from robench.results.summary import summarise
from robench.study.commands import missing_commands, read_selection, run_command
from robench.study.presets import Existing
from robench.study.stages.trained_model import stored_predictor

if TYPE_CHECKING:
    import torch

    from robench.models.predictor import Predictor

FORMAT = 1
"""Counts changes of robench that change statistics; part of every key."""

VICTIM = "base"
"""Whose adversarial texts all models are measured on."""

TABLE7 = (BEFORE, VICTIM, "clean", "taichi-no-ctr", "taichi-no-adv", "taichi")
"""The columns of the paper's table."""

_SHARED = ("task", "labels", "data", "encoder", "preset", "precision", "training", "train_rows", "seed", "attack")


@dataclass(frozen=True)
class _Subject:
    """A model to be measured: the cell that knows it, Base's own for the one before fine-tuning, and Base's cell."""

    name: str
    cell: Result
    base: Result

    @property
    def model(self) -> str:
        """Key of the model."""
        if self.name != BEFORE:
            return str(self.cell.info["model"])
        info = self.base.info
        parts = {name: info[name] for name in ("precision", "seed", "labels")}
        parts |= {"encoder": info["encoder"]["digest"], "max_length": info["training"]["max_length"]}
        return key_of({"stage": "untrained", **parts})

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the statistics: the model and the pairs."""
        return {"format": FORMAT, "stage": "statistics", "model": self.model, "pairs": self.base.info["key"]}

    @property
    def label(self) -> str:
        """For people."""
        info = self.base.info
        return f"{info['task']}-{self.name}-{info['attack']['name']}-seed{info['seed']}"


def measure(
    store: Store,
    reporter: Reporter,
    *,
    device: torch.device,
    task: str = "sst2",
    attack: str = "textfooler",
    defenses: Sequence[str] = TABLE7,
    encoders: Sequence[str] = (),
    presets: Sequence[str] = (),
    seeds: Sequence[int] = (),
    existing: Existing = "only-missing",
    offline: bool = False,
    options: Sequence[str] = (),
) -> list[StoredStage]:
    """Measure the models of a runs folder that a task, an attack and defenses name; give their stored statistics.

    What is missing is told to ``reporter`` with the command that makes it.

    Args:
        store: the runs folder; ``statistics/<label>-<key>/stage.json`` is written for each model.
        reporter: is told what happens.
        device: where the models run.
        task: a registered name.
        attack: likewise; its variants are measured each for itself.
        defenses: likewise, and ``before`` for the model before fine-tuning.
        encoders: only these; none takes all.
        presets: likewise.
        seeds: likewise.
        existing: what to do with statistics that are there.
        offline: fetch nothing.
        options: what to add to printed commands, such as ``["--runs", "elsewhere"]``.

    Raises:
        RobenchError: no model is there, or a file is missing or broken.
    """
    named = tuple(dict.fromkeys((VICTIM, *(name for name in defenses if name != BEFORE))))
    selection = Selection(
        task=task,
        attacks=[attack],
        defenses=named,
        encoders=encoders,
        presets=presets,
        seeds=seeds,
        options=options,
    )
    subjects = _subjects(read_selection(selection, store), defenses, reporter, options)
    if not subjects:
        raise RobenchError(
            f"{store.root} has no cell of {VICTIM} on {task} under {attack}, whose texts all models are measured on;"
            f" {run_command(selection)} makes it."
        )
    made = []
    for number, subject in enumerate(subjects, start=1):
        folder = store.folder("statistics", subject.label, key_of(subject.identity))
        found = store.read(folder)
        if existing == "always" or (existing == "only-missing" and found is None):
            reporter.stage(number, len(subjects), f"statistics of {subject.label}")
            found = _Measuring(store, reporter, device, offline).stored(subject)
        made += [found] if found else []
    return made


def _subjects(
    results: Sequence[Result], defenses: Sequence[str], reporter: Reporter, options: Sequence[str]
) -> list[_Subject]:
    """The models to measure, group by group of what can be compared, in the order of ``defenses``."""
    found = []
    for members in grouped(results, lambda r: f"{r.block} {r.column} {r.seed}").values():
        bases = [r for r in members if r.info["defense"]["name"] == VICTIM and not r.info["defense"]["changed"]]
        absent = [n for n in defenses if n != BEFORE and not any(r.info["defense"]["name"] == n for r in members)]
        absent = absent if bases else [VICTIM, *absent]
        if absent:
            command = missing_commands([(name, members[0]) for name in dict.fromkeys(absent)], options)
            reporter.say(f"seed {members[0].seed}: no results of {', '.join(dict.fromkeys(absent))}; {command}")
        for base in bases[:1]:
            for name in dict.fromkeys(defenses):
                cells = [base] if name == BEFORE else [r for r in members if r.info["defense"]["name"] == name]
                found += [_Subject(name, cell, base) for cell in cells]
    return found


class _Measuring:
    """Makes the stored statistics of one model."""

    def __init__(self, store: Store, reporter: Reporter, device: torch.device, offline: bool) -> None:
        self._store, self._reporter, self._device, self._offline = store, reporter, device, offline

    def stored(self, subject: _Subject) -> StoredStage:
        key = key_of(subject.identity)
        folder = self._store.folder("statistics", subject.label, key)
        with self._store.lock(folder):
            self._store.remove(folder)
            started = time.perf_counter()
            pairs = read_pairs(self._cell(subject.base))
            predictor = self._predictor(subject)
            measured = cell_statistics(predictor, pairs)
            cell = subject.cell.info
            info: dict[str, Any] = {
                "robench": robench.__version__,
                "kind": "statistics",
                "label": subject.label,
                "key": key,
            }
            info |= {name: subject.base.info[name] for name in _SHARED}
            info |= {name: cell[name] for name in ("defense", "adversarial", "clean")}
            info |= {"attacked": attacked(self._cell(subject.cell))}
            info |= {"model": subject.model, "pairs": subject.base.info["key"], "statistics": asdict(measured)}
            if subject.name == BEFORE:
                info["defense"] = {"name": BEFORE, "class": "", "fields": {}, "changed": {}, "code": ""}
                info["clean"] = _clean(predictor, pairs)
                info["attacked"] = self._attacked(subject, predictor, pairs)
            info |= {"timing": {"seconds": round(time.perf_counter() - started, 1)}, "identity": subject.identity}
            return self._store.finish(folder, info)

    def _cell(self, result: Result) -> StoredStage:
        found = self._store.read(self._store.folder("cells", str(result.info["label"]), str(result.info["key"])))
        assert found is not None, "it was read a moment ago"
        return found

    def _predictor(self, subject: _Subject) -> Predictor:
        if subject.name == BEFORE:
            return untrained(subject.base.info, device=self._device, offline=self._offline)
        return stored_predictor(self._store, self._cell(subject.cell), self._device)

    def _attacked(self, subject: _Subject, predictor: Predictor, pairs: Pairs) -> dict[str, Any] | None:
        """Summary of the same attack on the untrained model; None where the attack is not the same any more."""
        from robench.attacking.engine import attack_examples
        from robench.plugins import registry
        from robench.plugins import settings as options
        from robench.study.stages.stage import NamedAttack

        info = subject.base.info
        name = info["attack"]["name"]
        entry = registry.entry("attacks", name)
        attack, changed = options.configured(name, entry.load(), info["attack"]["changed"])
        if NamedAttack(name, entry.identity, changed, attack=attack).identity != info["identity"]["attack"]:
            self._reporter.say(f"{name} is not what it was in {subject.base.info['label']}: {BEFORE} is not attacked")
            return None
        folder = self._store.folder("statistics", subject.label, key_of(subject.identity))
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        rows = list(zip(pairs.ids, pairs.clean, pairs.labels, strict=True))
        found = attack_examples(attack, predictor, rows, seed=info["seed"], attack_name=name, offline=self._offline)
        with (
            self._reporter.work("attacking", "text", total=len(rows)) as count,
            (folder / RECORDS_FILE).open("ab") as file,
        ):
            for record in found:
                records.append(file, record)
                count.advance(1, record.status)
        return summarise(records.read(folder / RECORDS_FILE))


def untrained(info: Mapping[str, Any], *, device: torch.device, offline: bool = False) -> Predictor:
    """The model that a result's training started from: its pre-trained encoder and the head drawn with its seed.

    Raises:
        RobenchError: the encoder cannot be had, or is another one by now.
    """
    import torch

    from robench.models.classifier import Classifier
    from robench.models.encoders import find_encoder
    from robench.models.predictor import Predictor

    encoder = find_encoder(info["encoder"]["name"], offline=offline)
    if encoder.digest != info["encoder"]["digest"]:
        raise RobenchError(
            f"encoder {encoder.name} is not the one that {info['label']} was made with (sha256 {encoder.digest[:16]},"
            f" not {info['encoder']['digest'][:16]}); leave {BEFORE} out, or put that encoder back."
        )
    with torch.random.fork_rng([]):
        classifier = Classifier(encoder.model(), len(info["labels"]))
    classifier.initialise_head(info["seed"])
    max_length = info["training"]["max_length"]
    return Predictor(classifier, encoder.tokenizer(), max_length=max_length, precision=info["precision"], device=device)


def _clean(predictor: Predictor, pairs: Pairs) -> dict[str, int]:
    """How many of the clean texts are right; the untrained model has no results on the whole test split."""
    predicted = predictor.logits(pairs.clean).argmax(-1).tolist()
    return {"correct": sum(a == b for a, b in zip(predicted, pairs.labels, strict=True)), "n": len(pairs)}
