"""What strangers wrote is text, wherever robench shows it: properties over strings of every hostile kind."""

from __future__ import annotations

import ast
import csv
import io
import itertools
import json
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
import rich.console
from hypothesis import given, settings
from hypothesis import strategies as st

from robench.bars import RichReporter
from robench.cli import show as showing
from robench.cli.examples import format_examples
from robench.cli.failures import report_failures
from robench.console import Console
from robench.errors import RobenchError
from robench.progress import PlainReporter, Reporter
from robench.report.export import loading_lines, model_card
from robench.report.figures import draw, save
from robench.report.figures.canvas import Drawing
from robench.report.rendering import render
from robench.report.tables import Table, accuracy_table
from robench.results.integrity import TRAINING_FILE
from robench.results.records import Record
from robench.results.selection import Selection
from robench.results.store import Store, StoredStage
from support.figures import fill_fusion
from support.hand_made import add_cell, add_model, record

CONTROLS = ("\x1b]0;owned\x07", "\x1b[2J", "\x9b31m", "\u202e", "\u2066", "\ud83d", "\udce9", "\0", "\n", "\r", "\t")
MARKDOWN = (
    "|",
    "\n| x |",
    "\n\n# x",
    "<script>x</script>",
    "<!--",
    "&lt;",
    "`",
    "```",
    "~~~",
    "[x](y)",
    "![x](y)",
    "*",
)
LATEX = ("$(x)\\frac{$", "$", "\\input{x}", "\\end{table}", "%", "\\\\", "#1", "^", "~", "__")
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\uff1d1", "'", '"', ";")
OTHERS = ("{{ 7 }}", "{% raw %}", "[/]", "[bold]", "*", "[link=http://x]x", "a", "naïve ", "\u3000")
MARKUP = (*CONTROLS, *MARKDOWN, *LATEX, *FORMULAS, *OTHERS)
HOSTILE = st.lists(st.sampled_from(MARKUP) | st.characters(), max_size=6).map("".join)
quick = settings(max_examples=25, derandomize=True, deadline=None, database=None)


def is_harmless(text: str) -> bool:
    return all(c == "\n" or c.isprintable() or unicodedata.category(c) == "Zs" for c in text)


@pytest.fixture(scope="module")
def place() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        yield Store(Path(folder))


@pytest.fixture(scope="module")
def cell(place: Store) -> StoredStage[Any]:
    return add_cell(place, "taichi", "pwws", 3, n=6)


@pytest.fixture(scope="module")
def model(place: Store, cell: StoredStage[Any]) -> StoredStage[Any]:
    return add_model(place, cell)


def spoil(stage: StoredStage[Any], text: str) -> StoredStage[Any]:
    """The stage with a stranger's text in every place that has one."""
    info = stage.info
    changes: dict[str, Any] = {
        "task": f"{text}t",
        "labels": (f"{text}0", f"{text}1"),
        "label": text,
        "preset": text,
        "robench": text,
        "training": {**info.training, text: text},
        "data": msgspec.structs.replace(info.data, source=f"local:{text}", notes=(text,)),
        "encoder": msgspec.structs.replace(info.encoder, name=text),
        "defense": msgspec.structs.replace(info.defense, name=f"d{text}", fields={text: text}, changed={text: text}),
    }
    if hasattr(info, "attack"):
        changes["attack"] = msgspec.structs.replace(info.attack, name=text, title=text, fields={text: text})
        changes["warnings"] = (text,)
    return StoredStage(stage.folder, msgspec.structs.replace(info, **changes))


def make_table(cell: StoredStage[Any], text: str) -> Table:
    table = accuracy_table([spoil(cell, text), cell])
    return replace(table, title=f"Table 5: {text}", notes=(*table.notes, text), commands=(*table.commands, text))


@quick
@given(text=HOSTILE)
def test_table_in_every_format_is_harmless(cell: StoredStage[Any], text: str) -> None:
    table = make_table(cell, text)
    for format in ("rich", "md", "csv", "json", "latex", "html"):
        shown = render(table, format)
        assert is_harmless(shown), (format, shown)
        shown.encode()


