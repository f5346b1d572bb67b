"""A trained defense as a folder that Transformers loads, with or without robench."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

from robench.errors import RobenchError
from robench.escaping import escape_markdown, quote_python
from robench.paths import absolute_path, atomic_write_folder, read_regular, translate_os_errors
from robench.report.entry_making import get_needed, reject_stage
from robench.report.rendering import percent
from robench.results.cells import read_results
from robench.results.find_stage import find_stage
from robench.results.folder_kind import refuse_entries
from robench.results.info import CellInfo, ModelInfo
from robench.results.integrity import WEIGHTS_FILE
from robench.results.labels import column_labels
from robench.results.store import Store, StoredStage
from robench.syncing import sync, sync_tree
from robench.version import VERSION

CONFIG_FILE = "config.json"
CODE_FILE = "exported_model.py"
_NOT_OF_THE_MODEL = ("_name_or_path", "architectures", "transformers_version")


def export(store: Store, name: str, target: Path, *, force: bool = False) -> StoredStage[ModelInfo]:
    """Write the deployed network of a trained defense to a folder; return its model.

    The folder holds what ``AutoModelForSequenceClassification.from_pretrained(DIR, trust_remote_code=True)`` and
    ``AutoTokenizer.from_pretrained(DIR)`` read, and a model card.

    Args:
        store: the runs folder.
        name: of a cell or trained model, or its key, or the beginning of either.
        target: the folder; made, or written into if it is empty or an earlier export of the same model.
        force: write into it whatever it holds; files of the same names are replaced, others stay.

    Raises:
        RobenchError: there is no such model, its files are broken, it reads other texts in place of each, or the folder
            is not empty, or cannot be written.
    """
    refuse_entries(store.root, "weights")
    model = trained_model(store, name)
    _check_reading(model)
    target = absolute_path(target)
    _check_target(target, model, force)
    with _draft(target) as draft:
        _write_model(draft, model)
        (draft / "README.md").write_text(model_card(model, _cells_of(store, model), target.name), encoding="utf-8")
    return model


def trained_model(store: Store, name: str) -> StoredStage[ModelInfo]:
    """Find the trained model that ``name`` fits, or the one behind the cell that it fits.

    Raises:
        RobenchError: none or several do, it is not one that robench trained, or a file of it does not fit.
    """
    models = {stage.key: stage for stage in store.stages(ModelInfo, names=())}
    named: list[StoredStage[Any]] = [*models.values(), *store.stages(CellInfo, names=())]
    hits = [stage for stage in named if name in (stage.key, stage.folder.name)]
    hits = hits or [s for s in named if s.folder.name.startswith(name) or s.key.startswith(name)]
    keys = dict.fromkeys(stage.info.model if isinstance(stage.info, CellInfo) else stage.key for stage in hits)
    if not keys:
        reject_stage(find_stage(store, name))  # if nothing is found, the error says what there is
    if len(keys) > 1:
        shown = ", ".join(models[key].folder.name for key in keys if key in models)
        raise RobenchError(f"{name!r} fits {len(keys)} models: {shown}. Give more of the name, or the key.")
    model = get_needed(store, "models", next(iter(keys)), "the model")
    if victim := model.info.victim:
        raise RobenchError(f"{name} was not trained by robench, which has no copy of it: it is {victim.model}.")
    return model


def _check_reading(model: StoredStage[ModelInfo]) -> None:
    """Reject a model whose network alone would give other results than the model."""
    if count := model.info.defense.texts_read:
        other = "another text" if count == 1 else f"{count} other texts"
        raise RobenchError(
            f"{model.folder.name} cannot be exported: its defense {model.info.defense.name} reads {other} in place of"
            " each text, which a folder for Transformers cannot do. Its network alone, which would give other results,"
            f" is {model.folder / WEIGHTS_FILE}."
        )


def model_card(model: StoredStage[ModelInfo], cells: Sequence[StoredStage[CellInfo]], folder: str) -> str:
    """Describe the model and its results, in Markdown.

    Args:
        model: its stage.
        cells: attacks on it that are in the store.
        folder: name for the example.
    """
    info = model.info
    clean, defense, training = info.clean, info.defense, info.training | info.defense.training_changes
    fields = ", ".join(f"{name} {value}" for name, value in defense.fields.items())
    part = ", a random part of the split" if info.clean_limit else ""
    rows = [(f"clean test samples{part}", Fraction(clean.correct, clean.n), clean.n), *_describe_attacks(cells)]
    lines = [f"| {escape_markdown(what)} | {percent(accuracy)} % | {n:,} |" for what, accuracy, n in rows]
    facts = [
        ("task", f"{info.task}: {', '.join(info.labels)}"),
        ("data", f"{info.data.source}, sha256 {info.data.digest[:16]}"),
        ("defense", f"{defense.name}" + (f" ({fields})" if fields else "")),
        ("encoder", f"{info.encoder.name}, then the mean of its token vectors and a linear layer"),
        ("training", ", ".join(f"{name} {value}" for name, value in training.items())),
        ("training rows, seed", f"{info.train_rows:,}, {info.seed}"),
        ("made by", f"robench {info.robench}, model {model.key}; exported by robench {VERSION}"),
    ]
    described = [f"* {name}: {escape_markdown(value)}" for name, value in facts]
    return "\n".join(
        [
            *("---", "library_name: transformers", "pipeline_tag: text-classification", "---", ""),
            *(f"# {escape_markdown(info.label)}", "", *described, ""),
            *("| accuracy | | samples |", "|---|---|---|", *lines, ""),
            "Under attack, a text that the model has wrong before the attack counts as wrong.",
            *("", "```python", "from transformers import AutoModelForSequenceClassification, AutoTokenizer", ""),
            f"tokenizer = AutoTokenizer.from_pretrained({quote_python(folder)})",
            f"model = {loading_lines(folder)}.eval()",
            'texts = tokenizer(["a text", "another one"], truncation=True, padding=True, return_tensors="pt")',
            "print(model(**texts).logits.softmax(-1), model.config.id2label)",
            *("```", "", f"`{CODE_FILE}` is the model's code, which trust_remote_code runs."),
            "`robench attack --model DIR` needs no such trust.",
            "",
        ]
    )


def _describe_attacks(cells: Sequence[StoredStage[CellInfo]]) -> list[tuple[str, Fraction, int]]:
    """Return what each attack was, the accuracy under it, and the number of samples, as far as it is known."""
    results = read_results(cells)
    labels = column_labels(results)
    rows = []
    for result in results:
        parts = [f"under {labels[result.column].text}", f"seed {result.seed}"]
        parts += [f"{result.info.split} split"] if result.info.split != "test" else []
        errors = result.outcome.errors
        parts += [f"{errors:,} errors left out"] if errors else []
        if (accuracy := result.accuracy_under_attack) is not None:
            rows.append((", ".join(parts), accuracy, result.attacked_n - errors))
    return rows


def _check_target(target: Path, model: StoredStage[ModelInfo], force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise RobenchError(f"{target} is a file; name a folder.")
    if force or not target.exists() or not any(target.iterdir()):
        return
    earlier = _exported_key(target)
    if earlier == model.key:
        return
    what = f"holds an export of another model ({earlier})" if earlier else "is not empty"
    raise RobenchError(f"{target} {what}; name a new folder, or write into this one with --force.")


def _exported_key(folder: Path) -> str | None:
    try:
        config = json.loads(read_regular(folder / CONFIG_FILE))
    except (OSError, ValueError, RecursionError):
        return None
    about = config.get("robench") if isinstance(config, dict) else None
    return str(about["model"]) if isinstance(about, dict) and "model" in about else None


def _cells_of(store: Store, model: StoredStage[ModelInfo]) -> list[StoredStage[CellInfo]]:
    cells = store.keep_sound(cell for cell in store.stages(CellInfo, names=()) if cell.info.model == model.key)
    return sorted(cells, key=lambda cell: (cell.info.attack.title, cell.info.seed))


@contextlib.contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """Make a folder to fill, whose files go to ``target`` when all of them are there."""
    if not target.exists():
        with atomic_write_folder(target) as draft:
            yield draft
        return
    with translate_os_errors(target), tempfile.TemporaryDirectory(dir=target, prefix=".draft-") as name:
        yield Path(name)
        sync_tree(Path(name))
        for file in sorted(Path(name).iterdir()):
            file.replace(target / file.name)
        sync(target)


def _write_model(folder: Path, model: StoredStage[ModelInfo]) -> None:
    import safetensors.torch
    import torch
    from transformers import AutoConfig, AutoTokenizer

    from robench.models.exported_model import RobenchConfig, RobenchForSequenceClassification
    from robench.study.stages import trained_model as models

    info = model.info
    # Loading it as a victim finds out whether its files are whole.
    predictor = models.load(
        model.folder,
        len(info.labels),
        max_length=models.read_max_length(model),
        precision="fp32",
        device=torch.device("cpu"),
    )
    names = {i: str(label) for i, label in enumerate(info.labels)}
    encoder = AutoConfig.from_pretrained(model.folder, trust_remote_code=False).to_diff_dict()
    config = RobenchConfig(
        encoder_config={name: value for name, value in encoder.items() if name not in _NOT_OF_THE_MODEL},
        id2label=names,
        label2id={label: i for i, label in names.items()},
        problem_type="single_label_classification",
        architectures=[RobenchForSequenceClassification.__name__],
        auto_map={
            "AutoConfig": f"exported_model.{RobenchConfig.__name__}",
            "AutoModelForSequenceClassification": f"exported_model.{RobenchForSequenceClassification.__name__}",
        },
        robench={"model": model.key, "version": VERSION},
        dtype="float32",
    )
    config.save_pretrained(folder)
    (folder / CODE_FILE).write_bytes(files("robench.models").joinpath(CODE_FILE).read_bytes())
    state = {name: value.detach().contiguous() for name, value in predictor.classifier.state_dict().items()}
    # Bytes written by Python, as the weights of a stage are: a full disk is an OSError.
    (folder / WEIGHTS_FILE).write_bytes(safetensors.torch.save(state, metadata={"format": "pt"}))
    tokenizer = AutoTokenizer.from_pretrained(model.folder, trust_remote_code=False)
    tokenizer.model_max_length = predictor.max_length
    tokenizer.padding_side = "right"
    models.save_tokenizer(tokenizer, folder)


def loading_lines(folder: str) -> str:
    """Return the lines of Python that load an exported model, for users to copy."""
    return f"AutoModelForSequenceClassification.from_pretrained({quote_python(folder)}, trust_remote_code=True)"
