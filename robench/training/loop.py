"""The loop that trains every defense, and continues an interrupted training."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from robench.data.load import Example
from robench.errors import RobenchError, UnitError, run_foreign_code
from robench.models.batches import TrainingRow, TrainingSet
from robench.models.classifier import Classifier
from robench.models.devices import Precision
from robench.models.predictor import Predictor
from robench.models.vocabulary import list_tokens
from robench.plugins.lookup import find_name
from robench.training.allocation import keep_freed_memory
from robench.training.checkpoints import Checkpoints
from robench.training.defense import Defense
from robench.training.epochs import Attacker, Epochs
from robench.training.random_states import preserve_states, use_seed
from robench.training.reading import find_reader, read_rows
from robench.training.reattack import Reattack
from robench.training.run import TrainingResult, TrainingRun
from robench.training.settings import TrainingSettings
from robench.training.snapshot import Snapshot

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["TrainingResult", "train"]


def train(
    defense: Defense,
    rows: Sequence[TrainingRow],
    dev: Sequence[Example],
    *,
    encoder: Callable[[], PreTrainedModel],
    tokenizer: PreTrainedTokenizerBase,
    classes: int,
    settings: TrainingSettings,
    precision: Precision,
    device: torch.device,
    seed: int,
    on_start: Callable[[int, int], None] = lambda step, steps: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
    checkpoints: Checkpoints | None = None,
    clean: int | None = None,
    attacker: Attacker | None = None,
) -> TrainingResult:
    """Train a defense and keep the weights of its best development accuracy.

    One AdamW optimiser updates all networks; the learning rate decays linearly to zero without warm-up (paper, section
    4.1, and its code). The states of torch's, NumPy's and Python's generators are restored afterwards.

    A training that continues from a checkpoint ends in the same bits as one that was never interrupted.

    Args:
        defense: computes the loss of a batch.
        rows: the training rows of the first epoch.
        dev: the development set, evaluated every ``settings.eval_every`` steps and after the last step.
        encoder: returns a new pre-trained encoder at each call.
        tokenizer: the encoder's tokenizer.
        classes: number of labels, K.
        settings: epochs, batch size, learning rate and lengths.
        precision: precision of matrix products.
        device: the device to train on.
        seed: determines the heads, the order of the rows, the dropout, and what the defense draws from torch, NumPy or
            Python.
        on_start: called before the first step with the number of steps that were done before, and the total.
        on_step: called after each step with its number and the total number of steps.
        checkpoints: where the training is kept, and continued from; None keeps nothing.
        clean: number of clean rows, which stand first; None if all are.
        attacker: makes adversarial rows with the network as it is, for defenses that want some before an epoch.

    Returns:
        The deployed network with its best weights, and the log.

    Raises:
        RobenchError: the defense's code fails, its losses train nothing, or a term of the loss or an output of the
            deployed network on the development set is not finite.
    """
    with run_foreign_code(f"the defense {find_name(defense)} failed to say what it is", type(defense)):
        try:
            defense.check_declarations()  # the registry does, too, but not every defense comes from it
        except (TypeError, ValueError) as error:
            raise UnitError(f"the defense {find_name(defense)} cannot be used: {error}.") from error
    with use_seed(seed, device):
        vocabulary = list_tokens(tokenizer)
        networks = [Classifier(encoder(), classes, vocabulary).to(device) for _ in range(defense.network_count)]
        _prepare_networks(defense, networks, seed)
        epochs = Epochs(
            defense,
            rows,
            len(rows) if clean is None else clean,
            count=settings.epochs,
            batch_size=settings.batch_size,
            make_set=functools.partial(
                TrainingSet,
                tokenizer=tokenizer,
                batch_size=settings.batch_size,
                max_length=settings.max_length,
                seed=seed,
                device=device,
                rewrite=functools.partial(read_rows, defense, tokenizer, seed) if defense.reads_in_training else None,
            ),
        )
        predictor = Predictor(
            networks[defense.deployed],
            tokenizer,
            max_length=settings.max_length,
            precision=precision,
            device=device,
            reader=find_reader(defense, seed),
        )
        run = TrainingRun(defense, networks, predictor, dev, settings, precision, device, steps=epochs.steps)
        if checkpoints:
            checkpoints.begin(functools.partial(_take_snapshot, run, epochs, defense, checkpoints.warn))
        attack = functools.partial(_attack, attacker, run, defense, checkpoints)
        _take_steps(run, epochs, attack, checkpoints, on_start, on_step)
        return run.finish()


def _prepare_networks(defense: Defense, networks: list[Classifier], seed: int) -> None:
    """Give each network a head of its own, and let the defense prepare them.

    Raises:
        RobenchError: the defense's code fails, or leaves nothing to train.
    """
    for index, network in enumerate(networks):
        network.initialise_head(seed + index)
    with run_foreign_code(f"the defense {find_name(defense)} failed before training", type(defense)):
        defense.before_training(networks)
        if len(networks) != defense.network_count or not any(p.requires_grad for n in networks for p in n.parameters()):
            raise ValueError("its before_training left no weights to train, or other networks than there were")


def _take_steps(
    run: TrainingRun,
    epochs: Epochs,
    attack: Callable[[int, Reattack], Sequence[TrainingRow]],
    checkpoints: Checkpoints | None,
    on_start: Callable[[int, int], None],
    on_step: Callable[[int, int], None],
) -> None:
    """Take the steps of a training, from its checkpoint on if it has one.

    Raises:
        RobenchError: as :func:`train`.
    """
    with contextlib.ExitStack() as stack:
        if checkpoints and (snapshot := checkpoints.find(run.check)):
            _continue(run, snapshot, checkpoints)
            epochs.move(snapshot.progress.step, snapshot.progress.position)
        on_start(run.result.steps, epochs.steps)
        stack.enter_context(keep_freed_memory())
        _evaluate(run, checkpoints)  # which an interrupt may have prevented
        for batch in epochs.batches(attack):
            run.expect(epochs.steps)
            run.step(batch)
            _evaluate(run, checkpoints)
            on_step(run.result.steps, run.steps)
            if checkpoints and checkpoints.is_due and run.result.steps < run.steps:
                checkpoints.write()


def _continue(run: TrainingRun, snapshot: Snapshot, checkpoints: Checkpoints) -> None:
    try:
        run.load(snapshot)
    except RobenchError as error:  # the next run should not meet it again
        checkpoints.discard("the defense cannot continue from it")
        raise UnitError(f"{error} The next run trains from the beginning.", error.frames) from error


def _evaluate(run: TrainingRun, checkpoints: Checkpoints | None) -> None:
    """Evaluate the deployed network if it is due; before and in it, an interrupt ends the training."""
    if checkpoints is None:
        run.evaluate_if_due()
        return
    checkpoints.stop_if_interrupted()
    checkpoints.evaluate(run.evaluate_if_due)


def _attack(
    attacker: Attacker | None,
    run: TrainingRun,
    defense: Defense,
    checkpoints: Checkpoints | None,
    epoch: int,
    reattack: Reattack,
) -> Sequence[TrainingRow]:
    """Return what an attack makes of clean rows before an epoch, with the network as it is.

    Raises:
        RobenchError: it fails, or there is no attacker.
    """
    if attacker is None:
        raise UnitError(
            f"the defense {find_name(defense)} attacks texts before epoch {epoch}, and has no attack: train it"
            " with `robench run`."
        )
    if checkpoints:  # so that an interrupted attack goes on against the same network
        checkpoints.write()
    with preserve_states(run.device), checkpoints.release_signals() if checkpoints else contextlib.nullcontext():
        return attacker(run.result.predictor, epoch, reattack)


def _take_snapshot(run: TrainingRun, epochs: Epochs, defense: Defense, warn: Callable[[str], None]) -> Snapshot | None:
    """Return the state of a training; None before its first step, which is no progress.

    None, with a note, if the defense keeps something that would be missing in it.
    """
    if not run.result.steps:
        return None
    if attribute := run.find_undeclared_state():
        warn(
            f"note: if this training is interrupted, it begins anew: the defense {find_name(defense)} changes"
            f" its attribute {attribute} while it trains, or keeps there what cannot be stored, and has no"
            " training_state and load_training_state."
        )
        return None
    return run.take_snapshot(epochs.position)
