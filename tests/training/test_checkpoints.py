"""A training that is interrupted and continued ends in the bits of one that never was."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from robench.defenses.base import Base
from robench.defenses.taichi import TaiChi
from robench.errors import RobenchError
from robench.models.batches import Batch, TrainingRow
from robench.models.classifier import Classifier
from robench.plugins import registry
from robench.training import checkpoints as module
from robench.training.checkpoints import Checkpoints
from robench.training.defense import Defense, FusedDefense, Terms, TrainsOn
from robench.training.defense_state import AttributeWatch
from robench.training.evaluations import Evaluations
from robench.training.loop import TrainingResult
from robench.training.objectives import cross_entropy
from robench.training.run import TrainingRun
from robench.training.settings import TrainingSettings
from support import tiny

SETTINGS = TrainingSettings(epochs=2, batch_size=8, learning_rate=1e-3, weight_decay=0.01, max_length=24, eval_every=3)
STEPS = 10
OWNER = {"key": "0123456789abcdef", "versions": {"torch": "2"}}
NAMES = sorted(
    entry.name
    for entry in registry.entries("defenses")
    if entry.origin == "robench" and not isinstance(entry.load(), FusedDefense)
)
QUICK = {
    *((name, "fp32") for name in ("base", "fgsm", "smart", "infobert", "tavat", "ada", "taichi")),
    ("base", "bf16"),
}
"""Those that are tried each time: one of each way to train, and those that keep a state."""


class InterruptedHereError(Exception):
    """Stands for the end of a process."""


@pytest.fixture(autouse=True)
def at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORTEST_INTERVAL", 0.0)
    monkeypatch.setattr(module, "INTERVAL_PER_WRITE", 0.0)


class Kept:
    """Checkpoints in a folder, and what is told about them."""

    def __init__(self, folder: Path, owner: Mapping[str, Any] = OWNER) -> None:
        self.file, self.owner, self.told = folder / "checkpoint.safetensors", owner, list[str]()

    def open(self) -> Checkpoints:
        return Checkpoints(self.file, self.owner, set_aside=self._set_aside, warn=self.told.append)

    def _set_aside(self, file: Path, reason: str) -> None:
        self.told.append(reason)
        file.unlink()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def rows(defense: Defense) -> list[TrainingRow]:
    pairs, is_soft = defense.trains_on is TrainsOn.PAIRS, defense.trains_on is TrainsOn.ADVERSARIAL
    return [
        TrainingRow(row.text, row.label, row.adversarial, (0.25, 0.75) if is_soft else None)
        for row in tiny.rows(36, pairs=pairs)
    ]


def train(defense: Defense, **changes: Any) -> TrainingResult:
    return tiny.trained(defense, rows(defense), SETTINGS, **changes)


def interrupt(defense: Defense, kept: Kept, step: int, **changes: Any) -> None:
    """Train until a step is done; the last checkpoint is of the step before."""

    def stop(done: int, steps: int) -> None:
        if done == step:
            raise InterruptedHereError

    with pytest.raises(InterruptedHereError):
        train(defense, checkpoints=kept.open(), on_step=stop, **changes)


def result_of(result: TrainingResult) -> tuple[bytes, list[dict[str, Any]], int, int, int, int]:
    """Everything of a result but the time."""
    log = [{name: value for name, value in entry.items() if name != "seconds"} for entry in result.log]
    weights = {name: value.contiguous() for name, value in result.predictor.classifier.state_dict().items()}
    counts = result.steps, result.best_step, result.forwards, result.backwards
    return safetensors.torch.save(weights), log, *counts


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        pytest.param(name, precision, marks=() if (name, precision) in QUICK else pytest.mark.slow)
        for name in NAMES
        for precision in ("fp32", "bf16")
    ],
)
def test_every_defense_continued_ends_in_the_bits_of_an_undisturbed_training(
    name: str, precision: str, kept: Kept
) -> None:
    """Interrupted twice: in the first epoch between two evaluations, and in the second one."""
    defense = registry.entry("defenses", name).load()
    assert isinstance(defense, Defense)
    undisturbed = train(defense, precision=precision)
    starts: list[tuple[int, int]] = []
    more: dict[str, Any] = {"precision": precision, "on_start": lambda *at: starts.append(at)}
    interrupt(defense, kept, 3, **more)
    torch.rand(5)  # another process has other random numbers behind it
    interrupt(defense, kept, 8, **more)
    continued = train(defense, checkpoints=kept.open(), **more)
    steps = undisturbed.steps  # more than STEPS for a defense that attacks between epochs
    assert starts == [(0, steps), (2, steps), (7, steps)] and kept.told == []
    assert result_of(continued) == result_of(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("step", range(2, STEPS + 1))
def test_wherever_it_is_interrupted_it_ends_in_the_same_bits(step: int, kept: Kept) -> None:
    interrupt(TaiChi(), kept, step)
    assert result_of(train(TaiChi(), checkpoints=kept.open())) == result_of(train(TaiChi()))


@pytest.fixture
def terminate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that lets SIGTERM come at a call of a method; as in a command, it raises an interrupt."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def terminate_at(kind: type, method: str, call: int) -> None:
        do, calls = getattr(kind, method), itertools.count(1)

        def terminated(*arguments: Any, **more: Any) -> Any:
            if next(calls) == call:
                signal.raise_signal(signal.SIGTERM)
            return do(*arguments, **more)

        monkeypatch.setattr(kind, method, terminated)

    before = signal.signal(signal.SIGTERM, interrupt)
    yield terminate_at
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("kind", "method", "call", "step"),
    [
        (TrainingRun, "_passes", 5, 5),
        (Evaluations, "_evaluate", 1, 3),
        (TrainingRun, "_passes", STEPS, STEPS),
        (Evaluations, "_evaluate", 4, STEPS),
    ],
    ids=["in a step", "in an evaluation", "in the last step", "in the last evaluation"],
)
def test_a_training_ended_by_a_signal_keeps_the_step_in_progress(
    kind: type, method: str, call: int, step: int, kept: Kept, terminate: Callable[..., None], monkeypatch: Any
) -> None:
    """No other checkpoint is due; the evaluation that was left is made by the next process."""
    monkeypatch.setattr(module, "SHORTEST_INTERVAL", 3600.0)
    undisturbed = train(TaiChi())
    terminate(kind, method, call)
    with pytest.raises(KeyboardInterrupt), kept.open() as checkpoints:
        train(TaiChi(), checkpoints=checkpoints)
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL, "the handler is put back"
    starts: list[tuple[int, int]] = []
    continued = train(TaiChi(), checkpoints=kept.open(), on_start=lambda *at: starts.append(at))
    assert starts == [(step, STEPS)] and result_of(continued) == result_of(undisturbed)


def test_signal_before_the_first_step_leaves_nothing_to_continue(kept: Kept, terminate: Callable[..., None]) -> None:
    terminate(TrainingRun, "__init__", 1)
    with pytest.raises(KeyboardInterrupt), kept.open() as checkpoints:
        train(Base(), checkpoints=checkpoints)
    assert not kept.file.exists() and kept.told == []


@pytest.mark.usefixtures("terminate")
def test_a_signal_while_the_finished_model_is_stored_writes_no_checkpoint(kept: Kept) -> None:
    with pytest.raises(KeyboardInterrupt), kept.open() as checkpoints:
        train(Base(), checkpoints=checkpoints)
        kept.file.unlink()  # as when the model takes the place of the folder
        signal.raise_signal(signal.SIGTERM)
    assert not kept.file.exists() and kept.told == []


def test_a_training_whose_signal_is_handled_goes_on(kept: Kept, terminate: Callable[..., None]) -> None:
    """The handler of another program may only note that it came."""
    noted: list[int] = []
    terminate(Evaluations, "_evaluate", 2)
    signal.signal(signal.SIGTERM, lambda number, frame: noted.append(number))
    with kept.open() as checkpoints:
        result = train(Base(), checkpoints=checkpoints)
    assert noted == [signal.SIGTERM] and result_of(result) == result_of(train(Base()))


def test_the_time_is_that_of_all_processes(kept: Kept) -> None:
    interrupt(Base(), kept, 5)
    with safetensors.safe_open(kept.file, "pt") as file:
        before = json.loads(file.metadata()["content"])["progress"]["seconds"]
    result = train(Base(), checkpoints=kept.open())
    assert result.seconds > before > 0
    seconds = [entry["seconds"] for entry in result.log]
    assert seconds == sorted(seconds)


@dataclass(frozen=True, kw_only=True)
class Drawing(Base):
    """Draws from the generators of NumPy and Python at every step."""

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        factor = random.gauss(1, 0.1) + np.random.normal()
        return {"ce": factor * cross_entropy(networks[0](batch.texts).logits, batch.labels)}


@pytest.mark.parametrize("step", [4, 5], ids=["a normal number is left over", "or none"])
def test_the_generators_of_numpy_and_python_go_on_and_those_of_others_are_put_back(step: int, kept: Kept) -> None:
    undisturbed = train(Drawing())
    interrupt(Drawing(), kept, step)
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    continued = train(Drawing(), checkpoints=kept.open())
    assert result_of(continued) == result_of(undisturbed)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]


@dataclass(frozen=True, kw_only=True)
class Averaging(Base):
    """Weighs each batch by a slow average of its losses, which it keeps in an attribute, and counts its steps."""

    own: dict[str, Any] = field(default_factory=dict)

    def before_training(self, networks: Sequence[Classifier]) -> None:
        self.own.update(average=torch.ones(()), count=0)

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        loss = cross_entropy(networks[0](batch.texts).logits, batch.labels)
        self.own["average"] = 0.5 * self.own["average"] + 0.5 * loss.detach()
        self.own["count"] += 1
        return {"weighed": loss * self.own["average"] * self.own["count"]}


@dataclass(frozen=True, kw_only=True)
class Declared(Averaging):
    def training_state(self) -> Mapping[str, Any] | None:
        return self.own

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        self.own.update(state)


@dataclass(frozen=True, kw_only=True)
class Unstorable(Averaging):
    def training_state(self) -> Mapping[str, Any] | None:
        return None


def test_a_defense_with_a_state_of_its_own_that_it_declares_is_continued(kept: Kept) -> None:
    undisturbed = train(Declared())
    interrupt(Declared(), kept, 5)
    defense = Declared()
    assert result_of(train(defense, checkpoints=kept.open())) == result_of(undisturbed)
    assert defense.own["count"] == STEPS and kept.told == []


@pytest.mark.parametrize(
    ("defense", "told"),
    [
        (Unstorable, None),
        (Averaging, "the defense Averaging changes its attribute own while it trains, or keeps there what cannot be"),
    ],
)
def test_a_defense_that_cannot_be_continued_begins_anew(defense: type[Defense], told: str | None, kept: Kept) -> None:
    undisturbed = train(defense())
    interrupt(defense(), kept, 5)
    assert not kept.file.exists()
    assert all(told and told in note for note in kept.told) and bool(kept.told) == bool(told)
    starts: list[tuple[int, int]] = []
    again = train(defense(), checkpoints=kept.open(), on_start=lambda *at: starts.append(at))
    assert result_of(again) == result_of(undisturbed) and starts == [(0, STEPS)]


def drawing() -> Callable[[], float]:
    source = random.Random(5)
    return lambda: source.random()


class Closed:
    """Refuses to be pickled."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ValueError("no")


