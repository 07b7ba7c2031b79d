"""Commands in processes of their own that begin with the libraries imported: forks of a server, started once.

Such a process has nothing of this project's packages and no plug-in yet, as one that was started anew; it only saves
the seconds that torch takes to be imported.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands import Ran, environment

_SERVER = Path(__file__).with_name("fork_server.py")


@functools.cache
def _server() -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env["OMP_NUM_THREADS"] = (
        "1"  # else libraries start threads when they are imported, which a fork would lack
    )
    server = subprocess.Popen(
        [sys.executable, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    )
    atexit.register(server.communicate)
    return server


def _asked(**request: object) -> int | None:
    """What the server answers."""
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    assert answer is None or isinstance(answer, int)
    return answer


class Forked:
    """A program that runs in a fork.

    Args:
        words: a module (``archspace``) or a script (``FILE.py``), and its arguments.
        folder: where it runs.
        env: its environment.
        streams: paths of its standard input, output and error; the last two must be there.

    Attributes:
        pid: of its process.
        returncode: once :meth:`wait` or :meth:`poll` has found that it ended; negative, by which signal.
    """

    def __init__(
        self,
        words: list[str],
        folder: Path,
        env: dict[str, str],
        streams: tuple[str, str, str] = (os.devnull,) * 3,
    ) -> None:
        stdin, stdout, stderr = streams
        self.pid = _asked(
            words=words, folder=str(folder), environment=env, stdin=stdin, stdout=stdout, stderr=stderr
        )
        self.returncode: int | None = None

    def wait(self) -> int:
        """Returns the exit code once the program has ended."""
        if self.returncode is None:
            self.returncode = _asked(wait=self.pid)
        assert self.returncode is not None
        return self.returncode

    def poll(self) -> int | None:
        """Returns the exit code, or ``None`` while the program runs."""
        if self.returncode is None:
            self.returncode = _asked(poll=self.pid)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal to the program, unless it is known to have ended."""
        assert self.pid is not None
        if self.returncode is None:
            os.kill(self.pid, number)


@contextmanager
def archspace_begun(
    *words: object, stdout: Path | None = None, stderr: Path | None = None, **env: str
) -> Iterator[Forked]:
    """Begins ``archspace WORDS`` in a fork; what still runs at the end of the block is killed.

    Args:
        words: the command and its arguments.
        stdout: a file for its output.
        stderr: a file for its errors.
        env: further environment variables.
    """
    paths = [path for path in (stdout, stderr) if path is not None]
    for path in paths:
        path.touch()
    streams = (os.devnull, str(stdout or os.devnull), str(stderr or os.devnull))
    process = Forked(["archspace", *map(str, words)], Path.cwd(), environment(**env), streams)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def program_forked(*words: object, cwd: Path, **env: str) -> Ran:
    """Runs a module (``archspace``) or a script (``FILE.py``) with its arguments in a fork."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        out.touch()
        err.touch()
        ran = Forked(
            [str(word) for word in words],
            cwd.absolute(),
            environment(**env),
            (os.devnull, str(out), str(err)),
        )
        return Ran(ran.wait(), out.read_text("utf-8"), err.read_text("utf-8"))


def archspace_forked(*words: object, cwd: Path | None = None, **env: str) -> Ran:
    """Runs ``archspace WORDS`` in a fork."""
    return program_forked("archspace", *words, cwd=cwd or Path.cwd(), **env)
