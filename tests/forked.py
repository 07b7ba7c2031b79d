"""Commands in processes of their own that begin with the libraries imported: forks of a server, started once.

Such a process has nothing of this project's packages and no plug-in yet, as one that was started anew; it only saves
the seconds that torch takes to be imported.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.commands import Ran, environment

_SERVER = Path(__file__).with_name("fork_server.py")


@functools.cache
def _server() -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        [sys.executable, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    )
    atexit.register(server.communicate)
    return server


class Forked:
    """A program that runs in a fork.

    Args:
        words: a module (``archspace``) or a script (``FILE.py``), and its arguments.
        folder: where it runs.
        env: its environment.
        streams: paths of its standard input, output and error.
    """

    def __init__(
        self, words: list[str], folder: Path, env: dict[str, str], streams: tuple[str, str, str]
    ) -> None:
        job = {"words": words, "folder": str(folder), "environment": env}
        job |= dict(zip(("stdin", "stdout", "stderr"), streams, strict=True))
        pipe = _server().stdin
        assert pipe is not None
        pipe.write(json.dumps(job) + "\n")
        pipe.flush()

    def wait(self) -> int:
        """Returns the exit code once the program has ended."""
        pipe = _server().stdout
        assert pipe is not None
        return int(pipe.readline())


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