@dataclass(frozen=True, kw_only=True)
class Keeping(Base):
    """Keeps things of all kinds beside its networks, and changes nothing by itself."""

    kept: list[Any] = field(default_factory=list)

    def before_training(self, networks: Sequence[Classifier]) -> None:
        critic = nn.Linear(4, 1)
        own = {"critic": critic, "optimiser": torch.optim.SGD(critic.parameters(), lr=1.0, momentum=0.9)}
        own |= {
            "table": torch.zeros(3000),
            "random": random.Random(1),
            "read": drawing(),
            "words": copy.deepcopy(tiny.tokenizer()),
        }
        own["draw"] = random.Random(2).random
        self.kept[:] = [own, networks[0], networks[0].head.bias, torch.ones(3000).to_sparse()]
        self.memo["steps"] = 0

    @functools.cached_property
    def memo(self) -> dict[str, int]:
        return {}

    @functools.cached_property
    def late(self) -> dict[str, int]:
        return {}


def move_momentum(defense: Keeping) -> None:
    own = defense.kept[0]
    own["critic"](torch.ones(4)).backward()
    weights = {name: value.clone() for name, value in own["critic"].state_dict().items()}
    own["optimiser"].step()
    own["critic"].load_state_dict(weights)


CHANGES: dict[str, tuple[Callable[[Keeping], Any], str]] = {
    "nothing": (lambda one: None, ""),
    "networks": (lambda one: one.kept[2].data.add_(1), ""),
    "late cache": (lambda one: one.late.update(a=1), ""),
    "weight of a module": (lambda one: one.kept[0]["critic"].weight.data.add_(1), "kept"),
    "state of an optimiser": (move_momentum, "kept"),
    "element of a long tensor": (lambda one: one.kept[0]["table"][1500:1501].add_(1), "kept"),
    "random generator": (lambda one: one.kept[0]["random"].random(), "kept"),
    "closure": (lambda one: one.kept[0]["read"](), "kept"),
    "method of a generator": (lambda one: one.kept[0]["draw"](), "kept"),
    "element of a sparse tensor": (lambda one: one.kept[3].values()[1500:1501].add_(1), "kept"),
    "call of a tokenizer": (lambda one: one.kept[0]["words"](["a"], padding="max_length", max_length=9), ""),
    "words of a tokenizer": (lambda one: one.kept[0]["words"].add_tokens(["unheard"]), "kept"),
    "early cache": (lambda one: one.memo.update(steps=1), "memo"),
    "new attribute": (lambda one: object.__setattr__(one, "other", 1), "other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_an_attribute_is_found_however_deep(change: str) -> None:
    network, defense = tiny.classifier(), Keeping()
    defense.before_training([network])
    watch = AttributeWatch(defense, [network])
    make, name = CHANGES[change]
    make(defense)
    assert watch.find_undeclared() == watch.find_undeclared() == name


@pytest.mark.parametrize(
    "thing",
    [
        (number for number in range(9)),
        iter(torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(2)))),
        itertools.count(1),
        functools.partial(next, iter([1, 2])),
        (lambda numbers: lambda: next(numbers))(iter([1, 2])),
        threading.Lock(),
        Closed(),
    ],
    ids=["generator", "loader", "count", "partial", "closure", "lock", "closed"],
)
def test_attribute_that_hides_what_it_holds_counts_as_changed(thing: Any) -> None:
    defense = Keeping(kept=[{"it": thing}])
    assert AttributeWatch(defense, [tiny.classifier()]).find_undeclared() == "kept"


