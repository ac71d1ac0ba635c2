"""The engine, its pragmas, and one writer: every SQLAlchemy error leaves here as StoreError."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError, StatementError

from crosstape.model.errors import ConfigError, StoreError
from crosstape.model.money import MoneyError
from crosstape.store.migrate import migrate
from crosstape.store.types import MONEY_ORDER, collate

T = TypeVar("T")
Work = Callable[[Connection], T]

WAITING_WRITES = 1_000
PATIENCE_S = 5.0
ANSWER_S = 60.0
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
)
# Longer than a migration takes on a busy machine, while which others wait to open.
SQLITE = {"timeout": 20.0}
POSTGRES = {"connect_timeout": 5, "options": "-c statement_timeout=30000 -c lock_timeout=5000"}


class Database:
    """Reads run on the calling thread, writes one after the other on one thread, each in its own transaction.

    At most WAITING_WRITES writes wait; beyond, a caller waits PATIENCE_S for room and is then refused
    with StoreError and counted in `refused`. A write that failed raises where it was asked.
    """

    def __init__(self, engine: Engine) -> None:
        self.refused = 0
        self._engine = engine
        self._room = threading.BoundedSemaphore(WAITING_WRITES)
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._closed = False

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self._engine.dialect.name

    def read(self, work: Work[T]) -> T:
        """Run on this thread, on a snapshot that no writer blocks."""
        if self._closed:
            raise StoreError("the ledger is closed")
        with translated("read"), self._engine.connect() as connection:
            return work(connection)

    def write(self, work: Work[T]) -> T:
        """Run on the writer's thread in a transaction; returns when it is committed."""
        if not self._room.acquire(timeout=PATIENCE_S):
            self.refused += 1
            raise StoreError(f"{WAITING_WRITES} writes wait for the ledger; this one was refused")
        try:
            future = self._thread.submit(self._commit, work)
        except RuntimeError as error:
            self._room.release()
            raise StoreError("the ledger is closed") from error
        future.add_done_callback(self._leave)
        try:
            return future.result(ANSWER_S)
        except TimeoutError as error:
            raise StoreError(f"the ledger did not answer within {ANSWER_S:g} s") from error

    def close(self) -> None:
        """Finish the writes that wait, then let go of the database."""
        self._thread.shutdown(wait=True)
        self._closed = True
        self._engine.dispose()

    def _leave(self, _: Future[Any]) -> None:
        self._room.release()

    def _commit(self, work: Work[T]) -> T:
        with translated("write"), begun(self._engine) as connection:
            return work(connection)


def open_database(url: str) -> Database:
    """Make the folder (0700) and file (0600) where needed, and migrate."""
    address = parse(url)
    if address.get_backend_name() == "sqlite":
        _prepare(Path(str(address.database)))
    engine = connect(address)
    try:
        with translated("open"), begun(engine) as connection:
            migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def parse(url: str) -> URL:
    """A SQLAlchemy address with the driver crosstape uses; ConfigError when there is none."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ConfigError("ledger.url is no SQLAlchemy address, such as sqlite:////srv/ledger.db") from error
    backend = {"postgres": "postgresql"}.get(address.drivername, address.drivername).partition("+")[0]
    if backend == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigError(f"ledger.url: {backend} is not supported; sqlite and postgresql are")
    if address.database in (None, "", ":memory:"):
        raise ConfigError("ledger.url: the ledger must be a file, memory forgets it")
    return address


def connect(address: URL) -> Engine:
    """An engine; nothing is opened yet."""
    postgres = address.get_backend_name() == "postgresql"
    arguments = {k: v for k, v in (POSTGRES if postgres else SQLITE).items() if k not in address.query}
    try:
        engine = create_engine(address, pool_pre_ping=postgres, connect_args=arguments)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigError("PostgreSQL needs one more package: install crosstape[postgres]") from error
    if not postgres:
        event.listen(engine, "connect", _tune)
        event.listen(engine, "begin", _begin)
    return engine


@contextlib.contextmanager
def begun(engine: Engine) -> Iterator[Connection]:
    """A transaction that means to write, so that it never has to upgrade its lock half-way."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """SQLAlchemy's errors as StoreError, without the statement: its values may be secret."""
    try:
        yield
    except StatementError as error:
        if isinstance(error.orig, MoneyError):
            # What the caller gave does not fit: trying again does not help, so it is no StoreError.
            raise error.orig from error
        raise StoreError(f"the ledger cannot {what}: {' '.join(str(error.orig).split())}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the ledger cannot {what}: {type(error).__name__}") from error


def _prepare(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"the ledger cannot open: {error}") from error


def _tune(connection: DBAPIConnection, _: Any) -> None:
    # The driver's own BEGIN comes too late for DDL and for IMMEDIATE; `_begin` says it instead.
    connection.isolation_level = None
    connection.create_collation(MONEY_ORDER, collate)
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
