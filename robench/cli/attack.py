"""``robench attack``."""

from __future__ import annotations

from robench.cli.common import DryRunOption, load_plugins, report_failures, report_log, run_and_show
from robench.cli.parameters import add_options
from robench.console import Console
from robench.study.options import AttackOptions, StoreOptions, changed_words


@report_failures
@add_options(AttackOptions, StoreOptions)
def attack(options: AttackOptions, place: StoreOptions, *, dry_run: DryRunOption = False) -> None:
    """Attack a model of your own, and show the table.

    Nothing is trained. The model is checked first; warnings about misleading numbers are shown and stored with them.
    Its row stands in `robench table 5` under --name; an interrupted run continues where it stopped.

      robench attack --model ./my-classifier --task trec --attack pwws,deepwordbug
      robench attack --model textattack/bert-base-uncased-SST-2 --task sst2 --preset paper
      robench attack --model my_model:scores --task mr --preset quick
    """
    from robench.bars import choose_reporter
    from robench.report.reproduce import Target
    from robench.study.victim_request import VictimRequest

    load_plugins(place.plugins)
    reporter = choose_reporter(Console(stderr=True))
    report_log(reporter)
    request = VictimRequest.of(options)
    request.check()
    command = ["attack", *changed_words(options)]
    cells = run_and_show([request], Target(), place, reporter, command=command, dry_run=dry_run)
    for other in sorted({cell.info.defense.name for cell in cells} - {request.source.name}):
        reporter.warn(f"note: the same model was attacked before as {other}, and keeps that name.")
    if cells:
        reporter.say(f"results are in {place.runs}; {Target().hint}.")
