"""A PostgreSQL server for the tests that need one, with an empty database for each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

NUMBERS = count()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a server, without the name of a database."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not homes:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    home = homes[-1].parent
    folder = Path(
        tempfile.mkdtemp(prefix="archspace-postgresql-")
    )  # pytest's own folders are for its user alone
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        folder.chmod(0o777)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    init = [*user, home / "initdb", "-D", data, "-A", "trust", "-U", "archspace"]
    subprocess.run(init, check=True, capture_output=True)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*user, home / "pg_ctl", "-D", data, "-w", "-t", "600", "-l", folder / "log", "-o", options]
    subprocess.run([*control, "start"], check=True, capture_output=True)
    try:
        yield f"postgresql+psycopg://archspace@127.0.0.1:{port}"
    finally:
        stop = [*user, home / "pg_ctl", "-D", data, "-t", "600", "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql(postgresql_server: str) -> str:
    """URL of an empty database."""
    import psycopg

    name = f"study_{next(NUMBERS)}"
    server = postgresql_server.replace("+psycopg", "")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{postgresql_server}/{name}"
