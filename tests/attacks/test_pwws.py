"""What PWWS prepares before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from robench.attacks.pwws import PWWS
from robench.resources import synonyms
from support.caches import fill_cache


@pytest.mark.usefixtures("textattack")
def test_prepare_makes_the_table_for_a_cache_that_may_be_read_only_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_cache(tmp_path)
    monkeypatch.setenv("ROBENCH_CACHE", str(tmp_path))
    PWWS().prepare(offline=True)
    monkeypatch.setattr(synonyms, "_write_table", lambda *_: pytest.fail("made again"))
    assert synonyms.prepare_synonyms(offline=True).parent == tmp_path