@quick
@given(text=HOSTILE)
def test_csv_with_hostile_cells_has_no_formula_and_its_columns(cell: StoredStage[Any], text: str) -> None:
    parts = list(csv.reader(io.StringIO(render(make_table(cell, text), "csv"), newline="")))
    lines = [line for line in parts if line]
    assert len({len(line) for line in lines}) == 1
    for value in (value for line in lines for value in line):
        assert not re.match(r"\s*[=+@\-\uff1d\uff0b\uff0d\uff20]", value) or re.fullmatch(r"[+-]?[\d.]+", value), value


@quick
@given(text=HOSTILE)
def test_markdown_with_hostile_cells_has_its_columns_and_no_html(cell: StoredStage[Any], text: str) -> None:
    lines = iter(render(make_table(cell, text), "md").splitlines())
    widths = set()
    for line in lines:
        if fence := re.match("```+", line):
            assert fence[0] in lines, "the block ends where robench ends it"
            assert not list(lines), "and nothing follows"
            break
        assert_plain_markdown(line)
        if line.startswith("|"):
            widths.add(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)))
    assert len(widths) == 1


def assert_plain_markdown(line: str) -> None:
    """No character that begins HTML, a link, code, mathematics or an entity, but those of robench's own."""
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", line)
    assert not re.search(r"[<>`\[\]&$~]", bare), line


@quick
@given(text=HOSTILE)
def test_latex_with_hostile_cells_has_only_commands_of_robench(cell: StoredStage[Any], text: str) -> None:
    ours = {"begin", "end", "centering", "small", "toprule", "midrule", "bottomrule", "multicolumn", "emph", "textbf"}
    ours |= {"caption", "pm", "uparrow", "downarrow", "to", "cdot", "ge", "infty", "dagger"}
    ours |= {"textbackslash", "textasciitilde", "textasciicircum", "scriptsize"}
    ours |= {"resizebox", "ifdim", "width", "linewidth", "else", "fi"}
    for line in render(make_table(cell, text), "latex").splitlines():
        if line.startswith("%"):
            continue
        assert set(re.findall(r"\\([a-z]+)", line)) <= ours, line
        assert not re.search(r"(?<!\\)[%#^~]", line), line


@quick
@given(text=HOSTILE)
def test_html_with_hostile_cells_has_only_tags_of_robench(cell: StoredStage[Any], text: str) -> None:
    tags: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.add(tag)

    Tags().feed(render(make_table(cell, text), "html"))
    assert tags.isdisjoint({"script", "img", "a", "iframe"})


@quick
@given(text=HOSTILE)
def test_json_with_hostile_cells_is_read_back_unchanged(cell: StoredStage[Any], text: str) -> None:
    table = make_table(cell, text)
    assert json.loads(render(table, "json"))["notes"] == list(table.notes)


@quick
@given(text=HOSTILE)
def test_show_of_hostile_stage_is_harmless(
    place: Store, cell: StoredStage[Any], model: StoredStage[Any], text: str
) -> None:
    line = {"step": 75, "loss": {text: 1.0, "[/]": 2.0}, "dev_accuracy": 0.9}
    (model.folder / TRAINING_FILE).write_bytes(json.dumps(line).encode() + b"\n")
    for stage in (spoil(cell, text), spoil(model, text)):
        console = rich.console.Console(width=100, file=io.StringIO())
        with console.capture() as capture:
            console.print(showing.show(stage, place))
        assert is_harmless(capture.get())
        assert is_harmless(showing.show_json(stage, place))


