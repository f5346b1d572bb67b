"""The Python interface: ``run`` and ``attack_model`` do what ``robench run`` and ``robench attack`` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from robench.errors import RobenchError
from robench.plugins import registry
from robench.progress import Reporter, SilentReporter, choose_reporter
from robench.results.info import CellInfo
from robench.results.store import Store, StoredStage
from robench.study.presets import Existing
from robench.study.request import Request

if TYPE_CHECKING:
    import pandas


def run(
    *,
    defense: str | Sequence[str],
    task: str | Sequence[str],
    attack: str | Sequence[str] = (),
    preset: str = "laptop",
    encoder: str | None = None,
    seed: int | Sequence[int] = 42,
    train_limit: int | None = None,
    attack_limit: int | None = None,
    data: str | Path | None = None,
    runs: str | Path = "runs",
    plugin: str | Path | Sequence[str | Path] = (),
    existing: Existing = "only-missing",
    offline: bool = False,
    precision: str = "auto",
    device: str = "auto",
    workers: int | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    progress: bool = True,
) -> pandas.DataFrame:
    """Train defenses, attack them, and return the results.

    Args:
        defense: one or several names, or ``"all"``.
        task: one or several names, or ``"all"``.
        attack: one or several names, or ``"all"``; the paper's by default.
        preset: ``quick``, ``laptop`` or ``paper``; the arguments below override its choices.
        encoder: ``minilm``, a folder or a Hub id.
        seed: one or several seeds.
        train_limit: largest number of training rows.
        attack_limit: largest number of attacked test samples.
        data: folder with ``<task>/{train,dev,test}.tsv``; ``ROBENCH_DATA`` by default.
        runs: folder of results. Results that are in it are not computed again.
        plugin: one or several Python files that register more names.
        existing: ``only-missing``, ``always`` (compute again) or ``only-cache`` (compute nothing).
        offline: whether to forbid all downloads.
        precision: ``auto``, ``fp32`` or ``bf16``.
        device: ``auto``, ``cpu``, ``cuda``.
        workers: extra processes for the searches of attacks; by default 0 without a GPU, and up to 8 with one.
            A script that uses them needs ``if __name__ == "__main__":``.
        settings: hyper-parameters, such as ``{"taichi": {"temperature": 0.5}}``.
        progress: whether to show bars (on a terminal) or lines on stderr.

    Returns:
        One row per cell, with the columns of :func:`make_frame`.

    Raises:
        RobenchError: something that the caller can fix; the message says what.
    """
    from rich.console import Console

    for path in _as_list(plugin):
        registry.load_plugin(Path(path))
    request = Request(
        defenses=_as_list(defense),
        tasks=_as_list(task),
        attacks=_as_list(attack),
        preset=preset,
        encoder=encoder,
        seeds=_as_list(seed),
        train_limit=train_limit,
        attack_limit=attack_limit,
        data=Path(data) if data is not None else None,
        offline=offline,
        precision=precision,
        device=device,
        workers=workers,
        settings=settings or {},
    )
    reporter = choose_reporter(Console(stderr=True)) if progress else SilentReporter()
    return make_frame(run_requests([request], Store(Path(runs)), reporter, existing))


def attack_model(
    model: Any,
    *,
    task: str | Sequence[str],
    attack: str | Sequence[str] = (),
    name: str | None = None,
    label_order: Sequence[int] | None = None,
    max_length: int | None = None,
    version: str = "",
    trust_remote_code: bool = False,
    preset: str = "laptop",
    seed: int | Sequence[int] = 42,
    attack_limit: int | None = None,
    data: str | Path | None = None,
    runs: str | Path = "runs",
    plugin: str | Path | Sequence[str | Path] = (),
    existing: Existing = "only-missing",
    offline: bool = False,
    precision: str = "auto",
    device: str = "auto",
    workers: int | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    progress: bool = True,
) -> pandas.DataFrame:
    """Attack a model that the caller brings, and return the results.

    Args:
        model: a folder or Hub id of a Transformers sequence classifier, ``"module:function"``, a function from a list
            of N texts to scores (N, classes), or a pair of a Transformers model and its tokenizer.
        task: one or several names, or ``"all"``.
        attack: one or several names, or ``"all"``; the paper's by default.
        name: name of the model in tables; by default the last part of its path, id or function name.
        label_order: for each label of the task, the model's column; by default they are matched by name.
        max_length: largest number of tokens of a text; by default the model's own limit. Not allowed for a function.
        version: any text that changes with a function's weights. It is part of its results' key; the weights are not.
        trust_remote_code: whether to run Python files that come with a folder or a Hub model.
        preset: ``quick``, ``laptop`` or ``paper``, which decides how many samples are attacked and the source of data.
        seed: one or several seeds of the attacks.
        attack_limit: largest number of attacked test samples.
        data: folder with ``<task>/{train,dev,test}.tsv``; ``ROBENCH_DATA`` by default.
        runs: folder of results. Results that are in it are not computed again.
        plugin: one or several Python files that register more names.
        existing: ``only-missing``, ``always`` (compute again) or ``only-cache`` (compute nothing).
        offline: whether to forbid all downloads.
        precision: ``auto``, ``fp32`` or ``bf16``; not allowed for a function.
        device: ``auto``, ``cpu``, ``cuda``.
        workers: extra processes for the searches of attacks; by default 0 without a GPU, and up to 8 with one.
            A script that uses them needs ``if __name__ == "__main__":``.
        settings: options of attacks, such as ``{"pwws": {"query_budget": 500}}``.
        progress: whether to show bars (on a terminal) or lines on stderr.

    Returns:
        One row per cell, with the columns of :func:`make_frame`.

    Raises:
        RobenchError: something that the caller can fix; the message says what.
    """
    from rich.console import Console

    from robench.study.victim_request import victim_request

    for path in _as_list(plugin):
        registry.load_plugin(Path(path))
    request = victim_request(
        model,
        name=name,
        version=version,
        trust_remote_code=trust_remote_code,
        max_length=max_length,
        label_order=label_order,
        tasks=_as_list(task),
        attacks=_as_list(attack),
        preset=preset,
        seeds=_as_list(seed),
        attack_limit=attack_limit,
        data=Path(data) if data is not None else None,
        offline=offline,
        precision=precision,
        device=device,
        workers=workers,
        settings=settings or {},
    )
    reporter = choose_reporter(Console(stderr=True)) if progress else SilentReporter()
    return make_frame(run_requests([request], Store(Path(runs)), reporter, existing))


def run_requests(
    requests: Sequence[Request], store: Store, reporter: Reporter, existing: Existing
) -> list[StoredStage[CellInfo]]:
    """Plan requests and run them.

    Args:
        requests: requests that differ at most in their encoders.
        store: the runs folder.
        reporter: shows the progress.
        existing: see :func:`run`.

    Returns:
        The finished cells.

    Raises:
        RobenchError: see :func:`run`.
    """
    if existing not in get_args(Existing):
        raise RobenchError(f"unknown --existing {existing!r}: there are {', '.join(get_args(Existing))}.")
    for request in requests:
        request.check()
    if existing != "only-cache":
        store.check_writable()
        for request in requests:
            request.fetch_published()
    from robench.attacking.engine.workers import Workers, choose_worker_count
    from robench.models import devices
    from robench.study.runner import Runner
    from robench.study.stages.context import Context

    stored: list[StoredStage[Any]] = []
    for request in requests:
        device = devices.choose_device(request.device)
        with Workers(choose_worker_count(request.workers, device)) as workers:
            context = Context(store, reporter, device, offline=request.offline, workers=workers)
            stored += Runner(context, existing=existing).run(request.stages(reporter))
    return [stage for stage in stored if isinstance(stage.info, CellInfo)]


def make_frame(cells: Sequence[StoredStage[CellInfo]]) -> pandas.DataFrame:
    """Make a table of cells for analysis.

    Returns:
        One row per cell: ``task``, ``defense``, ``attack``, ``seed``, ``encoder``, ``train_rows``; ``clean_accuracy``
        on the ``n_test`` test samples and ``accuracy_under_attack`` on the ``n_attacked`` of them, 0 to 1;
        ``attack_success_rate`` over the samples that the model classified correctly; their mean ``queries``; mean share
        of ``words_changed`` and mean ``similarity`` of the text before and after (cosine of the bundled sentence
        encoder) over the successes; ``records``, the path of the per-example records.
    """
    import pandas

    rows = []
    for cell in cells:
        info, attacked, clean = cell.info, cell.info.attacked, cell.info.clean
        assert attacked is not None, "a finished cell has an outcome"
        rows.append(
            {
                "task": info.task,
                "defense": info.defense.name,
                "attack": info.attack.title,
                "seed": info.seed,
                "encoder": info.encoder.name,
                "train_rows": info.train_rows,
                "clean_accuracy": clean.correct / clean.n,
                "n_test": clean.n,
                "accuracy_under_attack": (attacked.failed or 0) / attacked.n,
                "n_attacked": attacked.n,
                "attack_success_rate": attacked.succeeded / attacked.attempts if attacked.attempts else float("nan"),
                "queries": attacked.queries,
                "words_changed": attacked.words_changed,
                "similarity": info.similarity.mean if info.similarity else None,
                "records": str(cell.folder / "records.jsonl"),
            }
        )
    return pandas.DataFrame(rows)


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | int | Path) else list(value)
