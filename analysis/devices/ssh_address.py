"""Where a board is, how OpenSSH is called for it, and what its complaints mean."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from analysis.devices.base import DeviceAway
from archspace.support.errors import FieldError, InputError

CONFIG_VARIABLE = "ARCHSPACE_SSH_CONFIG"
SHAPE = re.compile(
    r"ssh://(?:(?P<user>[A-Za-z_][A-Za-z0-9_.-]*)@)?"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*))(?::(?P<port>\d{1,5}))?"
)
OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "10",
    "ConnectionAttempts": "1",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "LogLevel": "INFO",
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "EscapeChar": "none",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    # A new master connection would outlive us and keep our pipes open; one that is there already is used.
    "ControlMaster": "no",
}
"""Given on the command line, so that they win over the user's own settings: nothing asks, nothing hangs."""

BOOTSTRAP = """
import sys
sys.path[:] = [path for path in sys.path if path]
import json, os, shutil, tempfile
if sys.version_info < (3, 6):
    sys.exit("archspace: python3 on the board is %d.%d; 3.6 or newer is needed" % sys.version_info[:2])
def take(size):
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit("archspace: the link ended early")
        data += part
    return data
head = json.loads(take(int.from_bytes(take(4), "big")).decode())
data = take(head["size"])
folder = ""
try:
    folder = tempfile.mkdtemp(prefix="archspace-")
    path = os.path.join(folder, "agent.zip")
    with open(path, "wb") as file:
        file.write(data)
except OSError as error:
    shutil.rmtree(folder, True)
    sys.exit("archspace: %s: %s" % (error.filename or folder, error.strerror))
os.execv(sys.executable, [sys.executable, path, "serve", folder])
"""
COMMAND = f"exec python3 -c '{BOOTSTRAP}'"
"""All that the board's shell ever reads: a constant. Names, files and numbers come after it, over standard input."""

REFUSED = (
    ("Connection refused", "the connection is refused"),
    ("Connection timed out", "no answer"),
    ("Operation timed out", "no answer"),
    ("not responding", "the link was lost: no answer any more"),
    ("No route to host", "no route to it"),
    ("Network is unreachable", "the network is unreachable"),
    ("Temporary failure in name resolution", "its name cannot be looked up now"),
    ("Connection reset", "the link was lost"),
    ("Connection closed", "the link was lost"),
    ("closed by remote host", "the link was lost"),
    ("Broken pipe", "the link was lost"),
    ("banner exchange", "no answer of an SSH server"),
)


class BoardError(InputError):
    """The board was reached, and what was asked of it failed there; one line."""


@dataclass(frozen=True, slots=True)
class Address:
    """``ssh://[user@]host[:port]``; ``None`` leaves a part to the user's own settings of OpenSSH."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, name: str) -> Address:
        """Takes the name of a device apart.

        Raises:
            FieldError: it is none, or has characters that no host has.
        """
        match = SHAPE.fullmatch(name)
        port = match and match["port"]
        if match is None or (port and not 1 <= int(port) <= 65535):
            rule = "must be ssh://[user@]host[:port] with letters, digits, dots and dashes, port 1 to 65535"
            raise FieldError("device", name, rule, "ssh://nvidia@tx2")
        return cls(match["six"] or match["host"], match["user"], int(port) if port else None)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user + '@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    def command(self, config: Path | None) -> list[str]:
        """Returns the argument list of the local OpenSSH client.

        Args:
            config: a file of settings instead of ``~/.ssh/config``.
        """
        arguments = ["ssh", *([] if config is None else ["-F", str(config)])]
        for option, value in OPTIONS.items():
            arguments += ["-o", f"{option}={value}"]
        if self.user is not None:
            arguments += ["-l", self.user]
        if self.port is not None:
            arguments += ["-p", str(self.port)]
        return [*arguments, "--", self.host, COMMAND]

    @property
    def known_as(self) -> str:
        """As ``known_hosts`` names it."""
        return self.host if self.port in (None, 22) else f"[{self.host}]:{self.port}"

    def complaint(self, said: str, code: int, greeted: bool, stray: str) -> Exception:
        """Returns why a link ended without an answer.

        Args:
            said: standard error of ssh and of the board.
            code: exit status of ssh: its own (255) or the board's.
            greeted: whether the agent had answered.
            stray: the first line that came from the board and is none of the agent's.
        """
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        ours = [line for line in lines if line.startswith("archspace: ")]
        if ours:
            return BoardError(f"{self}: {ours[-1].removeprefix('archspace: ')}")
        if code == 255 and not (greeted and not lines):
            return self._of_ssh(said, lines)
        if greeted:
            reason = lines[-1] if lines else f"exit status {code}; killed, or out of memory?"
            return BoardError(f"{self}: the agent on the board ended without an answer: {reason}")
        if code in (126, 127):
            return BoardError(f"{self}: no python3 on the board; install python3 3.6 or newer there")
        reason = stray or (lines[-1] if lines else "nothing")
        return BoardError(
            f"{self}: the board did not start the agent (exit status {code}): it said {reason!r}"
        )

    def _of_ssh(self, said: str, lines: list[str]) -> Exception:
        scan = f"ssh-keyscan {f'-p {self.port} ' if self.port else ''}{self.host} >> ~/.ssh/known_hosts"
        if "HOST IDENTIFICATION HAS CHANGED" in said:
            return InputError(
                f"{self}: its host key is not the one known; if the board was set up anew: "
                f"ssh-keygen -R '{self.known_as}', then {scan} and compare the fingerprint"
            )
        if "host key is known" in said or "Host key verification failed" in said:
            return InputError(f"{self}: its host key is not known; {scan} and compare the fingerprint")
        if "Permission denied" in said:
            return InputError(
                f"{self}: permission denied: the board takes none of your keys; ssh-copy-id {self}, or start ssh-agent"
            )
        if "Could not resolve hostname" in said and "Temporary failure" not in said:
            return InputError(f"{self}: no host of this name is known")
        for sign, meaning in REFUSED:
            if sign in said:
                return DeviceAway(f"{self}: {meaning}")
        return InputError(f"{self}: ssh: {lines[-1] if lines else 'ended without a word'}")


def config_file(given: Path | None) -> Path | None:
    """Returns the file of settings given, else that of ``ARCHSPACE_SSH_CONFIG``, else none.

    Raises:
        InputError: it is no file.
    """
    named = given or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if named is not None and not named.is_file():
        raise InputError(f"{named}: no such file of SSH settings")
    return named
