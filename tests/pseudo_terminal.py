"""A command in a terminal of its own: a pseudo-terminal of a given width."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import struct
import tempfile
import termios
from pathlib import Path

from tests.commands import ROOT, environment
from tests.forked import Forked

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def in_terminal(columns: int, *words: object, cwd: Path = ROOT) -> list[str]:
    """Returns the lines that ``archspace WORDS`` writes to standard output on a terminal so wide, without colours.

    Standard error goes elsewhere, so that no progress stands among them.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {name: value for name, value in environment(TERM="xterm-256color").items() if name != "COLUMNS"}
    terminal = os.ttyname(theirs)
    with tempfile.NamedTemporaryFile() as errors:
        process = Forked(["archspace", *map(str, words)], cwd, env, (terminal, terminal, errors.name))
        written = _read(ours)  # before this end lets go, the terminal stays open
        os.close(theirs)
        written += b"".join(iter(lambda: _read(ours), b""))
        assert process.wait() == 0, errors.read()
    os.close(ours)
    return _ESCAPE.sub("", written.decode()).replace("\r\n", "\n").splitlines()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError as error:  # Linux says so when the other end is closed
        if error.errno == errno.EIO:
            return b""
        raise
