"""The figures of a paper, drawn from what a runs folder holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module

from robench.errors import RobenchError
from robench.plugins.suggestions import explain_unknown
from robench.report.figures.canvas import Drawing, save
from robench.report.figures.general_figures import list_general_figures
from robench.report.figures.request import FigureRequest
from robench.results import papers
from robench.results.paper_contents import DEFAULT
from robench.results.sample_reader import SampleReader
from robench.results.selection import ALL, Selection
from robench.results.store import Store
from robench.study.commands import format_paper_command

__all__ = ["Drawing", "draw", "save"]


def draw(
    number: str,
    store: Store,
    *,
    paper: str = DEFAULT,
    selection: Selection = ALL,
    device: str = "auto",
    options: Sequence[str] = (),
    reader: SampleReader | None = None,
) -> Drawing:
    """Draw a figure of a paper; :func:`save` writes it.

    Results that cannot be compared never meet in one figure: of several settings the one with most results is drawn,
    and the caption counts the others.

    Args:
        number: of one of the paper's figures, or the name of one of our own.
        store: the runs folder.
        paper: its name, or a folder with a ``paper.toml``.
        selection: the results to draw. By default its one task, its attacks and its defenses are the figure's; a figure
            that is about no particular attacks has all that have results.
        device: where the model of a figure of kind ``plane`` runs.
        options: what to add to the commands in errors, such as ``["--runs", "elsewhere"]``.
        reader: of the runs folder, if it has read something already.

    Raises:
        RobenchError: there is no such paper or figure, or results that it needs are missing; the error says what makes
            them.
    """
    contents = papers.find_paper(paper)
    figures = {**list_general_figures(contents), **contents.figures}
    if number not in figures:
        hint = f"`{format_paper_command(contents, 'figure', 'all', *options)}` draws each"
        raise RobenchError(
            explain_unknown("figure", number, [*contents.figures, *list_general_figures(contents)], hint)
        )
    figure = figures[number]
    for facet, names in (
        ("task", selection.tasks),
        ("attack", selection.attacks if figure.is_about_one_attack else ()),
    ):
        if len(names) > 1:
            raise RobenchError(f"figure {number} is about one {facet}, not {', '.join(names)}; draw it for each.")
    selection = replace(
        selection,
        tasks=selection.tasks or (figure.task,),
        attacks=selection.attacks or figure.attacks,
        defenses=selection.defenses or figure.defenses,
    )
    # Only a run for the figure makes the values of a sweep.
    command_options = [*options, "--figure", number, *contents.options] if figure.sweep else options
    request = FigureRequest(contents, figure, selection, command_options, reader, device)
    drawer: Callable[[Store, FigureRequest], Drawing] = import_module(f"robench.report.figures.{figure.kind}").draw
    return drawer(store, request)
