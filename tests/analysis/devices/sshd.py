"""A real OpenSSH server on loopback, set up like a board: its own PATH, folder of temporary files and home."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from analysis.devices.ssh import SshDevice
from tests.waiting import GENEROUS_S

SSHD = "/usr/sbin/sshd"
STAND_IN = Path(__file__).with_name("fake_trtexec.py")


def script(path: Path, command: str) -> Path:
    path.write_text(f"#!/bin/sh\nexec {command}\n")
    path.chmod(0o755)
    return path


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def keygen(path: Path) -> str:
    """A new key pair; its public half."""
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    path.chmod(0o600)
    return path.with_name(path.name + ".pub").read_text().strip()


class Board:
    """A server and what a client needs to reach it.

    Attributes:
        temporary: the board's folder of temporary files.
        root: before the paths of the board's system.
        config: settings of the client.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs, self.temporary = folder / "bin", folder / "board-tmp"
        self.home, self.root = folder / "home", folder / "root"
        for made in (self.programs, self.temporary, self.home, self.root):
            made.mkdir(parents=True)
        self.port = free_port()
        script(self.programs / "python3", f'"{sys.executable}" "$@"')
        self.known, self.config = folder / "known_hosts", folder / "config"
        self.host_key, self.user_key = folder / "host_key", folder / "user_key"
        keygen(self.host_key)
        (folder / "authorized_keys").write_text(keygen(self.user_key) + "\n")
        self.trust()
        self.config.write_text(
            f"Host *\n  IdentityFile {self.user_key}\n  IdentitiesOnly yes\n  IdentityAgent none\n"
            f"  UserKnownHostsFile {self.known}\n  GlobalKnownHostsFile /dev/null\n"
        )
        self._server: subprocess.Popen[bytes] | None = None

    def trust(self) -> None:
        """Makes the present host key the one the client knows."""
        public = self.host_key.with_name("host_key.pub").read_text()
        self.known.write_text(f"[127.0.0.1]:{self.port} {public}")

    def start(self, path: str | None = None) -> None:
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        path = f"{self.programs}:/usr/bin:/bin" if path is None else path
        settings = self.folder / "sshd_config"
        settings.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
            f"SetEnv PATH={path} TMPDIR={self.temporary} HOME={self.home} OMP_NUM_THREADS=1\n"
        )
        with (self.folder / "sshd.log").open("ab") as log:
            command = [SSHD, "-D", "-e", "-f", str(settings)]
            self._server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        for _ in until(GENEROUS_S):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
        raise AssertionError((self.folder / "sshd.log").read_text())

    def stop(self) -> None:
        """Ends the server and every connection it holds, as a power cut of the network does."""
        if self._server is not None:
            for child in [*descendants(self._server.pid, "sshd"), self._server.pid]:
                with suppress(ProcessLookupError):  # a connection may end by itself meanwhile
                    os.kill(child, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def freeze(self) -> list[int]:
        """Stops the connections without closing them, as an unplugged cable does; their processes."""
        assert self._server is not None
        held = descendants(self._server.pid, "sshd")
        for child in held:
            os.kill(child, signal.SIGSTOP)
        return held

    def device(self, **more: object) -> SshDevice:
        settings = {
            "config": self.config,
            "root": str(self.root),
            "timeout_s": GENEROUS_S,
            "wait_s": GENEROUS_S,
            "warm_s": 0.2,
            **more,
        }
        name = f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}"
        return SshDevice(name, **settings)  # type: ignore[arg-type]

    def trtexec(self, version: str, mode: str = "well") -> str:
        """A stand-in of that release."""
        return str(
            script(self.programs / "trtexec", f'"{sys.executable}" "{STAND_IN}" {version} {mode} "$@"')
        )

    def folders(self) -> list[Path]:
        """What agents have in the folder of temporary files."""
        return [path for path in self.temporary.glob("archspace-*") if path.is_dir()]

    def processes(self) -> dict[int, str]:
        """Commands of everything that runs on the board for us, by process id."""
        return {pid: line for pid, line in commands().items() if str(self.temporary) in line}

    def agent(self) -> int:
        return next(pid for pid, line in self.processes().items() if "agent.zip serve" in line)

    def worker(self) -> int:
        return next(pid for pid, line in self.processes().items() if "agent.zip work" in line)

    def quiet(self, seconds: float = GENEROUS_S) -> bool:
        """Whether nothing of ours is left on the board within that time."""
        return any(not self.folders() and not self.processes() for _ in until(seconds))


def until(seconds: float, every: float = 0.05) -> Iterator[None]:
    """Turns until the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(every)


def commands() -> dict[int, str]:
    """Command lines by process id, of processes that are not dead."""
    by_pid = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if line:
            by_pid[int(folder.name)] = line
    return by_pid


def descendants(pid: int, name: str) -> list[int]:
    """Processes of that name below ``pid``."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            before, _, rest = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue
        parents[int(folder.name)] = (int(rest.split()[1]), before.partition("(")[2])
    below, pids = {pid}, []
    for _ in range(10):
        below |= {child for child, (parent, _) in parents.items() if parent in below}
    for child in sorted(below - {pid}):
        if parents[child][1].startswith(name):
            pids.append(child)
    return pids
