"""A Hub on this machine that serves the files of one data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import huggingface_hub
import pytest

from support.http_server import LocalServer, QuietHandler

SHA = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "someone/films"


def describe(file: Path) -> dict[str, Any]:
    """What the Hub says of a file: its size and its identity."""
    content = file.read_bytes()
    return {"size": len(content), "oid": hashlib.sha256(content).hexdigest()}


@contextmanager
def serve_dataset(folder: Path, cache: Path) -> Iterator[list[str]]:
    """Serve a folder as the data set ``someone/films`` to the Hub's client; yield the paths that are asked for.

    Args:
        folder: the files.
        cache: what the client and ``datasets`` keep.
    """
    import datasets

    asked: list[str] = []

    def files() -> list[str]:
        return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = unquote(self.path.partition("?")[0])
            if path.startswith(f"/api/datasets/{REPOSITORY}/revision/gone"):
                self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            elif path in (f"/api/datasets/{REPOSITORY}", *(f"/api/datasets/{REPOSITORY}/revision/{r}" for r in KNOWN)):
                siblings = [{"rfilename": name} for name in files()]
                self.answer(200, json.dumps({"id": REPOSITORY, "sha": SHA, "siblings": siblings}).encode())
            elif path == f"/api/datasets/{REPOSITORY}/tree/{SHA}":  # huggingface_hub 2 asks for this as well
                tree = [{"type": "file", "path": name, **describe(folder / name)} for name in files()]
                self.answer(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
            elif (file := folder / path.removeprefix(f"/datasets/{REPOSITORY}/resolve/{SHA}/")).is_file():
                etag = describe(file)["oid"]
                self.answer(200, file.read_bytes(), {"ETag": f'"{etag}"', "X-Repo-Commit": SHA})
            else:
                self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

        do_HEAD = do_GET  # noqa: N815  the name that the base class looks for

    with LocalServer(Handler).run() as address, pytest.MonkeyPatch.context() as patch:
        use_hub(patch, address, cache / "hub")
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        for module in (huggingface_hub.constants, huggingface_hub.file_download):  # it imports it in earlier versions
            patch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
        yield asked


def use_hub(patch: pytest.MonkeyPatch, address: str, cache: Path) -> None:
    """Let the Hub's client ask a Hub of ours, whatever the environment says of one, as HF_ENDPOINT would before it."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        patch.delenv(name, raising=False)
        patch.delenv(name.upper(), raising=False)
    patch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))


KNOWN = ("main", "v1", SHA)
"""The revisions that it knows."""
