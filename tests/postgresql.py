"""A PostgreSQL server for tests, in a folder of its own, and a network to it that can be cut."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PostgreSQL:
    """A server: its URL without the name of a database, its port, and the command that controls it."""

    url: str
    port: int
    control: list[str]

    def start(self) -> None:
        subprocess.run([*self.control, "start"], check=True, capture_output=True)

    def stop(self) -> None:
        """Ends it as a crash does."""
        subprocess.run([*self.control, "-m", "immediate", "stop"], check=True, capture_output=True)

    def restart(self) -> None:
        """Ends it as a crash does, and starts it again."""
        self.stop()
        self.start()


def is_installed() -> bool:
    """Whether there is a server on this machine."""
    return bool(_homes())


def _homes() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Runs a server while the block does."""
    home = _homes()[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="archspace-postgresql-"))  # pytest's folders are for its user alone
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        folder.chmod(0o777)
    port = free_port()
    data = folder / "data"
    init = [*user, home / "initdb", "-D", data, "-A", "trust", "-U", "archspace"]
    subprocess.run(init, check=True, capture_output=True)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*user, home / "pg_ctl", "-D", data, "-w", "-t", "600", "-l", folder / "log", "-o", options]
    server = PostgreSQL(f"postgresql+psycopg://archspace@127.0.0.1:{port}", port, [*map(str, control)])
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Returns a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Proxy:
    """A network between workers and a server on this machine: while it is cut, nothing comes through, nothing closes.

    Args:
        target: the server's port.
    """

    def __init__(self, target: int) -> None:
        self._target, self._whole = target, threading.Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.mend()
        self._listener.close()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._joined, args=(near,), daemon=True).start()

    def _joined(self, near: socket.socket) -> None:
        self._whole.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while content := one.recv(1 << 16):
                self._whole.wait()
                other.sendall(content)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
