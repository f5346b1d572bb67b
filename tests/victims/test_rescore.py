"""Cells of a model that its user brings, scored again."""

from __future__ import annotations

from pathlib import Path

from support.tiny_job import robench


def test_cells_of_a_function_are_scored_again_if_it_is_named_and_left_out_otherwise(
    counting: Path, options: list[str], tmp_path: Path
) -> None:
    assert robench("attack", "--model", "counting:scores", *options).exit_code == 0
    command = ["verify", "--runs", tmp_path / "runs", "--rescore", "4"]
    unnamed = robench(*command)
    assert unnamed.exit_code == 0
    assert "nothing was scored again." in unnamed.stdout and "largest difference" not in unnamed.stdout
    assert "is not scored again: the model is your own (counting:scores); name it with --model." in unnamed.stdout
    named = robench(*command, "--model", "counting:scores")
    assert named.exit_code == 0 and "8 texts of 1 stage were scored again" in named.stdout
    other = robench(*command, "--model", "counting:arrays")
    assert other.exit_code == 0 and "and not the one that --model names" in other.stdout
    versioned = robench(*command, "--model", "counting:scores", "--version", "2")
    assert "and not the one that --model names" in versioned.stdout, "another version is another model"
