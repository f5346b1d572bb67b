"""``robench compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robench.cli.failures import report_failures
from robench.cli.output import print_text
from robench.cli.parameters import parse_numbers
from robench.cli.shared_options import (
    DATA_FORMATS,
    DataFormatOption,
    PluginOption,
    RunsOption,
    check_format,
    load_plugins,
)
from robench.escaping import dump_json, escape_line
from robench.results.intervals import LEVEL

LevelOption = Annotated[float, typer.Option(metavar="SHARE", help="Level of intervals and tests.")]


@report_failures
def compare(
    first: Annotated[str, typer.Argument(metavar="DEFENSE", help="A defense or a model: yours, or DEFENSE on ATTACK.")],
    second: Annotated[str, typer.Argument(metavar="DEFENSE", help="The one to compare it with.")],
    task: Annotated[str, typer.Option("--task", "-t", help="The task.")],
    attack: Annotated[
        str | None,
        typer.Option(
            "--attack", "-a", help="The attack, or worst for the worst of all; by default, clean texts are compared."
        ),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option(metavar="POINTS", help="Say how many samples and seeds can find a difference this large."),
    ] = None,
    level: LevelOption = LEVEL,
    encoder: Annotated[str | None, typer.Option(help="Only this encoder.")] = None,
    preset: Annotated[str | None, typer.Option(help="Only this preset.")] = None,
    seed: Annotated[list[str] | None, typer.Option(help="Only these seeds.")] = None,
    split: Annotated[str, typer.Option(help="The attacked rows: test or dev.")] = "test",
    format: DataFormatOption = "rich",
    runs: RunsOption = Path("runs"),
    plugin: PluginOption = None,
) -> None:
    """Say which of two defenses is better, by how much, and how certain that is.

    They are compared sample by sample, on the samples and seeds that both have.
    With one seed, the answer is about the two trained models; with three or more, about the defenses.
    Of a defense that is trained once for each attack, each model is compared under its own attack; "ada on pwws" is the
    model of ada that was trained against PWWS, under any attack.

      robench compare taichi ada --task trec --attack pwws
      robench compare taichi ada --task trec --attack pwws --difference 3
      robench compare "taichi on pwws" base --task trec --attack worst
    """
    from robench.report.pairwise import compare as compare_defenses

    check_format(format, DATA_FORMATS)
    load_plugins(plugin)
    found = compare_defenses(
        first,
        second,
        task=task,
        attack=attack or "",
        encoder=encoder or "",
        preset=preset or "",
        seed=parse_numbers(seed, "--seed"),
        split=split,
        runs=runs,
        level=level,
        difference=difference,
    )
    print_text(dump_json(found.describe()) if format == "json" else "\n".join(map(escape_line, found.sentences)))
