"""``robench judge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robench.cli.failures import report_failures
from robench.cli.output import print_notes, print_text
from robench.cli.shared_options import FormatOption, RunsOption, check_format, open_store
from robench.console import Console
from robench.errors import RobenchError


@report_failures
def judge(
    cell: Annotated[str, typer.Argument(help="Name or key of a cell, or its beginning.")],
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="More files of answers, after --read FILE.")
    ] = None,
    count: Annotated[
        int,
        typer.Option("-n", "--count", metavar="N", min=1, help="Use at most N successful attacks, two texts each."),
    ] = 100,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder for the judges.", show_default="judge- and the cell's key"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed for drawing and ordering texts.")] = 42,
    read: Annotated[
        list[Path] | None,
        typer.Option("--read", metavar="FILE", help="A judge's answers (.csv, .json); show the table of all answers."),
    ] = None,
    format: FormatOption = "rich",
    runs: RunsOption = Path("runs"),
) -> None:
    """Let people label adversarial texts, and show how many labels they keep.

    Without --read, write a folder with judge.html and texts.csv: adversarial and clean texts in blind random order.
    Send it to one or more people; they save their answers as a file. DIR.key.json, beside the folder, tells the texts
    apart: keep it to yourself.

      robench judge trec-base-pwws-seed42 -n 100 --out for-judges
      robench judge trec-base-pwws-seed42 --out for-judges --read anna.csv ben.json
    """
    from robench.report import judge as judging
    from robench.results.find_stage import find_stage
    from robench.results.folder_kind import refuse_entries
    from robench.results.info import CellInfo

    store = open_store(runs)
    refuse_entries(store.root, "texts")
    stage = find_stage(store, cell)
    if not isinstance(stage.info, CellInfo):
        raise RobenchError(
            f"{stage.folder.name} is no cell, but one of the {stage.info.kind}: its texts are not judged."
        )
    folder = out or Path(f"judge-{stage.key}")
    if read:
        from robench.report import rendering

        check_format(format, rendering.FORMATS)
        table = judging.judge_table(stage, folder, [*read, *(more or ())])
        print_text(rendering.render(table, format, Console()))
        return
    if more:
        raise RobenchError(f"{more[0]}: files of answers stand behind --read.")
    key = judging.write_page(stage, folder, count=count, seed=seed)
    texts = f"{len(key.texts):,} texts, half of them adversarial, are in {folder}"
    hint = f"The key is {judging.key_path(folder)}; the judges should not have it."
    print_notes([f"{texts}: open {judging.PAGE_FILE} in a browser.", hint])
