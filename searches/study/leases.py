"""Whose trial it is: a lease that stands in the storage with the trial, renewed by who works on it.

The owner increases a counter (``beat``) every sixth of the lease's time. Whoever waits for the trial watches the
counter by a clock of his own: a lease has run out when he has seen the counter stand still for the lease's time. No two
machines' clocks are ever compared, and time in which the storage could not be reached, or in which the watcher himself
stood still, does not count. On one machine nobody has to wait: a process that has died has let go its kernel's lock.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.locks import Held, try_lock
from archspace.support.machine import machine

log = logging.getLogger(__name__)

LEASE_ATTR, BEAT_ATTR, BEATEN_ATTR = "lease", "beat", "beaten"
"""Who has a trial, the counter, and when it was increased last by its owner's clock, which is for people alone."""
LET_GO_ATTR = "let go"
"""The token of the lease whose owner was interrupted and said so; for people alone."""
LEASE_S = 60.0
"""How long a lease lasts that is not renewed, where the study does not say."""

BEATS = 6
"""How often a lease is renewed in its time."""

JOIN_S = 5.0
"""How long the end of a trial waits for a beat that the storage does not answer."""

OWNER_FILE, LOCK_FILE = "owner", "lock"


class LeaseLost(Exception):
    """The trial belongs to another worker by now, or has ended; what this one made of it does not count."""


def utc_now() -> str:
    """Returns the time of this machine, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def beaten(beat: int) -> dict[str, Any]:
    """Returns the attributes of a trial whose counter comes to ``beat`` now."""
    return {BEAT_ATTR: beat, BEATEN_ATTR: utc_now()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who works on a trial.

    Attributes:
        token: of this claim alone.
        machine, host, process: whose.
        folder: the trial's folder on that machine.
        seconds: how long it lasts without being renewed.
        since: when the trial was claimed, by the clock of that machine; for people.
        term: how many leases the trial had before.
    """

    token: str
    machine: str
    host: str
    process: int
    folder: str
    seconds: float
    since: str
    term: int = 0

    @classmethod
    def here(cls, folder: Path, seconds: float, term: int = 0) -> Lease:
        """Returns a new lease of this process on the trial in ``folder``."""
        return cls(
            token=uuid.uuid4().hex, machine=machine(), host=platform.node(), process=os.getpid(),
            folder=str(folder.absolute()), seconds=seconds, term=term,
            since=utc_now(),
        )  # fmt: skip

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Lease | None:
        """Returns the lease in a trial's attributes; ``None`` where there is none, or it was given up."""
        held = attributes.get(LEASE_ATTR)
        return cls(**held) if held else None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return asdict(self)

    @property
    def owner(self) -> str:
        """Who it is, in words."""
        return f"process {self.process} on {self.host}"

    def is_of(self, folder: Path) -> bool:
        """Returns whether its owner worked in this folder of this machine."""
        return self.machine == machine() and self.folder == str(folder.absolute())

    def lock_of_the_dead(self) -> Held | None:
        """Returns the kernel's lock of the trial if its owner was a process of this machine and has died."""
        if self.machine != machine():
            return None
        folder = Path(self.folder)
        try:  # another container of this machine may have another file of this path
            same = (folder / OWNER_FILE).read_text(encoding="ascii").strip() == self.token
        except (OSError, ValueError):
            return None
        return try_lock(folder / LOCK_FILE) if same else None

    def mark(self) -> Held | None:
        """Takes the kernel's lock of the trial and signs for it; ``None`` where one that stands still has it."""
        folder = Path(self.folder)
        lock = try_lock(folder / LOCK_FILE)
        write_text(folder / OWNER_FILE, self.token + "\n")
        return lock


@dataclass(slots=True)
class _Watched:
    token: str
    beat: int
    last: float
    seconds: float = 0.0


@dataclass(slots=True)
class Watch:
    """How long the counters of trials have stood still, as this process saw it.

    Attributes:
        clock: seconds that only grow.
    """

    clock: Callable[[], float] = time.monotonic
    _seen: dict[int, _Watched] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ran_out(self, number: int, token: str, beat: int, seconds: float) -> bool:
        """Looks at a trial's counter; returns whether it has stood still for so long.

        Of the time since the last look no more counts than twice the time between two beats.
        """
        now = self.clock()
        with self._lock:
            seen = self._seen.get(number)
            if seen is None or (seen.token, seen.beat) != (token, beat):
                self._seen[number] = _Watched(token, beat, now)
                return False
            seen.seconds += min(now - seen.last, 2 * seconds / BEATS)
            seen.last = now
            return seen.seconds >= seconds

    def why_free(
        self, number: int, attributes: Mapping[str, Any], folder: Path, seconds: float
    ) -> str | None:
        """Returns why nobody holds a running trial any more, to be said; ``None`` where somebody does, or may.

        Args:
            number: of the trial.
            attributes: of the trial, as they are in the storage now.
            folder: of the trial on this machine.
            seconds: how long to watch a trial that has no lease.
        """
        lease = Lease.of(attributes)
        if lease is None:
            return "" if LEASE_ATTR in attributes else self._why_free_before(number, folder, seconds)
        lock = lease.lock_of_the_dead()
        if lock is not None:
            lock.release()
            return ""
        if self.ran_out(number, lease.token, int(attributes.get(BEAT_ATTR, 0)), lease.seconds):
            return f": {lease.owner} has not been heard of for {lease.seconds:g} s"
        return None

    def _why_free_before(self, number: int, folder: Path, seconds: float) -> str | None:
        """The same of a trial without a lease: an earlier archspace knew locks of the run folder alone."""
        path = folder / LOCK_FILE
        if not path.is_file():
            return "" if self.ran_out(number, "", 0, seconds) else None
        lock = try_lock(path)
        if lock is None:
            return None
        lock.release()
        return ""

    def is_held(self, number: int, attributes: Mapping[str, Any]) -> bool:
        """Whether somebody holds a running trial, as far as is known; looks at its counter."""
        lease = Lease.of(attributes)
        if lease is None:
            return LEASE_ATTR not in attributes
        return not self.ran_out(number, lease.token, int(attributes.get(BEAT_ATTR, 0)), lease.seconds)

    def forget(self, number: int) -> None:
        """The trial is no longer watched."""
        with self._lock:
            self._seen.pop(number, None)


@contextmanager
def heartbeat(renew: Callable[[], bool], seconds: float, lost: threading.Event) -> Iterator[None]:
    """Renews a lease while the block runs.

    Args:
        renew: renews it; returns whether it is still held. What it raises is tried again at the next beat.
        seconds: between two beats.
        lost: set when it is held no more.
    """
    ended = threading.Event()

    def beat() -> None:
        failing = False
        while not ended.wait(seconds):
            try:
                if not renew():
                    lost.set()
                    return
                if failing:
                    log.info("the storage answers again")
                failing = False
            except InputError as error:  # nothing that passes: what is trained is kept in the trial's folder
                log.warning("%s; the trial that runs is trained to its end", error)
                return
            except Exception as error:  # of any database's driver
                if not failing:
                    reason = str(error.__cause__ or error).splitlines()
                    log.warning("the storage does not answer (%s); trying on", reason[0] if reason else error)
                failing = True

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(JOIN_S)
