"""Ledgers on real databases: SQLite files, and a PostgreSQL started for the session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from crosstape.store.ledger import Ledger

PASSWORD = "not-a-secret"
NUMBERS = count(1)


def _binaries() -> Path | None:
    """The newest installed server's folder."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    for folder in [*reversed(debian), *(Path(p).resolve().parent for p in [shutil.which("initdb")] if p)]:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    return None


def _user() -> str | None:
    """Whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a running server, without a database name."""
    binaries = _binaries()
    if binaries is None:
        absent = "POSTGRESQL ABSENT: no initdb and postgres found; install postgresql"
        if os.environ.get("CI"):
            pytest.fail(absent)
        pytest.skip(absent)
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="crosstape-pg-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        data = folder / "cluster"
        made = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "crosstape",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        subprocess.run(
            [*made, "--locale=C", f"--pwfile={folder / 'password'}"],
            check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_user,
        )  # fmt: skip
        port = _free_port()
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        command = [
            binaries / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            *(f"--{k}={v}" for k, v in settings.items()),
        ]
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **as_user)
        try:
            url = f"postgresql://crosstape:{PASSWORD}@127.0.0.1:{port}"
            _wait(url, server, folder / "log")
            yield url
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 90
    while True:
        try:
            psycopg.connect(f"{url}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
            time.sleep(0.05)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger/ledger.db"
    import psycopg

    server: str = request.getfixturevalue("postgres")
    name = f"ledger{next(NUMBERS)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def opened() -> Iterator[Callable[..., Ledger]]:
    """Open a ledger that is closed at the end."""
    ledgers: list[Ledger] = []

    def make(url: str, now: int = 1_800_000_000_000_000_000) -> Ledger:
        ledgers.append(Ledger.open(url, now=lambda: now))
        return ledgers[-1]

    yield make
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(url: str, opened: Callable[..., Ledger]) -> Ledger:
    """A fresh ledger on each database."""
    return opened(url)
