"""Files of figures, and what drawing leaves alone."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.report.figures import draw, save
from robench.results.selection import Selection
from robench.results.store import Store
from support.figures import fill_ablation, fill_fusion
from support.fresh import imported
from support.hand_made import add_cell


def test_files_are_the_same_each_time_and_svg_text_is_text(store: Store, tmp_path: Path) -> None:
    fill_ablation(store)
    first, again = (save(draw("4", store), tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["figure4-sst2.png", "figure4-sst2.svg"]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    svg = first[1].read_text(encoding="utf-8")
    found = {element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"TaiChi", "clean%", "accuracy in %"} <= found
    assert not re.search(r"20\d\d-\d\d-\d\d", svg), "no date"
    assert first[0].read_bytes().startswith(b"\x89PNG")


def test_a_users_own_style_changes_nothing(store: Store, tmp_path: Path) -> None:
    import matplotlib

    fill_fusion(store)
    (plain,) = save(draw("5", store), tmp_path / "a", ["svg"])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.fonttype": "path"}):
        (styled,) = save(draw("5", store), tmp_path / "b", ["svg"])
    assert plain.read_bytes() == styled.read_bytes()


def test_bars_are_drawn_without_torch_display_or_the_global_state_of_pyplot(store: Store, tmp_path: Path) -> None:
    fill_ablation(store)
    code = (
        "from pathlib import Path; from robench.report.figures import draw, save;"
        "from robench.results.store import Store;"
        f"save(draw('4', Store(Path({str(store.root)!r}))), Path({str(tmp_path)!r}))"
    )
    nowhere = {**os.environ, "MPLBACKEND": "TkAgg", "DISPLAY": ""}
    assert imported(code, ["torch", "matplotlib.pyplot", "tkinter"], nowhere) == []
    assert (tmp_path / "figure4-sst2.svg").exists()


def test_a_format_that_is_none_and_a_folder_that_cannot_be_are_refused(store: Store, tmp_path: Path) -> None:
    fill_fusion(store)
    drawing = draw("5", store)
    with pytest.raises(RobenchError, match="unknown format 'gif'"):
        save(drawing, tmp_path, ["gif"])
    (tmp_path / "file").write_text("")
    with pytest.raises(RobenchError, match="cannot write"):
        save(drawing, tmp_path / "file")


def test_figures_load_neither_torch_nor_matplotlib_before_they_are_drawn() -> None:
    modules = "robench.report.figures, robench.report.figures.bars, robench.report.figures.tradeoff"
    assert not {"torch", "matplotlib"} & set(imported(f"import {modules}"))


def test_files_name_no_folder_of_the_machine(store: Store, tmp_path: Path) -> None:
    for name, failed in (("base", 10), ("taichi", 20)):
        encoder = {"name": "/home/ann/encoders/bert", "digest": "6" * 64}
        add_cell(store, name, "pwws", failed, task="sst2", encoder=encoder)
    selection = Selection(defenses=["base", "taichi"], attacks=["pwws"])
    for path in save(draw("4", store, selection=selection), tmp_path):
        content = path.read_bytes()
        assert b"/home/ann" not in content and b"encoder bert" in content, "in what the file says of itself, too"
