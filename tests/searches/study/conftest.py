"""Database servers for the tests that need them, with an empty database for each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy

NUMBERS = count()


@dataclass(frozen=True)
class PostgreSQL:
    """A server: its URL without the name of a database, and the command that controls it."""

    url: str
    control: list[str]

    def start(self) -> None:
        subprocess.run([*self.control, "start"], check=True, capture_output=True)

    def stop(self) -> None:
        """Ends it as a crash does."""
        subprocess.run([*self.control, "-m", "immediate", "stop"], check=True, capture_output=True)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A server."""
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
    server = PostgreSQL(f"postgresql+psycopg://archspace@127.0.0.1:{port}", [*map(str, control)])
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


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
