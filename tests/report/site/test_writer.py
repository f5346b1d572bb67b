"""The site as files: what is in it, how large it is, and when none is written."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import msgspec
import pytest

from robench.errors import RobenchError
from robench.plugins import registry
from robench.progress import SilentReporter
from robench.report.site import script
from robench.report.site.plugins import describe_plugin, read_references
from robench.report.site.writer import write_site
from robench.report.submit import write_entry
from robench.report.tables.legend import FEW_SEEDS
from robench.results.entries import encode, list_cells
from robench.results.store import Store
from support.entries import copy_runs, write_entries
from support.many_entries import make_entry
from support.tiny_job import robench

MOST_BYTES = 300_000


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def text_of(path: Path) -> str:
    """What a page says, without its markup."""
    body = path.read_text(encoding="utf-8").partition("<body>")[2]
    return " ".join(unescape(re.sub("<[^>]+>", " ", body)).split())


def test_each_page_is_smaller_than_300_kb_and_there_is_one_shared_file(site: Path) -> None:
    files = [path for path in site.rglob("*") if path.is_file()]
    assert [path.name for path in files if path.suffix != ".html"] == ["leaderboard.js"]
    assert max(path.stat().st_size for path in files if path.suffix == ".html") < MOST_BYTES


@pytest.mark.slow
def test_board_of_200_defenses_is_smaller_than_300_kb(tmp_path: Path) -> None:
    from robench.report.rendering.templates import render_page
    from robench.report.site.board_pages import make_board_page, make_entries_page
    from robench.report.site.boards import make_boards
    from robench.report.site.writer import MENU

    entries = [make_entry("base", changed={"temperature": 2 + i / 100}, number=i, texts=10) for i in range(200)]
    (board,) = make_boards(entries)
    shared = {"menu": MENU, "version": "0", "count": "200 entries", "digest": "0" * 16, "local": False}
    for page in (make_board_page(board), make_entries_page(board)):
        assert len(render_page("site/page.html", page=page, **shared).encode()) < MOST_BYTES, page.path


def test_every_built_in_defense_and_attack_has_a_page(site: Path) -> None:
    for kind in ("defenses", "attacks"):
        names = [one.name for one in registry.entries(kind) if one.is_built_in and not one.argument]
        listed = text_of(site / f"{kind}.html")
        assert names and [name for name in names if name not in listed] == []


def test_every_page_has_each_id_once(site: Path) -> None:
    for path in site.rglob("*.html"):
        ids = re.findall(r'<[a-z][^>]*? id="([^"]*)"', path.read_text(encoding="utf-8"))
        assert len(ids) == len(set(ids)), path.name


def test_every_link_to_another_page_leads_to_a_file_of_the_site(site: Path) -> None:
    for path in site.rglob("*.html"):
        links = re.findall(r'<a [^>]*?href="([^"#]+)', path.read_text(encoding="utf-8"))
        lost = [one for one in links if "://" not in one and not (path.parent / unescape(one)).is_file()]
        assert lost == [], path.name


def test_defense_and_attack_that_no_board_has_are_listed_with_their_entries_and_have_a_page(site: Path) -> None:
    for page, name, results in (
        ("defenses", "own-defense", "Not attacked yet trec-own-defense-seed42"),
        ("attacks", "own-attack", "No board has results of it yet."),
    ):
        assert f"{name} not part of robench 1" in text_of(site / f"{page}.html")
        own = text_of(site / page / f"{name}.html")
        assert results in own and f"made_up.{name}:Made" in own


def test_front_page_says_how_many_models_and_entries_there_are(site: Path) -> None:
    page = text_of(site / "index.html")
    entries, models = re.findall(r"from (\d+) entries on (\d+) models", page)[0]
    assert f"models {models} defenses" in page and int(models) == int(entries) - 1, "one entry is a rerun"


def test_page_of_a_defense_has_paper_options_and_results(site: Path) -> None:
    page = text_of(site / "defenses" / "taichi.html")
    assert "LREC-COLING 2024" in page and "temperature" in page and "defenses/taichi.py, TaiChi" in page
    assert re.search(r"rank \d of 7", page) and "base" in page


def test_page_of_an_entry_has_numbers_hyper_parameters_and_provenance_and_its_rerun(site: Path) -> None:
    path = next(path for path in site.glob("entries/trec-pgd-seed1-*.html") if "rerun" not in path.name)
    page = text_of(path)
    for words in (
        "reported",
        "95 % interval",
        "success rate%",
        "temperature",
        "learning_rate",
        "sha256",
        "rerun by ann",
    ):
        assert words in page, words
    assert "index:made-up==1.0" in page and "local build" not in page
    assert "all 100, to the last digit" in page, "the rerun is a copy"
    assert "rerun by ann" in text_of(next(site.glob("entries/trec-pgd-*rerun-ann.html")))


def test_published_numbers_stand_beside_ours_and_invented_ones_do_not(site: Path) -> None:
    page = text_of(site / "published.html")
    assert "Chen et al., TaiChi" in page and "61.0" in page and "minilm, the paper's bert-base-uncased" in page
    assert "invented" not in page


def test_threat_model_has_a_date_and_the_language_is_said(site: Path) -> None:
    page = text_of(site / "how-to-read.html")
    assert "As of 29 November 2026" in page and "English only" in page and FEW_SEEDS in page
    assert "pull request" in text_of(site / "how-to-submit.html")


@pytest.mark.slow
def test_same_entries_make_the_same_bytes(entries_folder: Path, site: Path, tmp_path: Path) -> None:
    write_site(entries_folder, tmp_path / "again", SilentReporter())
    assert read_all(tmp_path / "again") == read_all(site)


@pytest.mark.slow
def test_local_build_shows_attacked_texts_and_no_other_does(tmp_path: Path) -> None:
    runs = copy_runs(tmp_path / "runs")
    write_entries(runs, tmp_path / "entries")
    write_site(tmp_path / "entries", tmp_path / "public", SilentReporter())
    write_site(tmp_path / "entries", tmp_path / "local", SilentReporter(), runs=Store(runs))
    (name,) = (path.name for path in (tmp_path / "local" / "entries").glob("mr-base-*"))
    local, public = ((tmp_path / place / "entries" / name).read_text() for place in ("local", "public"))
    assert "<del>" in local and "<ins>" in local and "not to be published" in local
    assert "<del>" not in public and "the school play was clever" not in public


# --- what is refused --------------------------------------------------------------------------------------------------


def refused(entries: Path, out: Path) -> str:
    with pytest.raises(RobenchError) as error:
        write_site(entries, out, SilentReporter())
    return str(error.value)


def test_no_entries_is_a_sentence_that_says_how_to_write_some(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no entries" in refused(tmp_path / "empty", tmp_path / "site")
    assert "robench submit" in refused(tmp_path / "empty", tmp_path / "site")
    assert "does not exist" in refused(tmp_path / "absent", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_entry_that_contradicts_itself_is_named(tmp_path: Path) -> None:
    entry = make_entry("base", texts=10)
    clean = msgspec.structs.replace(entry.clean, correct=entry.clean.correct - 1)
    path = tmp_path / "entries" / entry.file_name
    path.parent.mkdir()
    path.write_bytes(encode(msgspec.structs.replace(entry, clean=clean)))
    sentence = refused(path.parent, tmp_path / "site")
    assert sentence.startswith(f"{path}: clean counts") and "robench validate" in sentence


def test_entries_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    entry = make_entry("base", texts=10)
    other = msgspec.structs.replace(make_entry("base", number=3, texts=10), key=entry.key)
    for name, one in (("a", entry), ("z", other)):
        (tmp_path / "entries" / name).mkdir(parents=True)
        (tmp_path / "entries" / name / entry.file_name).write_bytes(encode(one))
    sentence = refused(tmp_path / "entries", tmp_path / "site")
    assert all(str(Path("entries", name, entry.file_name)) in sentence for name in "az")


def test_folder_with_other_things_is_not_replaced_and_a_site_is(tmp_path: Path) -> None:
    write_entry(make_entry("base", texts=10), tmp_path / "entries")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.tex").write_text("years of work")
    assert "holds something else than a site" in refused(tmp_path / "entries", tmp_path / "thesis")
    assert (tmp_path / "thesis" / "draft.tex").exists()
    assert "is a file" in refused(tmp_path / "entries", tmp_path / "thesis" / "draft.tex")
    old = tmp_path / "old"
    old.mkdir()
    for name in (script.NAME, "index.html", "left-over.html"):
        (old / name).write_text("old")
    write_site(tmp_path / "entries", old, SilentReporter())
    assert not (old / "left-over.html").exists() and "robench" in (old / "index.html").read_text()


def test_library_of_an_unknown_form_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "itables"
    (package / "html").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "html" / "dt_bundle.js").write_text("export default 1;")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RobenchError, match=r"in a form that robench does not know; `pip install "):
        script.make_script()


@pytest.mark.slow
def test_command_writes_a_site_and_says_where(entries_folder: Path, tmp_path: Path) -> None:
    done = robench("site", "--entries", entries_folder, "--out", tmp_path / "site")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(tmp_path / "site" / "index.html")
    assert "open the file above in a browser" in done.stderr


# --- plug-ins and papers ----------------------------------------------------------------------------------------------


def test_every_reference_is_of_a_built_in_and_links_by_https() -> None:
    for kind, works in read_references().items():
        assert works and set(works) <= {entry.name for entry in registry.entries(kind) if entry.is_built_in}
        assert all(url.startswith("https://") for work in works.values() for url in filter(None, (work.url, work.code)))


def test_plugin_that_is_not_registered_is_described_by_its_entries_and_not_imported() -> None:
    cells = list_cells(make_entry("base", texts=10))
    facts = describe_plugin(
        "defenses", "os-system", [msgspec.structs.replace(cells[0].info.defense, class_="os:system")]
    )
    assert (facts.origin, facts.options, facts.target) == ("", (), "os:system")
