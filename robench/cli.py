"""The command line."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from robench.errors import RobenchError
from robench.spec import Existing

F = TypeVar("F", bound=Callable[..., None])

app = typer.Typer(
    name="robench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which defense of a text classifier holds, against which attack, at what price, and how sure are we?\n\n"
    "[bold]robench run --defense base,ada,taichi --task trec --preset quick[/] trains and attacks; "
    "[bold]robench table 5[/] shows what came out. `robench list` names what there is.",
)


def main() -> None:
    """Run the command line; a failure that the user can mend is a sentence on stderr and exit code 2."""
    app()


def _told(command: F) -> F:
    """Turn robench's errors, an interrupt and a closed pipe into what a shell expects."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except RobenchError as error:
            Console(stderr=True).print(f"[bold red]robench:[/] {_escaped(str(error))}", soft_wrap=True, highlight=False)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            message = "interrupted; what is finished is kept, and the same command goes on from there."
            Console(stderr=True).print(f"\n[bold]robench:[/] {message}", soft_wrap=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return wrapped  # type: ignore[return-value]


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _split(given: list[str] | None) -> list[str]:
    """Comma-separated or repeated: a flat list."""
    return [name.strip() for text in given or [] for name in text.split(",") if name.strip()]


def _numbers(given: list[str] | None, option: str) -> list[int]:
    try:
        return [int(text) for text in _split(given)]
    except ValueError:
        raise RobenchError(f"{option} {','.join(given or [])}: whole numbers, separated by commas.") from None


RunsOption = Annotated[
    Path, typer.Option("--runs", metavar="DIR", envvar="ROBENCH_RUNS", help="Folder of results; never computed twice.")
]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file that registers a defense, attack or task."),
]


@app.command()
@_told
def run(
    defense: Annotated[list[str], typer.Option("--defense", "-d", help="Names, separated by commas, or all.")],
    task: Annotated[list[str], typer.Option("--task", "-t", help="Names, separated by commas, or all.")],
    attack: Annotated[
        list[str] | None,
        typer.Option("--attack", "-a", help="Names, or all.", show_default="those of the paper that are there"),
    ] = None,
    preset: Annotated[str, typer.Option(help="quick (minutes on two cores), laptop or paper.")] = "laptop",
    encoder: Annotated[
        str | None, typer.Option(help="minilm, a folder or a Hub id.", show_default="the preset's")
    ] = None,
    seed: Annotated[
        list[str] | None, typer.Option(help="One or several, separated by commas.", show_default="42")
    ] = None,
    train_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Most training rows.", show_default="the preset's")
    ] = None,
    attack_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Most attacked test samples.", show_default="the preset's")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME.FIELD=VALUE", help="A hyper-parameter, as in taichi.temperature=0.5."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with TASK/{train,dev,test}.tsv (.csv, .parquet). Also ROBENCH_DATA."),
    ] = None,
    runs: RunsOption = Path("runs"),
    plugin: PluginOption = None,
    existing: Annotated[
        Existing, typer.Option(help="only-missing, always (compute again) or only-cache (compute nothing).")
    ] = "only-missing",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16; part of the result's key.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing from anywhere.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and what is there.")] = False,
) -> None:
    """Train defenses, attack them, and show the table.

    What the runs folder holds already is used, and an interrupted run goes on where it stopped.

      robench run --defense base,ada,taichi --task trec --attack pwws,deepwordbug --preset quick
      robench run --defense taichi --task sst2 --data ~/data --seed 1,2,3
      robench run --defense my-defense --plugin my_defense.py --task mr --preset quick
    """
    from robench import options, registry
    from robench.progress import reporter_for
    from robench.request import Request
    from robench.store import Store

    for path in plugin or []:
        registry.load_plugin(path)
    request = Request(
        defenses=_split(defense),
        tasks=_split(task),
        attacks=_split(attack),
        preset=preset,
        encoder=encoder,
        seeds=_numbers(seed, "--seed") or (42,),
        train_limit=train_limit,
        attack_limit=attack_limit,
        data=data,
        offline=offline,
        precision=precision,
        device=device,
        settings=options.parse(settings or []),
    )
    reporter = reporter_for(Console(stderr=True))
    store = Store(runs)
    if dry_run:
        from robench.dryrun import show_plan

        show_plan(request, store, existing, reporter, Console())
        return
    from robench.api import run_request
    from robench.tables import table5

    cells = run_request(request, store, reporter, existing)
    if not cells:
        raise RobenchError(f"none of these cells is in {runs}; leave --existing only-cache out to make them.")
    _print(table5(cells, runs=str(runs)), "rich")
    reporter.say(f"results are in {runs}; `robench table 5` shows all, `robench show CELL` one of them.")


