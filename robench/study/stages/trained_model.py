"""A trained defense in its folder: weights, configuration and tokenizer as Transformers names them, and predictions."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import safetensors.torch
import torch

from robench.data.load import Example
from robench.disk import check_free_space
from robench.errors import RobenchError, quote_message
from robench.escaping import show_value
from robench.models.checks import spread, warn_of_padding, warn_of_saturation, warn_of_window
from robench.models.classifier import Classifier
from robench.models.devices import Precision
from robench.models.predictor import Predictor
from robench.models.reading import Reader
from robench.paths import atomic_write_folder
from robench.resources.foreign_model import check_config, check_size
from robench.resources.model_files import ModelFiles
from robench.results import clean_lines
from robench.results.clean_lines import CleanLine
from robench.results.info import REMEDY, CellInfo, ModelInfo
from robench.results.info_parts import Clean
from robench.results.integrity import CLEAN_FILE, TRAINING_FILE, WEIGHTS_FILE, write_stage
from robench.results.store import Store, StoredStage
from robench.study.stages.context import Model
from robench.study.stages.stored_reader import find_stored_reader

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from robench.study.setting import Setting

PROBES = 16
"""Test texts on which a trained model is checked."""

_NO_CODE = "only a `robench run` with --trust-remote-code runs it"


def predict_clean(
    predictor: Model, rows: Sequence[tuple[int, Example]], progress: Callable[[int], None] | None = None
) -> tuple[list[CleanLine], float]:
    """Predict rows, and return the lines of ``clean.jsonl`` and the seconds that it took.

    Args:
        predictor: the model.
        rows: the rows, with their positions in their split.
        progress: called with the number of texts whenever some are predicted.
    """
    started = time.perf_counter()
    logits = predictor.logits([example.text for _, example in rows], progress)
    seconds = round(time.perf_counter() - started, 3)
    probabilities = logits.softmax(-1).tolist()
    predicted = logits.argmax(-1).tolist()
    lines = [
        CleanLine(i, example.label, probabilities[at], correct=predicted[at] == example.label)
        for at, (i, example) in enumerate(rows)
    ]
    return lines, seconds


def count_correct(lines: Sequence[CleanLine]) -> Clean:
    """Count the correct predictions on the test split, and the texts with its most frequent label.

    The second count is the number of correct predictions of a model that always names this label.
    """
    labels = Counter(line.label for line in lines)
    majority = max(labels.values(), default=0)
    return Clean(correct=sum(line.correct for line in lines), n=len(lines), majority=majority)


def save(
    folder: Path,
    classifier: Classifier,
    tokenizer: PreTrainedTokenizerBase,
    clean: Sequence[CleanLine],
    log: Sequence[dict[str, Any]],
    info: ModelInfo,
    code: Sequence[Path] = (),
) -> None:
    """Write the folder of a trained model; it appears as a whole or not at all.

    Args:
        folder: the folder to write.
        classifier: the deployed network.
        tokenizer: its tokenizer.
        clean: the lines of ``clean.jsonl``.
        log: the lines of ``training.jsonl``.
        info: the content of ``stage.json``.
        code: the Python files of an encoder that brings some.

    Raises:
        RobenchError: it cannot be written.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in classifier.state_dict().items()}
    with atomic_write_folder(folder) as draft:
        classifier.encoder.config.save_pretrained(draft)
        save_tokenizer(tokenizer, draft)
        for file in code:
            (draft / file.name).write_bytes(file.read_bytes())
        # Python writes the bytes, because on a full disk the library's own writer crashes or hides the cause.
        (draft / WEIGHTS_FILE).write_bytes(safetensors.torch.save(state, metadata={"format": "pt"}))
        clean_lines.write(draft / CLEAN_FILE, clean)
        _write_lines(draft / TRAINING_FILE, log)
        write_stage(draft, info)


def build_untrained(setting: Setting, classes: int, *, seed: int, device: torch.device) -> Predictor:
    """Build the model that training starts from: the pre-trained encoder with a random head.

    Args:
        setting: of the run.
        classes: number of labels.
        seed: draws the head.
        device: of the forward passes.
    """
    with torch.random.fork_rng([]):
        classifier = Classifier(setting.encoder.model(), classes)
    classifier.initialise_head(seed)
    return Predictor(
        classifier,
        setting.encoder.tokenizer(),
        max_length=setting.training.max_length,
        precision=setting.precision,
        device=device,
    )


