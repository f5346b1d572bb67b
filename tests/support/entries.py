"""Entries of the golden runs folder, as if its rows were public."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from robench.report.submit import make_entries, write_entry
from robench.results.info import CellInfo
from robench.results.store import Store
from support.runs import rewrite

HOUSE = Path(__file__).parents[1] / "goldens" / "house"
DATA = HOUSE / "data"
SOURCE = "index:made-up==1.0"


def copy_runs(folder: Path) -> Path:
    """A copy of the golden runs folder whose rows come from another source; the encoder's name is no path."""
    runs = Path(shutil.copytree(HOUSE / "runs", folder))
    for file in runs.glob("*/*/stage.json"):
        values = json.loads(file.read_bytes())
        rewrite(file, data=values["data"] | {"source": SOURCE}, encoder=values["encoder"] | {"name": "encoder"})
    return runs


def write_entries(runs: Path, out: Path, *names: str) -> list[Path]:
    """Write an entry for every model that was attacked, or for some; give the files."""
    store = Store(runs)
    chosen = names or [cell.folder.name for cell in store.stages(CellInfo)]
    return [write_entry(entry, out) for entry, _ in make_entries(store, chosen)]
