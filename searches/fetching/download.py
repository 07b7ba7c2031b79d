"""One file over HTTP: resumed where it stopped, tried again when the line breaks, compared with its checksum.

``FOLDER/NAME.part`` holds what has come, ``NAME.part.json`` the address and the host's mark of that version; a part
whose version cannot be proved is not gone on with. ``FOLDER/NAME`` is there only when it is whole.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from archspace.errors import InputError
from archspace.files import unwritable, write_text
from searches.fetching.catalogue import Login, RemoteFile, host_of
from searches.fetching.web import FetchError, PassingError, RefusedError, Web, explained

log = logging.getLogger("searches")
_CHUNK = 1 << 18


class Meter(Protocol):
    """What shows how far one file is."""

    def __call__(self, done: int, total: int | None) -> None:
        """So many bytes of so many are there; ``total`` is None where the host does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient a download is.

    Attributes:
        tries: attempts in a row that bring nothing new before it gives up.
        wait_s: before the second attempt; doubled each time.
        longest_wait_s: between two attempts.
        timeout_s: how long a host may be silent.
    """

    tries: int = 6
    wait_s: float = 1.0
    longest_wait_s: float = 60.0
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A whole file.

    Attributes:
        path: where it is.
        bytes: its size.
        algorithm, digest: its checksum.
        published: whether that checksum was compared with a published one.
        fetched: bytes that came over the network in this run.
    """

    path: Path
    bytes: int
    algorithm: str
    digest: str
    published: bool
    fetched: int


class StaleError(Exception):
    """The part cannot be gone on with; the file must be fetched from its beginning."""