def check_start(untrained: Predictor, folder: Path, test: Sequence[Example]) -> list[str]:
    """Check that a model fits on the disk before it is trained; return a warning if scores depend on padding.

    Args:
        untrained: the model that training starts from.
        folder: where it will be written.
        test: the test split.

    Raises:
        RobenchError: the disk is too full.
    """
    weights = untrained.classifier.state_dict().values()
    check_free_space(folder, sum(value.nbytes for value in weights), "the trained model")
    return warn_of_padding(untrained, spread([example.text for example in test], PROBES))


def find_warnings(predictor: Predictor, test: Sequence[Example]) -> list[str]:
    """Check a trained model, and return what would make its numbers misleading; see :mod:`robench.models.checks`."""
    texts = [example.text for example in test]
    cut = predictor.count_truncated(texts)
    return [
        *warn_of_saturation(predictor.logits, spread(texts, PROBES)),
        *warn_of_window(cut, len(texts), predictor.max_length, "--set training.max_length=N"),
    ]


def load(
    folder: Path,
    classes: int,
    *,
    max_length: int,
    precision: Precision,
    device: torch.device,
    trust_remote_code: bool = False,
    reader: Reader | None = None,
) -> Predictor:
    """Load a trained defense as a victim.

    Args:
        folder: its folder.
        classes: number of the task's labels.
        max_length: most tokens of a text.
        precision: precision of matrix products.
        device: the device that it runs on.
        trust_remote_code: whether the user allowed the Python code of its encoder to run.
        reader: what it reads in place of a text; None reads the text itself.

    Raises:
        RobenchError: its files are missing or broken, or it needs code that is not allowed.
    """
    from transformers import AutoModel

    files = ModelFiles(f"the model in {folder}", folder, trust_remote_code=trust_remote_code)

    def build() -> Classifier:
        return Classifier(files.build_network(AutoModel).float(), classes)

    try:
        check_config(files, remedy=_NO_CODE)
        check_size(files, build)
        tokenizer = files.load_tokenizer()
        with torch.random.fork_rng([]):  # the library draws random weights before the stored ones are loaded
            classifier = build()
        classifier.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS_FILE))
    except RobenchError:
        raise
    except Exception as error:  # the exception of a broken file depends on the file and the library's version
        raise RobenchError(f"the model in {folder} cannot be loaded ({quote_message(error)}); {REMEDY}.") from error
    return Predictor(classifier, tokenizer, max_length=max_length, precision=precision, device=device, reader=reader)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a tokenizer's files to a folder.

    Raises:
        OSError: it cannot be written.
    """
    try:
        tokenizer.save_pretrained(folder)
    except OSError:
        raise
    except Exception as error:  # the tokenizers library raises a bare Exception if it cannot write
        raise OSError(str(error)) from error


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a line of JSON for each row."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(text.encode("utf-8", "backslashreplace"))  # a surrogate becomes JSON's escape of it


def stored_predictor(store: Store, cell: StoredStage[CellInfo], device: torch.device) -> Predictor:
    """Load the trained model of a cell.

    Raises:
        RobenchError: robench did not train it, or it is no longer in the store, does not fit or cannot be loaded.
    """
    info = cell.info
    if info.victim:
        raise RobenchError(
            f"{cell.folder.name} is an attack on your own model ({info.victim.model}), whose representations are"
            " not known: figures of representations and tables of high-order statistics are about models that robench"
            " trained; name one with --defense."
        )
    model = store.get("models", info.model)
    if model is None:
        raise RobenchError(
            f"the model {info.model} of {cell.folder.name} is not in {store.root / 'models'} any more; delete"
            f" {cell.folder} and run it again."
        )
    return load(
        model.folder,
        len(info.labels),
        max_length=read_max_length(model),
        precision=cast(Precision, info.precision),
        device=device,
        reader=find_stored_reader(model.info),
    )


def read_max_length(model: StoredStage[ModelInfo]) -> int:
    """Return the most tokens of a text of a trained model.

    Raises:
        RobenchError: its ``stage.json`` has no such number.
    """
    length = model.info.training.get("max_length")
    if type(length) is not int or not 0 < length < 2**31:
        raise RobenchError(f"{model.folder} has a wrong value at training.max_length: {show_value(length)}; {REMEDY}.")
    return length