@dataclass(frozen=True, kw_only=True)
class Sharing(Base):
    """Keeps a part of a network's weights, and perhaps more."""

    own: dict[str, Any] = field(default_factory=dict)

    def before_training(self, networks: Sequence[Classifier]) -> None:
        self.own["bias"] = networks[0].head.bias.detach()[1:]

    def training_state(self) -> Mapping[str, Any] | None:
        return self.own


def test_a_tensor_of_a_defense_may_be_part_of_another(kept: Kept) -> None:
    interrupt(Sharing(), kept, 5)
    assert result_of(train(Sharing(), checkpoints=kept.open())) == result_of(train(Sharing())) and kept.told == []


def test_a_kind_of_tensor_that_cannot_be_stored_is_a_note(kept: Kept) -> None:
    train(Sharing(own={"matrix": torch.eye(3).to_sparse()}), checkpoints=kept.open())
    assert "no checkpoint of the training was written" in kept.told[0]


@dataclass(frozen=True, kw_only=True)
class Odd(Base):
    """Its state is none."""

    given: str

    def training_state(self) -> Any:
        return STATES[self.given]


STATES: dict[str, Any] = {"list": [1], "number": {1: 2}, "object": {"it": object()}, "tuple": {"it": (1, 2)}}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("list", r"its training_state returned \[1\], not a dictionary with names as keys"),
        ("number", "not a dictionary with names as keys"),
        ("object", "at it, neither a tensor nor a value that JSON gives back as it was"),
        ("tuple", r"has \(1, 2\) at it, neither a tensor nor"),
    ],
)
def test_a_state_that_cannot_be_stored_is_an_error(given: str, sentence: str, kept: Kept) -> None:
    with pytest.raises(RobenchError, match=f"the defense Odd failed to return its state: .*{sentence}"):
        train(Odd(given=given), checkpoints=kept.open())


