"""Database servers for the tests that need them, with an empty database for each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy

from tests.postgresql import PostgreSQL, is_installed
from tests.postgresql import postgresql_server as running_server

NUMBERS = count()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A server."""
    if not is_installed():
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    with running_server() as server:
        yield server


@pytest.fixture
def postgresql(postgresql_server: PostgreSQL) -> str:
    """URL of an empty database."""
    import psycopg

    name = f"study_{next(NUMBERS)}"
    server = postgresql_server.url.replace("+psycopg", "")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{postgresql_server.url}/{name}"


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """URL of a server, without the name of a database."""
    pytest.importorskip("pymysql")
    programs = [shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("mariadbd", "mariadb-install-db")]
    if not all(programs):
        pytest.skip("no MariaDB server is installed (Debian: apt-get install mariadb-server)")
    server, install = map(str, programs)
    folder = Path(tempfile.mkdtemp(prefix="archspace-mariadb-"))
    shutil.chown(folder, "mysql") if os.getuid() == 0 else None
    user = ["--user=mysql"] if os.getuid() == 0 else []
    data = f"--datadir={folder / 'data'}"
    subprocess.run([install, "--no-defaults", *user, data], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = [f"--socket={folder}/socket", f"--port={port}", "--bind-address=127.0.0.1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [server, "--no-defaults", *user, data, *where, "--skip-grant-tables", "--skip-networking=0"],
            stdout=log,
            stderr=log,
        )
    url = f"mysql+pymysql://root@127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str) -> None:
    """Waits until a server answers."""
    engine = sqlalchemy.create_engine(url)
    end = time.monotonic() + 600
    while True:
        try:
            engine.connect().close()
            return
        except sqlalchemy.exc.OperationalError:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.2)


@pytest.fixture
def mariadb(mariadb_server: str) -> str:
    """URL of an empty database, for what speaks MySQL."""
    name = f"study_{next(NUMBERS)}"
    with sqlalchemy.create_engine(mariadb_server).begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    return f"{mariadb_server}/{name}"
