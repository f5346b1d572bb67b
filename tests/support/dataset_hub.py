"""A Hub on this machine that serves the files of one data set."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import huggingface_hub
import pytest

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

    class Handler(http.server.BaseHTTPRequestHandler):
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

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        constants, template = huggingface_hub.constants, f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr(constants, "ENDPOINT", address)  # as HF_ENDPOINT sets them before the library is imported
        for module in (constants, huggingface_hub.file_download):  # which imports it in earlier versions
            patch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
        try:
            yield asked
        finally:
            server.shutdown()
            server.server_close()


KNOWN = ("main", "v1", SHA)
"""The revisions that it knows."""
