"""Settings of the process that code of others changes are put back; what does no harm stays."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable

import pytest
import torch

from robench.errors import run_foreign_code
from robench.process import change_environment, keep_settings


def read_settings() -> list[object]:
    torch_settings = [torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()]
    return [*torch_settings, sys.path[:], sys.getrecursionlimit(), logging.root.manager.disable, warnings.filters[:]]


@pytest.mark.parametrize(
    "change",
    [
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_device("meta"),
        lambda: torch.set_grad_enabled(False),
        lambda: sys.path.clear(),
        lambda: sys.setrecursionlimit(200),
        lambda: logging.disable(logging.CRITICAL),
        lambda: warnings.simplefilter("error", FutureWarning),
    ],
    ids=["dtype", "device", "gradients", "path", "recursion", "logging", "warnings"],
)
def test_keep_settings_puts_back_what_results_or_robench_depend_on(change: Callable[[], object]) -> None:
    before = read_settings()
    with keep_settings():
        change()
    assert read_settings() == before
    with pytest.raises(Exception, match="it failed"), run_foreign_code("it failed"):
        change()
        raise ValueError
    assert read_settings() == before


def test_keep_settings_leaves_folders_and_filters_that_were_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    with warnings.catch_warnings(), keep_settings():
        sys.path.insert(0, "/nowhere")
        warnings.simplefilter("ignore", FutureWarning)
        added = warnings.filters[0]
    assert sys.path[0] == "/nowhere"
    assert added[0] == "ignore"


def test_environment_is_changed_in_the_block_and_whole_again_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "before")
    before = dict(os.environ)
    with pytest.raises(ValueError, match="it failed"), change_environment({"KEPT": "inside", "NEW": "1"}):
        assert (os.environ["KEPT"], os.environ["NEW"]) == ("inside", "1")
        os.environ["OF_THE_BLOCK"] = "2"
        raise ValueError("it failed")
    assert dict(os.environ) == before
