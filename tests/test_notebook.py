"""What a real notebook shows: progress bars while something runs, tables and comparisons as the value of a cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import robench

HOUSE = Path(__file__).parent / "goldens" / "house" / "runs"

PROGRESS = """
import time
from robench.bars import choose_reporter
from robench.console import Console
reporter = choose_reporter(Console(stderr=True))
with reporter.track_run(2) as run:
    run.update(0, 100.0)
    with reporter.track("training", "step", total=3) as work:
        for step in range(3):
            time.sleep(0.35)
            work.advance(1)
        reporter.warn("note: two <rows> are alike")
    run.update(1, 50.0)
"""
TABLE = f"""
import robench
robench.table("5", runs={str(HOUSE)!r}, defense=["base", "taichi"], against="paper")
"""
COMPARISON = f"robench.compare('taichi', 'ada', task='mr', attack='pwws', runs={str(HOUSE)!r})"


class Recorder(NotebookClient):
    """A client that keeps what the kernel shows in place of what was there before."""

    pictures: tuple[str, ...] = ()

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] == "update_display_data":
            self.pictures += (msg["content"]["data"]["text/html"],)
        return super().process_message(msg, cell, cell_index)


@pytest.mark.slow
def test_a_notebook_shows_bars_while_it_runs_and_draws_tables_and_comparisons() -> None:
    cells = [nbformat.v4.new_code_cell(code) for code in (PROGRESS, TABLE, COMPARISON)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = Recorder(notebook, timeout=240, kernel_name="python3")
    client.execute()
    running = [picture for picture in client.pictures if picture]
    assert any("training" in picture and "2/3" in picture for picture in running)
    assert any("run: 0 of 2 stages" in picture for picture in running)
    progress, table, comparison = (cell.outputs for cell in notebook.cells)
    assert progress[0].data["text/html"] == client.pictures[-1] == "", "no bar is left when all is done"
    lines = [output.data["text/plain"] for output in progress[1:]]
    assert [line.split(":")[0].strip("\x1b[2m ") for line in lines] == ["note", "training", "run"]
    assert "&lt;rows&gt;" in progress[1].data["text/html"]
    assert "<table>" in table[0].data["text/html"] and table[0].data["text/plain"].startswith("Table 5: ")
    assert "<p>" in comparison[0].data["text/html"] and "points" in comparison[0].data["text/plain"]


def test_a_table_draws_itself_with_the_notebooks_colours_and_shows_itself_as_text() -> None:
    shown = robench.table("5", runs=HOUSE, defense=["base", "taichi"], attack="pwws", against="paper")
    drawn = shown._repr_html_()
    assert drawn.count("<table>") == len(shown.blocks) and 'class="best"' in drawn
    assert "color:" not in drawn and "<html" not in drawn and str(HOUSE) not in drawn
    assert repr(shown).startswith("Table 5: accuracy on clean samples") and "taichi" in repr(shown)


def test_a_comparison_draws_its_sentences_as_text() -> None:
    answer = robench.compare("taichi", "ada", task="mr", attack="pwws", runs=HOUSE)
    assert repr(answer) == "\n".join(answer.sentences)
    assert answer._repr_html_().count("<p>") == len(answer.sentences)
    hostile = replace(answer, first="<script>alert(1)</script>")
    assert "<script>" not in hostile._repr_html_()


def test_a_table_of_nothing_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(robench.RobenchError, match=r"no results in .* yet; `robench run"):
        robench.table("5", runs=tmp_path / "runs")