@app.command()
@_told
def table(
    number: Annotated[str, typer.Argument(help="The paper's number of the table.", show_default=True)] = "5",
    format: Annotated[str, typer.Option("--format", "-f", help="rich, md, csv, json or latex.")] = "rich",
    task: Annotated[list[str] | None, typer.Option("--task", "-t", help="Only these tasks.")] = None,
    defense: Annotated[list[str] | None, typer.Option("--defense", "-d", help="Only these defenses.")] = None,
    attack: Annotated[list[str] | None, typer.Option("--attack", "-a", help="Only these attacks.")] = None,
    encoder: Annotated[list[str] | None, typer.Option(help="Only these encoders.")] = None,
    preset: Annotated[list[str] | None, typer.Option(help="Only runs of these presets.")] = None,
    seed: Annotated[list[str] | None, typer.Option(help="Only these seeds.")] = None,
    runs: RunsOption = Path("runs"),
) -> None:
    """Show a table of the paper, filled with what the runs folder holds.

    Table 5: clean accuracy and accuracy under each attack, for every task and defense.
    """
    from robench import rendering, tables
    from robench.registry import unknown
    from robench.store import Store

    if number not in tables.TABLES:
        raise RobenchError(unknown("table", number, list(tables.TABLES), "more of the paper's tables are to come"))
    if format not in rendering.FORMATS:
        raise RobenchError(unknown("format", format, list(rendering.FORMATS), "the default is rich"))
    made = tables.TABLES[number](
        Store(runs).stages("cells"),
        runs=str(runs),
        options=[] if runs == Path("runs") else ["--runs", str(runs)],
        tasks=_split(task),
        defenses=_split(defense),
        attacks=_split(attack),
        encoders=_split(encoder),
        presets=_split(preset),
        seeds=_numbers(seed, "--seed"),
    )
    _print(made, format)


def _print(made: Any, format: str) -> None:
    """Print a table: for people through rich, for programs as it is."""
    from robench import rendering

    sys.stdout.write(rendering.render(made, format, Console()).rstrip("\n") + "\n")


@app.command(name="list")
@_told
def list_(
    what: Annotated[
        str | None, typer.Argument(help="defenses, attacks, tasks, encoders or presets; all by default.")
    ] = None,
    format: Annotated[str, typer.Option("--format", "-f", help="rich or json.")] = "rich",
    plugin: PluginOption = None,
) -> None:
    """Name what there is: defenses, attacks, tasks, encoders and presets."""
    from robench import listing, registry

    for path in plugin or []:
        registry.load_plugin(path)
    listing.show(what, format, Console())


@app.command()
@_told
def show(
    cell: Annotated[str, typer.Argument(help="Name or key of a cell (or model) in the runs folder, or its beginning.")],
    examples: Annotated[int, typer.Option(metavar="N", help="How many attacked texts to show.")] = 5,
    format: Annotated[str, typer.Option("--format", "-f", help="rich or json.")] = "rich",
    runs: RunsOption = Path("runs"),
) -> None:
    """Show one result: where it came from, how training went, what the attack did."""
    from robench import show as showing
    from robench.store import Store

    store = Store(runs)
    stage = store.find(cell)
    if format == "json":
        sys.stdout.write(showing.show_json(stage, store, examples=examples) + "\n")
    else:
        Console().print(showing.show(stage, store, examples=examples))


@app.command()
@_told
def doctor() -> None:
    """Say what this machine has, what is missing, and how to get it."""
    from robench import checkup

    if not checkup.show(Console()):
        raise typer.Exit(1)
