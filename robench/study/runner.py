"""Run the stages of a plan: what is finished is not done again, what was interrupted goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from robench.attacking.engine import LogitsCache, Workers, attack_examples
from robench.errors import RobenchError
from robench.models.predictor import Predictor, accuracy
from robench.paths import writing
from robench.progress import Reporter
from robench.results import quality, records
from robench.results.records import Record
from robench.results.store import RECORDS_FILE, Store, StoredStage
from robench.results.summary import summarise
from robench.study.plan import in_order
from robench.study.presets import Existing
from robench.study.stages import trained_model
from robench.study.stages import victim_making as victim_measuring
from robench.study.stages.adversarial import training_rows
from robench.study.stages.describe import describe
from robench.study.stages.stage import AdversarialStage, AttackingStage, CellStage, ModelStage, Stage
from robench.study.stages.victim import VictimStage
from robench.training.defense import FusedDefense
from robench.training.loop import train
from robench.victims import VictimModel

if TYPE_CHECKING:
    pass


class Runner:
    """Runs stages one after another.

    Args:
        context: what stages are made with.
        existing: what to do with results that are there.
    """

    def __init__(
        self,
        store: Store,
        reporter: Reporter,
        *,
        device: torch.device,
        existing: Existing = "only-missing",
        offline: bool = False,
        workers: Workers | None = None,
    ) -> None:
        self._store, self._reporter = store, reporter
        self._device, self._existing, self._offline = device, existing, offline
        self._workers = workers
        self._held: OrderedDict[str, tuple[Predictor | VictimModel, LogitsCache]] = OrderedDict()

    def run(self, stages: Sequence[Stage]) -> list[StoredStage[Any]]:
        """Make stages and all that they need; return those that are there in the end, in the same order.

        Raises:
            RobenchError: something cannot be fetched, stored or computed.
        """
        context = self._context
        if self._existing != "only-cache":
            context.store.check_writable()
            missing = in_order(stages, done=self.is_done)
            for needed in {needed.key: needed for stage in stages for needed in stage.needs}.values():
                if self.is_done(needed):
                    needed.check_unchanged(context)
            for stage in missing:  # what cannot be had is told before hours of training
                stage.prepare(offline=context.offline)
            for number, stage in enumerate(missing, start=1):
                context.reporter.announce_stage(number, len(missing), f"{stage.title} ({stage.key})")
                self._make(stage)
        stored = (context.store.read(stage.folder(context.store)) for stage in stages)
        return [stage for stage in stored if stage is not None]

    def is_done(self, stage: Stage) -> bool:
        """Tell whether a stage's result is there and is to be used."""
        store = self._context.store
        return self._existing != "always" and store.read(stage.folder(store)) is not None

    def _make(self, stage: Stage) -> None:
        store, reporter = self._context.store, self._context.reporter
        folder = stage.folder(store)
        with store.lock(folder, lambda: reporter.say("    another process is at it: waiting")):
            if self._existing == "always":
                store.remove(folder)
            elif store.read(folder):  # another process made it meanwhile
                return
            if isinstance(stage, VictimStage):
                self._keep(stage, victim_measuring.make(stage, folder, self._reporter, self._device))
            elif isinstance(stage, ModelStage):
                (self._fuse if stage.parts else self._train)(stage, folder)
            elif isinstance(stage, AttackingStage):
                self._attack(stage, folder)

    def _train(self, stage: ModelStage, folder: Path) -> None:
        setting, defense = stage.setting, stage.defense.defense
        tokenizer = setting.encoder.tokenizer()
        adversarial = self._adversarial(stage.adversarial) if stage.adversarial else []
        rows, counts = training_rows(defense, stage.training_rows(), adversarial, stage.seed)
        with self._reporter.work("training", "step") as work:
            result = train(
                defense,
                rows,
                stage.data.dev,
                encoder=setting.encoder.model,
                tokenizer=tokenizer,
                classes=len(stage.data.labels),
                settings=setting.training,
                precision=setting.precision,
                device=self._device,
                seed=stage.seed,
                on_step=work.at,
            )
        timing = {"seconds": round(result.seconds, 1), "steps": result.steps, "best_step": result.best_step}
        self._save(stage, folder, result.predictor, result.log, {"training": len(rows), **counts}, timing)

    def _adversarial(self, stage: AdversarialStage) -> list[Record]:
        """D_adv, which has a record of every training row."""
        path = self._folder(stage) / RECORDS_FILE
        found = records.read(path)
        lost = {i for i, _ in stage.examples()} - {record.id for record in found}
        if lost:
            raise RobenchError(
                f"{path} has lost {len(lost)} rows, such as {min(lost)}; delete its folder and run again."
            )
        return found

    def _fuse(self, stage: ModelStage, folder: Path) -> None:
        """Make a network of others, which are there by now."""
        started = time.perf_counter()
        defense = stage.defense.defense
        assert isinstance(defense, FusedDefense), "only these have parts"
        predictors = [self._predictor(part) for part in stage.parts]
        states = [p.classifier.state_dict() for p in predictors if isinstance(p, Predictor)]
        predictor = self._load(stage.parts[0])
        predictor.classifier.load_state_dict(defense.fuse(states))
        timing = {"seconds": round(time.perf_counter() - started, 1), "steps": 0, "best_step": 0}
        self._save(stage, folder, predictor, [], {"training": 0}, timing)

    def _save(
        self,
        stage: ModelStage,
        folder: Path,
        predictor: Predictor,
        log: list[dict[str, Any]],
        rows: dict[str, int],
        timing: dict[str, Any],
    ) -> None:
        """Measure a model on clean text and store it."""
        dev, test = stage.data.dev, stage.data.test
        dev_accuracy = accuracy(predictor.logits([example.text for example in dev]), [e.label for e in dev])
        with self._reporter.work("clean accuracy", "text", total=len(test)) as work:
            clean = trained_model.predict_clean(predictor, test, work.advance)
        info = describe(stage) | {
            "rows": rows,
            "dev": {"accuracy": dev_accuracy, "n": len(dev)},
            "clean": trained_model.clean_summary(clean),
            "timing": timing,
        }
        trained_model.save(folder, predictor.classifier, stage.setting.encoder.tokenizer(), clean, log, info)
        self._keep(stage, predictor)

    def _attack(self, stage: AttackingStage, folder: Path) -> None:
        victim = self._predictor(stage.model)
        known = self._held[stage.model.key][1]
        path, examples = folder / RECORDS_FILE, stage.examples()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        records.repair(path)
        done = {record.id for record in records.read(path)} if path.exists() else set()
        found = attack_examples(
            stage.attack.attack,
            victim.batch_model if isinstance(victim, VictimModel) else victim,
            [(i, example.text, example.label) for i, example in examples if i not in done],
            seed=stage.seed,
            attack_name=stage.attack.name,
            live=LIVE.get(self._device.type, LIVE["cuda"]),
            offline=self._offline,
            cache=known,
            workers=self._workers,
        )
        started = time.perf_counter()
        work = self._reporter.work("attacking", "text", total=len(examples), done=len(done))
        with contextlib.closing(found), work as count, _appending(path) as file:
            for record in found:
                records.append(file, record)
                count.advance(1, record.status)
        timing = {"seconds": round(time.perf_counter() - started, 1), "examples": len(examples) - len(done)}
        self._store.finish(folder, self._result(stage, path) | {"timing": timing})

    def _result(self, stage: AttackingStage, path: Path) -> dict[str, Any]:
        info = describe(stage)
        if isinstance(stage, CellStage):
            model = self._store.read(self._folder(stage.model))
            if model is None:
                raise RobenchError(f"the model {stage.model.key} was removed while it was attacked; run again.")
            told = ("clean", "dev", "rows", "victim", "warnings")
            info |= {name: model.info[name] for name in told if name in model.info}
            info["similarity"] = self._similarity(records.read(path))
        return info | {"attacked": summarise(records.read(path)), "records_bytes": path.stat().st_size}

    def _similarity(self, found: list[Record]) -> dict[str, Any] | None:
        """How alike originals and adversarial texts are, unless the encoder that says so cannot be had."""
        try:
            return quality.similarity(found, offline=self._offline)
        except RobenchError as error:
            self._reporter.say(f"    note: sentence similarity is not measured: {error}")
            return None

    def _predictor(self, stage: ModelStage) -> Predictor | VictimModel:
        if stage.key not in self._held:
            self._keep(stage, self._load_victim(stage) if isinstance(stage, VictimStage) else self._load(stage))
        self._held.move_to_end(stage.key)
        return self._held[stage.key][0]

    def _load(self, stage: ModelStage) -> Predictor:
        return trained_model.load(
            self._folder(stage),
            len(stage.data.labels),
            max_length=stage.setting.training.max_length,
            precision=stage.setting.precision,
            device=self._device,
        )

    def _load_victim(self, stage: VictimStage) -> VictimModel:
        stored = self._store.read(self._folder(stage))
        if stored is None:
            raise RobenchError(f"the folder {self._folder(stage)} was removed while it was needed; run again.")
        return victim_measuring.load(stage, stored, self._device)

    def _keep(self, stage: ModelStage, model: Predictor | VictimModel) -> None:
        """Hold a model in memory, and what it says: attacks ask for some texts that another attack has asked for."""
        self._held[stage.key] = model, LogitsCache()
        while len(self._held) > KEPT_MODELS:
            self._held.popitem(last=False)

    def _folder(self, stage: Stage) -> Path:
        return self._store.folder(stage.kind, stage.label, stage.key)


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[IO[bytes]]:
    with writing(path):
        file = path.open("ab")
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # append() hands every line over, and has told what could not be written
            file.close()
