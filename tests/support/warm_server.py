"""Run as a script: import what a run imports, once; then fork a process for each command line that comes on stdin.

A request is a line of JSON: ``{"start": {...}}`` is answered with the new process's id, ``{"wait": id}`` with its exit
code, however often it is asked, ``{"alive": id}`` with 1 or 0, after the number of the request. So a test can kill real
processes without paying ten seconds of imports for each.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from robench import api, cli
from robench.report import rendering, tables
from robench.resources.textattack import load_textattack
from robench.study import runner
from robench.training import checkpoints
from support.warm_workers import use_warm_workers


def become(job: dict[str, Any]) -> NoReturn:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    starving = starve(job["largest_file"], job["err"]) if job["largest_file"] else None
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in a shell's background
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
    if job["checkpoint_always"]:  # after each step of a training
        checkpoints.SHORTEST_INTERVAL = checkpoints.INTERVAL_PER_WRITE = 0.0
    if job["packages"]:
        sys.path.insert(0, job["packages"])
    if job["warm_workers"]:
        use_warm_workers()
    sys.argv = ["robench", *job["arguments"]]
    code = 1
    try:
        cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if starving is not None:
            os.close(2)
            starving.wait()
        os._exit(code)


def starve(largest: int, err: str) -> subprocess.Popen[bytes]:
    """What a full disk does, without one: writes beyond this size fail, but for those to stderr."""
    with Path(err).open("ab") as file:
        copier = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
    assert copier.stdin is not None
    os.dup2(copier.stdin.fileno(), 2)
    copier.stdin.close()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    return copier


def main() -> None:
    assert all((api, rendering, runner, tables))
    from transformers import AutoModel, AutoTokenizer, BertModel, BertTokenizerFast

    assert all((AutoModel, AutoTokenizer, BertModel, BertTokenizerFast))
    load_textattack(offline="--offline" in sys.argv)
    import textattack.attack_recipes  # noqa: F401

    codes: dict[int, int] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "alive" in request:
            process = request["alive"]
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            answer = int(process not in codes and os.waitid(os.P_PID, process, options) is None)
        elif "wait" in request:
            process = request["wait"]
            if process not in codes:
                codes[process] = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            answer = codes[process]
        else:
            answer = os.fork()
            if answer == 0:
                become(request["start"])
        sys.stdout.write(f"{request['number']} {answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