@quick
@given(text=HOSTILE)
def test_model_card_of_hostile_model_is_harmless(cell: StoredStage[Any], model: StoredStage[Any], text: str) -> None:
    card = model_card(spoil(model, text), [spoil(cell, text)], text)
    assert is_harmless(card)
    before, code, _ = re.split(r"^```(?:python)?$", card, flags=re.MULTILINE)
    for line in before.splitlines():
        assert_plain_markdown(line)
    assert "|---|---|---|" in before and len(ast.parse(code).body) == 5
    (call,) = ast.parse(loading_lines(text), mode="eval").body.args  # type: ignore[attr-defined]
    assert ast.literal_eval(call) == text


@quick
@given(text=HOSTILE)
def test_message_of_hostile_text_is_harmless_on_every_console(text: str) -> None:
    out = io.StringIO()
    for kind in (PlainReporter, RichReporter):
        reporter: Reporter = kind(Console(file=out, width=100))
        reporter.say(text)
        reporter.warn(text)
        reporter.announce_stage(1, 2, text)
        with reporter.track(text, text, total=2) as work:
            work.advance(1, text)
    assert is_harmless(out.getvalue()) and is_harmless(str(RobenchError(text)))


@pytest.mark.parametrize("kind", [RobenchError, OSError])
def test_failure_of_hostile_text_is_harmless_on_stderr(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(MARKUP)

    @report_failures
    def fail() -> None:
        raise kind(text) if kind is RobenchError else OSError(2, "No such file", text)

    with pytest.raises(BaseException, match="2"):
        fail()
    shown = capsys.readouterr().err
    assert shown.startswith("robench:") and "[bold]" in shown and is_harmless(shown)


def test_failure_without_a_message_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    @report_failures
    def fail() -> None:
        raise RobenchError("")

    with pytest.raises(BaseException, match="2"):
        fail()
    assert capsys.readouterr().err == "robench: failed without a message; --traceback shows where.\n"


@pytest.mark.parametrize("text", ["$(x)\\frac{$", "_\x1b[2J\udce9\0", "<b>&\n=1"])
def test_bars_of_hostile_names_are_drawn_and_saved(store: Store, tmp_path: Path, text: str) -> None:
    names, attacks = ["base", "_own"], ["deepwordbug", "pwws"]
    for attack, name in itertools.product(attacks, names):
        encoder = {"name": text, "digest": "0"}
        add_cell(store, name, attack, 9, task="mr", attack_title=f"{attack} {text}", encoder=encoder)
    assert_saved(draw("4", store, selection=Selection(tasks=["mr"], defenses=names, attacks=attacks)), tmp_path)


def test_curve_under_hostile_attack_is_drawn_and_saved(store: Store, tmp_path: Path) -> None:
    fill_fusion(store, weights=[0.0, 1.0])
    for folder in store.folders("cells"):
        stored = store.read(folder)
        assert stored is not None
        attack = msgspec.structs.replace(stored.info.attack, title="$(x)\\frac{$")
        store.finish(folder, msgspec.structs.replace(stored.info, attack=attack))
    assert_saved(draw("5", store), tmp_path)


def assert_saved(drawing: Drawing, folder: Path) -> None:
    (svg,) = save(drawing, folder, ["svg"])
    ElementTree.parse(svg)
    assert is_harmless(svg.read_text(encoding="utf-8"))


def test_records_of_hostile_texts_are_shown_harmlessly(store: Store) -> None:
    found: list[Record] = [record(0, "succeeded", original="a \x1b[2J b", final="a \u202e b")]
    console = rich.console.Console(width=100, file=io.StringIO())
    with console.capture() as capture:
        for text in format_examples(found, ["\x1b[2J", "\u202e"]):
            console.print(text)
    assert is_harmless(capture.get()) and "\ufffd" in capture.get()


def test_only_the_console_of_robench_prints() -> None:
    """Every console escapes, because there is one class of them."""
    folder = Path(showing.__file__).parents[1]
    others = [
        str(file.relative_to(folder))
        for file in sorted(folder.rglob("*.py"))
        if re.search(r"^\s*from rich\.console import .*\bConsole\b|rich\.print", file.read_text(encoding="utf-8"), re.M)
    ]
    assert others == []
