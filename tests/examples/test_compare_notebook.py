"""The notebook of the examples, as people run it, on a small study."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from support.tiny_job import TASK, TinyJob

NOTEBOOK = Path(__file__).parents[2] / "examples" / "compare.ipynb"


def test_the_notebook_holds_no_outputs_and_one_cell_of_parameters() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert [cell for cell in code if "parameters" in cell.metadata.get("tags", [])] == [code[0]]


@pytest.mark.slow
def test_the_notebook_trains_attacks_compares_and_draws(tiny_job: TinyJob, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    study = {"task": TASK, "data": str(tiny_job.data), "encoder": str(tiny_job.encoder), "offline": True}
    parameters.source += f"\nTASK = {TASK!r}\nSTUDY |= {study!r}"
    client = NotebookClient(
        notebook, timeout=280, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    _, results, table, comparison, texts, drawing = [[one.get("data", {}) for one in cell.outputs] for cell in code]
    assert "accuracy_under_attack" in results[-1]["text/plain"] and "taichi" in results[-1]["text/plain"]
    assert "<table>" in table[-1]["text/html"] and "points" in comparison[-1]["text/plain"]
    assert "original" in texts[-1]["text/plain"] and "image/png" in drawing[-1]