@dataclass(frozen=True, kw_only=True)
class Failing(Declared):
    def load_training_state(self, state: Mapping[str, Any]) -> None:
        raise KeyError("average")


def test_a_defense_that_fails_on_its_own_state_is_an_error_once(kept: Kept) -> None:
    interrupt(Failing(), kept, 5)
    with pytest.raises(RobenchError, match=r"Failing failed to continue from its state: .* trains from the beginning"):
        train(Failing(), checkpoints=kept.open())
    assert kept.told == ["the defense cannot continue from it"]
    assert train(Failing(), checkpoints=kept.open()).steps == STEPS


def changed_tensors(file: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change tensors and write the file as a whole one, with the checksum that it then needs."""
    from robench.training import snapshot

    found = snapshot.read_snapshot(file, OWNER)
    change(found.tensors)
    snapshot.write_snapshot(file, found, OWNER)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1000] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def as_other_model(file: Path) -> None:
    safetensors.torch.save_file({"weight": torch.zeros(3)}, file)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit": (flip, "its checksum does not fit"),
    "half of it": (cut, "it is not readable"),
    "all of it": (empty, "it is not readable"),
    "a model": (as_other_model, "it is not readable"),
    "no head": (
        lambda file: changed_tensors(file, lambda t: t.pop("network.0.head.bias")),
        "lacks the tensor net",
    ),
    "one too many": (lambda file: changed_tensors(file, lambda t: t.update(new=torch.zeros(1))), "has the tensor new"),
    "half a moment": (
        lambda file: changed_tensors(file, lambda t: t.pop("optimiser.3.step")),
        "lacks the tensor opt",
    ),
    "a shape": (
        lambda file: changed_tensors(file, lambda t: t.update({"network.0.head.bias": torch.zeros(3)})),
        r"network.0.head.bias is \(3,\), not \(2,\)",
    ),
    "no best": (
        lambda file: changed_tensors(file, lambda t: [t.pop(name) for name in list(t) if name.startswith("best.")]),
        "lacks the best weights",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_checkpoint_that_is_broken_is_set_aside_and_training_begins_anew(damage: str, kept: Kept) -> None:
    interrupt(Base(), kept, 5)
    work, reason = DAMAGES[damage]
    work(kept.file)
    starts: list[tuple[int, int]] = []
    again = train(Base(), checkpoints=kept.open(), on_start=lambda *at: starts.append(at))
    assert starts == [(0, STEPS)] and len(kept.told) == 1
    assert re.search(reason, kept.told[0])
    assert result_of(again) == result_of(train(Base()))


@pytest.mark.parametrize("odd", [{"key": "f" * 16}, {"versions": {"torch": "3"}}], ids=["key", "version"])
def test_a_checkpoint_of_another_training_is_not_used(odd: dict[str, Any], kept: Kept) -> None:
    interrupt(Base(), kept, 5)
    other = Kept(kept.file.parent, OWNER | odd)
    assert result_of(train(Base(), checkpoints=other.open())) == result_of(train(Base()))
    assert other.told == [f"it is of another training: {next(iter(odd))} differ"]


def test_a_checkpoint_of_a_training_of_other_steps_is_not_used(kept: Kept) -> None:
    interrupt(Base(), kept, 9)
    short = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24, eval_every=3)
    tiny.trained(Base(), rows(Base()), short, checkpoints=kept.open())
    assert kept.told == ["it is of step 8, and the training has 5"]


def test_a_checkpoint_that_cannot_be_written_is_a_note_and_training_goes_on(kept: Kept) -> None:
    kept.file.mkdir(parents=True)  # a folder in its place, which no file replaces
    (kept.file / "full").touch()
    checkpoints = Checkpoints(kept.file, OWNER, set_aside=lambda file, reason: None, warn=kept.told.append)
    assert result_of(train(Base(), checkpoints=checkpoints)) == result_of(train(Base()))
    assert "note: no checkpoint of the training was written: cannot write" in kept.told[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time that checkpoints read; the test sets it."""
    now = [1000.0]
    monkeypatch.undo()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now


@pytest.mark.parametrize(("duration", "interval"), [(0.2, 60.0), (3.0, 150.0)])
def test_a_checkpoint_is_due_after_a_minute_or_fifty_times_its_last_duration(
    duration: float, interval: float, clock: list[float], kept: Kept
) -> None:
    def take() -> None:
        clock[0] += duration

    checkpoints = kept.open()
    clock[0] += 59.9
    assert not checkpoints.is_due
    clock[0] += 0.1
    assert checkpoints.is_due
    checkpoints.begin(take)
    checkpoints.write()
    clock[0] += interval - 0.1
    assert not checkpoints.is_due
    clock[0] += 0.11
    assert checkpoints.is_due


def test_a_checkpoint_has_no_pickle_and_the_library_reads_it(kept: Kept) -> None:
    interrupt(TaiChi(), kept, 5)
    with safetensors.safe_open(kept.file, "pt") as file:
        content = json.loads(file.metadata()["content"])
        names = set(file.keys())
    assert content["owner"] == OWNER and content["progress"]["step"] == 4
    assert {name.split(".")[0] for name in names} == {"network", "optimiser", "best", "sum", "random"}
    assert {"network.0.head.weight", "network.1.head.weight", "random.cpu", "sum.0"} <= names
