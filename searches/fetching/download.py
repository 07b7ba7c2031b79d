"""One file over HTTP: resumed where it stopped, tried again when the line breaks, compared with its checksum.

``FOLDER/NAME`` is there only when it is whole. A part whose version cannot be proved is not gone on with.
"""

from __future__ import annotations

import http.client
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspace.support.errors import InputError
from archspace.support.files import unwritable
from searches.fetching.catalogue import Login, RemoteFile, host_of
from searches.fetching.part import Meter, Note, Part
from searches.fetching.web import FetchError, PassingError, RefusedError, Web, explained

log = logging.getLogger("searches")
_CHUNK = 1 << 18


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
        self._part = Part(folder / f"{file.name}.part", meter)
        self._logged_in = login is None
        self._expected: str | None = None
        self._fetched = 0
        self._resumed = self._anew = False

    @property
    def present(self) -> int:
        """Bytes that are there already, whole or in part."""
        return self.whole.stat().st_size if self.whole.is_file() else self._part.size

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
        self._expected = self._with_retries(self._published)
        self._part.algorithm = "md5" if self._expected and len(self._expected) == 32 else "sha256"
        if self.whole.is_file():
            return self._kept()
        for url in self._file.urls:
            try:
                self._with_retries(lambda url=url: self._go_on(url))  # type: ignore[misc]
                break
            except FetchError as error:
                if url == self._file.urls[-1]:
                    raise
                log.warning("%s; trying the next address", error)
        self._part.sum_up()
        wrong = self._wrong(self._part)
        if wrong is None:
            self._part.become(self.whole)
            return self._result(self._part)
        self._part.forget()
        if self._resumed and not self._anew:
            log.warning("%s: %s, after a resume; fetched anew", self._file.name, wrong)
            self._anew = True
            return self.run()
        raise FetchError(f"{self._file.name}: {wrong}: damaged on the way, or another file; it was deleted")

    def _kept(self) -> Downloaded:
        """The archive that lies there already, kept by an earlier run or put there by a person."""
        kept = Part(self.whole, self._meter, self._part.algorithm)
        kept.sum_up()
        wrong = self._wrong(kept)
        if wrong is not None:
            raise InputError(f"{self.whole}: {wrong}; delete it and run the same command again")
        return self._result(kept)

    def _wrong(self, part: Part) -> str | None:
        """How a file differs from the published one; None where it does not."""
        if _differ(part.summed, self._file.bytes):
            return f"it has {part.summed:,} bytes, the published file has {self._file.bytes:,}"
        if self._expected and part.digest != self._expected:
            return f"its {part.algorithm} is {part.digest}, the published one is {self._expected}"
        return None

    def _result(self, part: Part) -> Downloaded:
        return Downloaded(
            path=self.whole, bytes=part.summed, algorithm=part.algorithm, digest=part.digest,
            published=self._expected is not None, fetched=self._fetched,
        )  # fmt: skip

    def _with_retries(self, work: Callable[[], Any]) -> Any:
        """Repeats ``work`` while its faults may pass, waiting longer each time that nothing new came."""
        failures, best = 0, self.present
        while True:
            try:
                return work()
            except PassingError as error:
                failures, best = (0, self.present) if self.present > best else (failures, best)
                failures += 1
                if failures >= self._policy.tries:
                    kept = (
                        f"; {self._part.path} is kept, and the same command goes on" if self.present else ""
                    )
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
        note = self._part.note(url)
        if note is not None and note.version is None and self._expected is None:
            note = None
        if note is not None and note.bytes == self._part.size > 0:
            self._resumed = True
            return
        try:
            self._transfer(url, note)
        except StaleError as reason:
            log.info("%s: %s; fetched from its beginning", self._file.name, reason)
            self._part.forget()
            self._transfer(url, None)

    def _transfer(self, url: str, note: Note | None) -> None:
        """One request: for what is missing of the version in ``note``, or for everything."""
        have, headers = self._part.size if note else 0, {}
        if note and have:
            headers["Range"] = f"bytes={have}-"
            if note.version:
                headers["If-Range"] = note.version
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
            start, offered = _described(answer, url)
            if note and have and answer.status == 206:
                changed = (
                    start != have
                    or _differ(offered.bytes, note.bytes)
                    or _differ(offered.version, note.version)
                )
                if changed:
                    raise StaleError("the host's file has changed")
            elif have:
                log.info("%s: the host sends it from its beginning again", self._file.name)
                have = 0
            if start != have:
                raise FetchError(f"{host_of(url)}: answers with another part of the file than was asked for")
            if _differ(offered.bytes, self._file.bytes):
                fault = f"offers {offered.bytes:,} bytes, the published file has {self._file.bytes:,}"
                raise FetchError(f"{host_of(url)}: {self._file.name}: {fault}: it is another file")
            self._resumed = self._resumed or have > 0
            try:
                self._part.sum_up() if have else self._part.begin(offered)
                self._receive(answer, have, offered.bytes)
            except OSError as error:
                raise unwritable(self._part.path, error) from None

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
        with self._part.path.open("ab" if have else "wb") as file:
            self._meter(have, total)
            while True:
                try:
                    chunk = answer.read1(_CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    raise PassingError(f"{host}: {explained(error)}") from None
                if not chunk:
                    break
                file.write(chunk)
                self._part.grown(chunk)
                have += len(chunk)
                self._fetched += len(chunk)
                self._meter(have, total)
        if total is not None and have < total:
            raise PassingError(f"{host}: the connection was cut after {have:,} of {total:,} bytes")


def _differ(actual: object, wanted: object) -> bool:
    return actual is not None and wanted is not None and actual != wanted


def _described(answer: http.client.HTTPResponse, url: str) -> tuple[int, Note]:
    """Where the answer's bytes begin in the file, and what the host says of the file."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    length = answer.headers.get("Content-Length") or ""
    start, size = 0, int(length) if length.isdigit() else None
    if answer.status == 206 and span:
        start, size = int(span[1]), None if span[2] == "*" else int(span[2])
    tag = answer.headers.get("ETag")
    strong = tag if tag and not tag.startswith("W/") else None
    return start, Note(url=url, version=strong or answer.headers.get("Last-Modified"), bytes=size)
