"""A site of entries that nobody ran, some of them by a stranger with bad intentions, and a browser to look at it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from robench.progress import SilentReporter
from robench.report.site.writer import write_site
from robench.report.submit import write_entry
from robench.resources.build_lock import build_once
from robench.results.info_parts import EncoderInfo, PluginInfo
from support.many_entries import ATTACKS, make_entry

TEXTS = 100
EVIL = "\"><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"


def write_made_up(folder: Path) -> Path:
    """Base, PGD and four more with all attacks, TaiChi with a model for each, a rerun, counts, and a hostile entry.

    The rerun met an attack that the original lacks, and a defense of someone's own was not attacked: no board has them.
    """
    for number, defense in enumerate(("base", "pgd", "freelb", "fgsm", "smart")):
        for seed in (1, 2, 3) if defense == "base" else (1,):
            write_entry(make_entry(defense, seed=seed, number=number, texts=TEXTS), folder)
    for attack in ATTACKS:
        write_entry(make_entry("taichi", seed=1, against=attack, number=6, texts=TEXTS), folder)
    write_entry(msgspec.structs.replace(make_entry("own-defense", texts=TEXTS), attacks=()), folder)
    again = make_entry("pgd", seed=1, number=1, texts=TEXTS, attacks=[*ATTACKS, "own-attack"])
    write_entry(msgspec.structs.replace(again, mark="rerun", rerun_by="ann"), folder)
    attacks = [msgspec.structs.replace(one, records=None) for one in make_entry("ada", number=5, texts=TEXTS).attacks]
    counts = make_entry("ada", number=5, texts=TEXTS)
    write_entry(msgspec.structs.replace(counts, counts_only=True, predictions=None, attacks=tuple(attacks)), folder)
    write_entry(make_hostile(), folder)
    return folder


def make_hostile() -> Any:
    """An entry whose every free text is HTML."""
    entry = make_entry("base", seed=9, task="mr", texts=TEXTS)
    return msgspec.structs.replace(
        entry,
        encoder=EncoderInfo(name=EVIL, digest=entry.encoder.digest),
        labels=(EVIL, "other"),
        defense=PluginInfo(name=EVIL, class_=entry.defense.class_, fields=entry.defense.fields, changed={}),
        data=msgspec.structs.replace(entry.data, notes=(EVIL,)),
        warnings=(EVIL,),
        robench=EVIL,
        attacks=tuple(
            msgspec.structs.replace(one, attack=msgspec.structs.replace(one.attack, title=f"{one.attack.title} {EVIL}"))
            for one in entry.attacks
        ),
    )


@pytest.fixture(scope="session")
def entries_folder(whole_run: Path) -> Path:
    """The folder of these entries."""
    made = whole_run / "site-entries"
    with build_once(made) as draft:
        if draft is not None:
            write_made_up(draft)
    return made


@pytest.fixture(scope="session")
def site(entries_folder: Path, whole_run: Path) -> Path:
    """The site of these entries; copy it to change it."""
    made = whole_run / "site"
    with build_once(made) as draft:
        if draft is not None:
            write_site(entries_folder, draft / "pages", SilentReporter())
    return made / "pages"


@pytest.fixture
def copied_site(site: Path, tmp_path: Path) -> Path:
    """A copy of the site."""
    return Path(shutil.copytree(site, tmp_path / "copy"))
