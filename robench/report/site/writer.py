"""Write the site: a folder of pages that need no server, no network and no other file but one beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from robench.errors import RobenchError
from robench.escaping import count_noun
from robench.paths import absolute_path, atomic_write_folder, refuse_link, translate_os_errors
from robench.progress import Reporter
from robench.report.rendering.templates import render_page
from robench.report.site.board import Board
from robench.report.site.board_pages import make_board_page, make_entries_page, make_front_page
from robench.report.site.boards import make_boards
from robench.report.site.entry_pages import make_entry_page
from robench.report.site.guides import GUIDES, VALUES, make_guide
from robench.report.site.parts import SitePage
from robench.report.site.plugin_pages import (
    list_attacks,
    list_defenses,
    make_attack_page,
    make_attacks_page,
    make_defense_page,
    make_defenses_page,
)
from robench.report.site.published_page import make_published_page
from robench.report.site.script import NAME, make_script
from robench.results.cells import group
from robench.results.entries import choose_primary, encode, read_folder
from robench.results.entry_checks import find_faults
from robench.results.entry_form import Entry
from robench.results.info import CellInfo
from robench.results.store import Store, StoredStage
from robench.version import VERSION

MENU = (
    ("index.html", "Leaderboard"),
    ("defenses.html", "Defenses"),
    ("attacks.html", "Attacks"),
    ("published.html", "Published numbers"),
    ("how-to-read.html", "How to read this"),
    ("how-to-submit.html", "How to submit"),
)


@dataclass(frozen=True)
class Site:
    """A site that was written: its first page, and what it holds."""

    index: Path
    pages: int
    entries: int
    boards: int


def read_entries(folder: Path) -> list[Entry]:
    """Read the entries of a folder, or one file, and check that none contradicts itself; equal copies count once.

    Raises:
        RobenchError: there are none, one is no entry or contradicts itself, or two contradict each other.
    """
    entries = read_folder(folder)
    for path, entry in entries.items():
        if faults := find_faults(entry):
            raise RobenchError(f"{path}: {faults[0]}; `robench validate {path}` lists all that does not fit.")
    return list({(entry.key, entry.rerun_by): entry for entry in entries.values()}.values())


def write_site(folder: Path, out: Path, reporter: Reporter, *, runs: Store | None = None) -> Site:
    """Write the site of a folder of entries; the same entries give the same bytes.

    Args:
        folder: the entries.
        out: where the pages go; a site that is there is replaced as a whole.
        reporter: shows the progress.
        runs: a runs folder with the texts of the entries' results, for a build that is not to be published.

    Raises:
        RobenchError: there are no entries, ``out`` holds something else or cannot be written, or itables is missing.
    """
    target = absolute_path(out)
    check_target(target)
    script = make_script()
    reporter.say(f"reading the entries of {folder}")
    entries = read_entries(folder)
    models = choose_primary(entries)
    boards = make_boards(models)
    count = count_noun(len(entries), "entry", "entries")
    if len(models) < len(entries):
        count += f" on {count_noun(len(models), 'model')}"
    shared = {"menu": MENU, "version": VERSION, "count": count, "digest": _digest(entries), "local": runs is not None}
    shared |= VALUES
    stored = {stage.key: stage for stage in runs.stages(CellInfo)} if runs else {}
    pages = list(_list_pages(entries, models, boards, stored))
    with atomic_write_folder(target) as draft, reporter.track("pages", "page", len(pages)) as work:
        (draft / NAME).write_text(script, encoding="utf-8", newline="\n")
        for make in pages:
            page = make()
            path = draft / page.path
            path.parent.mkdir(exist_ok=True)
            path.write_text(render_page(page.template, page=page, **shared), encoding="utf-8", newline="\n")
            work.advance(1)
    return Site(target / "index.html", len(pages), len(entries), len(boards))


def check_target(target: Path) -> None:
    """Check that a folder may become a site: it does not exist, is empty, or is a site.

    Raises:
        RobenchError: it is something else, or cannot be read.
    """
    refuse_link(target)
    with translate_os_errors(target):
        if not target.exists():
            return
        if not target.is_dir():
            raise RobenchError(f"{target} is a file; --out takes a folder for the pages.")
        if any(target.iterdir()) and not ((target / NAME).is_file() and (target / "index.html").is_file()):
            raise RobenchError(
                f"{target} holds something else than a site, and would be replaced; name another folder."
            )


def _list_pages(
    entries: Sequence[Entry],
    models: Sequence[Entry],
    boards: Sequence[Board],
    stored: Mapping[str, StoredStage[CellInfo]],
) -> Iterator[Callable[[], SitePage]]:
    """Yield what makes each page.

    Args:
        entries: all entries.
        models: of them each model's own.
        boards: all boards.
        stored: cells of a local build, by key.
    """
    by_key = group(entries, lambda entry: entry.key)
    board_of = {entry.key: board for board in boards for entry in board.entries}
    yield partial(make_front_page, boards, models)
    for board in boards:
        yield partial(make_board_page, board)
        yield partial(make_entries_page, board)
    yield partial(make_defenses_page, boards, entries)
    for name in list_defenses(entries):
        yield partial(make_defense_page, name, boards, entries)
    yield partial(make_attacks_page, entries)
    for name in list_attacks(entries):
        yield partial(make_attack_page, name, boards, entries)
    for entry in entries:
        reruns = [one for one in by_key[entry.key] if one is not entry]
        yield partial(make_entry_page, entry, board_of.get(entry.key), reruns, stored)
    yield partial(make_published_page, boards)
    for guide in GUIDES:
        yield partial(make_guide, *guide)


def _digest(entries: Sequence[Entry]) -> str:
    digests = sorted(hashlib.sha256(encode(entry)).hexdigest() for entry in entries)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
