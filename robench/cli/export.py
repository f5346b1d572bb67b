"""``robench export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robench.cli.failures import report_failures
from robench.cli.output import print_notes
from robench.cli.shared_options import RunsOption, open_store


@report_failures
def export(
    cell: Annotated[str, typer.Argument(help="Name or key of a cell or trained model, or its beginning.")],
    target: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
    runs: RunsOption = Path("runs"),
    force: Annotated[
        bool, typer.Option("--force", help="Write into DIR even if it has files; replace those of the same names.")
    ] = False,
) -> None:
    """Export a trained defense as a folder that Transformers loads.

    It has the weights (safetensors), tokenizer, code and a model card.
    `robench attack --model DIR` attacks it.

      robench export trec-taichi-pwws ./taichi-trec
    """
    from robench.report import export as exporting

    model = exporting.export(open_store(runs), cell, target, force=force)
    print_notes([f"{model.folder.name} is in {target}; load it with", f"  {exporting.loading_lines(str(target))}"])
