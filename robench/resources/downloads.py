"""Downloads of one large file over HTTP, with a progress bar; an interrupted download is resumed."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from robench.bars import choose_reporter
from robench.console import Console
from robench.errors import UnavailableError
from robench.paths import translate_os_errors

READ_TIMEOUT = 15.0
"""Seconds without a byte after which a connection counts as broken."""
TRIES = 3
"""Connections in a row without a new byte after which a download is given up."""
PAUSE = 2.0
"""Seconds between a broken connection and the next."""

_CHUNK = 1 << 20


class _BrokenConnectionError(Exception):
    """The connection failed or ended early; another one may deliver more."""


def download_file(url: str, file: Path, *, title: str, advice: str) -> None:
    """Download ``url`` to ``file``, and resume an earlier download if the server still has the same version.

    A bar on stderr shows the progress. The version (the server's ETag or date) is stored in ``<file>.version``;
    :func:`discard_download` removes both.
    If the server cannot send a part of a file, the whole file is downloaded again.

    Args:
        url: http or https address.
        file: the target. It is complete when this returns, and keeps what was received when this raises.
        title: the file's name in the progress bar and in messages.
        advice: the end of an error message: what a user can do without the server.

    Raises:
        UnavailableError: the server does not answer, refuses, or repeatedly breaks the connection.
        RobenchError: the file cannot be written.
    """
    with translate_os_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    with choose_reporter(Console(stderr=True)).track(title, "MB") as work:
        while True:
            before = _size(file)
            try:
                for have, total in _receive(url, file):
                    work.set_progress(have // 10**6, max(have, total) // 10**6)
                break
            except _BrokenConnectionError as error:
                failures = 0 if _size(file) > before else failures + 1
                if failures == TRIES:
                    raise UnavailableError(f"{title} cannot be fetched from {url}: {error}. {advice}") from error
                time.sleep(PAUSE)
            except urllib.error.HTTPError as error:
                refusal = f"HTTP {error.code} {error.reason}"
                raise UnavailableError(f"{title} cannot be fetched: {url} answers {refusal}. {advice}") from error


def discard_download(file: Path) -> None:
    """Remove a download and its version file."""
    for path in (file, _version_file(file)):
        path.unlink(missing_ok=True)


def _receive(url: str, file: Path) -> Iterator[tuple[int, int]]:
    """Receive the rest of the file over one connection.

    Yields:
        The number of bytes in the file, and the number when it is complete (0 if unknown).

    Raises:
        _BrokenConnectionError: there is no connection, or it ended before the file did.
        HTTPError: the server refuses for good.
    """
    have = _size(file) if _version_file(file).is_file() else 0
    try:
        response = _request(url, file, have)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return  # the file is complete
        _version_file(file).unlink()
        raise _BrokenConnectionError("the earlier part is longer than the file") from error
    with response:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if response.status == HTTPStatus.PARTIAL_CONTENT and part and int(part[1]) == have:
            total = int(part[2])
        else:
            have, total = 0, int(response.headers.get("Content-Length") or 0)
            _note_version(file, response.headers.get("ETag") or response.headers.get("Last-Modified"))
        with translate_os_errors(file), file.open("r+b" if have else "wb") as out:
            out.seek(have)
            while chunk := _read(response):
                out.write(chunk)
                have += len(chunk)
                yield have, total
    if have < total:
        raise _BrokenConnectionError(f"the connection broke off after {have / 1e6:.1f} of {total / 1e6:.1f} MB")


def _request(url: str, file: Path, have: int) -> http.client.HTTPResponse:
    headers = {"Range": f"bytes={have}-", "If-Range": _version_file(file).read_text("utf-8")} if have else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=READ_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _BrokenConnectionError(f"HTTP {error.code} {error.reason}") from error
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenConnectionError(str(getattr(error, "reason", error)) or type(error).__name__) from error
    return response


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenConnectionError(f"the connection broke off ({type(error).__name__})") from error


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _version_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.version")


def _note_version(file: Path, version: str | None) -> None:
    """Store the file's version. Without one, a later call cannot tell whether it may resume, so it starts anew."""
    with translate_os_errors(file):
        if version and not version.startswith("W/"):
            _version_file(file).write_text(version, "utf-8")
        else:
            _version_file(file).unlink(missing_ok=True)