class Download:
    """One file on its way.

    Args:
        web: the session.
        file: which file.
        folder: where it goes.
        login: the form to fill in first, where there is one.
        policy: how patient it is.
        meter: is told how far it is.
    """

    def __init__(
        self, web: Web, file: RemoteFile, folder: Path, *, login: Login | None, policy: Policy, meter: Meter
    ) -> None:
        self._web, self._file, self._folder = web, file, folder
        self._login, self._policy, self._meter = login, policy, meter
        self.whole = folder / file.name
        self._part, self._note = folder / f"{file.name}.part", folder / f"{file.name}.part.json"
        self._logged_in = login is None
        self._expected: str | None = None
        self._sum = _Sum("sha256")
        self._fetched = 0
        self._resumed = self._anew = False

    @property
    def present(self) -> int:
        """Bytes that are there already, whole or in part."""
        path = self.whole if self.whole.is_file() else self._part
        return path.stat().st_size if path.is_file() else 0

    def run(self) -> Downloaded:
        """Brings the whole file.

        Raises:
            InputError: the disk is full or cannot be written, or the credentials are missing or refused.
            FetchError: the host cannot be reached, refuses, or has another file than the published one.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self._folder, error) from None
        self._expected = self._patiently(self._published)
        self._sum = _Sum("md5" if self._expected and len(self._expected) == 32 else "sha256")
        if self.whole.is_file():
            return self._kept()
        for url in self._file.urls:
            try:
                self._patiently(lambda url=url: self._go_on(url))  # type: ignore[misc]
                break
            except FetchError as error:
                if url == self._file.urls[-1]:
                    raise
                log.warning("%s; trying the next address", error)
        self._sum.read(self._part, self._meter)
        wrong = self._wrong(self._part)
        if wrong is None:
            self._part.replace(self.whole)
            self._note.unlink(missing_ok=True)
            return self._result()
        self._forget()
        if self._resumed and not self._anew:
            log.warning("%s: %s, after a resume; fetched anew", self._file.name, wrong)
            self._anew = True
            return self.run()
        raise FetchError(f"{self._file.name}: {wrong}: damaged on the way, or another file; it was deleted")

    def _kept(self) -> Downloaded:
        """The archive that lies there already, kept by an earlier run or put there by a person."""
        self._sum.read(self.whole, self._meter)
        wrong = self._wrong(self.whole)
        if wrong is not None:
            raise InputError(f"{self.whole}: {wrong}; delete it and run the same command again")
        return self._result()

    def _wrong(self, path: Path) -> str | None:
        """How a file differs from the published one; None where it does not."""
        size, found = path.stat().st_size, self._sum.hexdigest()
        if _differ(size, self._file.bytes):
            return f"it has {size:,} bytes, the published file has {self._file.bytes:,}"
        if self._expected and found != self._expected:
            return f"its {self._sum.algorithm} is {found}, the published one is {self._expected}"
        return None

    def _result(self) -> Downloaded:
        return Downloaded(
            path=self.whole, bytes=self._sum.done, algorithm=self._sum.algorithm, digest=self._sum.hexdigest(),
            published=self._expected is not None, fetched=self._fetched,
        )  # fmt: skip

    def _patiently(self, work: Callable[[], Any]) -> Any:
        """Repeats ``work`` while its faults may pass, waiting longer each time that nothing new came."""
        failures, best = 0, self.present
        while True:
            try:
                return work()
            except PassingError as error:
                failures, best = (0, self.present) if self.present > best else (failures, best)
                failures += 1
                if failures >= self._policy.tries:
                    kept = f"; {self._part} is kept, and the same command goes on" if self.present else ""
                    raise FetchError(f"{error}; given up after {failures} tries{kept}") from None
                wait = self._policy.wait_s * 2 ** (failures - 1) if error.wait_s is None else error.wait_s
                wait = min(wait, self._policy.longest_wait_s)
                log.warning("%s: %s; again in %.0f s", self._file.name, error, wait)
                time.sleep(wait)

    def _published(self) -> str | None:
        """The published checksum, asked from the host where the catalogue says so."""
        if self._file.md5_url is None or self._file.md5 or self._file.sha256:
            return self._file.sha256 or self._file.md5
        host = host_of(self._file.md5_url)
        self._log_in()
        with self._web.open(self._file.md5_url) as answer:
            words = answer.read(4096).decode("utf-8", "replace").split()
        if not words or not re.fullmatch(r"[0-9a-fA-F]{32}", words[0]):
            raise FetchError(f"{host}: answers with no MD5 for {self._file.name}{self._ask_a_person()}")
        return words[0].lower()

    def _log_in(self) -> None:
        if not self._logged_in and self._login is not None:
            self._web.log_in(self._login)
            self._logged_in = True

    def _ask_a_person(self) -> str:
        if self._login is None:
            return ""
        return f"; log in at {self._login.url} with a browser and see whether its terms wait to be accepted"

    def _go_on(self, url: str) -> None:
        """One attempt: asks for what is missing, and for everything where the part is not of this version."""
        self._log_in()
        note = self._read_note(url)
        have = self._part.stat().st_size if note else 0
        if note and note.get("bytes") == have > 0:
            return
        try:
            self._transfer(url, have, note)
        except StaleError as reason:
            log.info("%s: %s; fetched from its beginning", self._file.name, reason)
            self._forget()
            self._transfer(url, 0, None)

    def _read_note(self, url: str) -> dict[str, Any] | None:
        """What is known of the part; None where there is none that can be gone on with."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        good = isinstance(note, dict) and note.get("url") == url and self._part.is_file()
        return note if good and (note.get("version") or self._expected) else None

    def _forget(self) -> None:
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self._sum.clear()

    def _transfer(self, url: str, have: int, note: dict[str, Any] | None) -> None:
        headers = {}
        if have and note:
            headers["Range"] = f"bytes={have}-"
            if note.get("version"):
                headers["If-Range"] = note["version"]
        try:
            answer = self._web.open(url, headers)
        except RefusedError as error:
            if error.code == 416 and have:
                raise StaleError("the host has no such part") from None
            if error.code in (401, 403) and self._login is not None:
                raise FetchError(f"{error}{self._ask_a_person()}") from None
            raise
        with answer:
            self._refuse_page(answer, url)
            start, total = _span(answer)
            if have and note and answer.status == 206:
                version = _version(answer)
                known = note.get("version")
                if (
                    start != have
                    or (known and version and version != known)
                    or _differ(total, note.get("bytes"))
                ):
                    raise StaleError("the host's file has changed")
            elif have:
                log.info("%s: the host sends it from its beginning again", self._file.name)
                have = 0
            if start != have:
                raise FetchError(f"{host_of(url)}: answers with another part of the file than was asked for")
            if _differ(total, self._file.bytes):
                told = f"offers {total:,} bytes, the published file has {self._file.bytes:,}"
                raise FetchError(f"{host_of(url)}: {self._file.name}: {told}: it is another file")
            self._resumed = self._resumed or have > 0
            try:
                if have:
                    self._sum.read(self._part, self._meter)
                else:
                    self._forget()
                    write_text(
                        self._note, json.dumps({"url": url, "version": _version(answer), "bytes": total})
                    )
                self._receive(answer, have, total)
            except OSError as error:
                raise unwritable(self._part, error) from None

    def _refuse_page(self, answer: http.client.HTTPResponse, url: str) -> None:
        """A web page instead of the archive: a login that has run out, or a host that wants a person."""
        if answer.headers.get_content_type() != "text/html":
            return
        if self._login is not None and self._fetched:
            self._logged_in = False
            raise PassingError(f"{host_of(url)}: the login has run out")
        raise FetchError(
            f"{host_of(url)}: answers with a web page instead of {self._file.name}{self._ask_a_person()}"
        )

    def _receive(self, answer: http.client.HTTPResponse, have: int, total: int | None) -> None:
        host = host_of(answer.geturl())
        with self._part.open("ab" if have else "wb") as part:
            self._meter(have, total)
            while True:
                try:
                    chunk = answer.read1(_CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    raise PassingError(f"{host}: {explained(error)}") from None
                if not chunk:
                    break
                part.write(chunk)
                self._sum.update(chunk)
                have += len(chunk)
                self._fetched += len(chunk)
                self._meter(have, total)
        if total is not None and have < total:
            raise PassingError(f"{host}: the connection was cut after {have:,} of {total:,} bytes")


class _Sum:
    """A checksum of the beginning of a file, kept up while the file grows."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm, self.done = algorithm, 0
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        """The file has grown by ``chunk``."""
        self._hash.update(chunk)
        self.done += len(chunk)

    def read(self, path: Path, meter: Meter) -> None:
        """Takes in what of ``path`` was not seen yet; all of it where more was seen than is there."""
        size = path.stat().st_size
        if self.done > size:
            self.clear()
        with path.open("rb") as file:
            file.seek(self.done)
            while chunk := file.read(_CHUNK):
                self.update(chunk)
                meter(self.done, size)

    def clear(self) -> None:
        """Forgets everything."""
        self.done, self._hash = 0, hashlib.new(self.algorithm, usedforsecurity=False)

    def hexdigest(self) -> str:
        """Of what was taken in so far."""
        return self._hash.hexdigest()


def _differ(found: int | None, wanted: int | None) -> bool:
    return found is not None and wanted is not None and found != wanted


def _version(answer: http.client.HTTPResponse) -> str | None:
    """What an If-Range header may name: a strong ETag, else the date of the last change."""
    tag = answer.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")


def _span(answer: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where the answer's bytes begin in the file, and the file's size where it is told."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if answer.status == 206 and span:
        return int(span[1]), None if span[2] == "*" else int(span[2])
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length and length.isdigit() else None
