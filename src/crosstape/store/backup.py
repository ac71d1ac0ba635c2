"""A ledger copied, restored and checked while in use: a SQLite copy, or a portable file for both databases."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, Table, func, inspect, select, text

from crosstape.model.errors import ConfigError, StoreError
from crosstape.store import portable
from crosstape.store.database import begun, connect, parse, translated
from crosstape.store.migrate import VERSION_TABLE, migrate, revision_of, scripts
from crosstape.store.tables import TABLES

SQLITE_MAGIC = b"SQLite format 3\0"
PAGES = 1_000


def backup(url: str, target: Path) -> dict[str, int]:
    """Write a copy (mode 0600, whole or not at all) as of one moment; rows by table. Others go on writing.

    A name that ends in .db or .sqlite is a SQLite copy, which only a SQLite ledger can make; any other name is the
    portable file, which either database can restore. ConfigError, StoreError.
    """
    if target.exists():
        raise ConfigError(f"{target} exists already; name another file")
    address = parse(url)
    copied = target.suffix in (".db", ".sqlite")
    if copied and address.get_backend_name() != "sqlite":
        raise ConfigError(f"{target.name}: only a SQLite ledger can be copied as a database; name it .jsonl.zst")
    with _opened(address) as engine, _written(target) as path:
        with translated("read"), _snapshot(engine) as connection:
            _known(revision_of(connection))
            counts = _counts(connection)
            if not copied:
                return portable.dump(connection, revision_of(connection), counts, path)
        with sqlite3.connect(str(address.database)) as source, sqlite3.connect(path) as copy:
            source.backup(copy, pages=PAGES)
            rows = {name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in counts}
        source.close()
        copy.close()
        return rows


def restore(url: str, source: Path, replace: bool = False) -> dict[str, int]:
    """Put a copy into the ledger, migrate it, and count what is there. One transaction: all of it or nothing.

    A ledger with rows is refused unless `replace`. ConfigError: it does not fit; StoreError: it is damaged.
    """
    address = parse(url)
    try:
        with source.open("rb") as file:
            is_sqlite = file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from error
    if address.get_backend_name() == "sqlite":
        _folder(Path(str(address.database)))
    if is_sqlite:
        return _restore_copy(address, source, replace)
    engine = connect(address)
    try:
        with translated("restore"), begun(engine) as connection:
            _refuse_rows(connection, replace)
            TABLES.drop_all(connection)
            connection.execute(text(f"DROP TABLE IF EXISTS {VERSION_TABLE}"))
            header, rows = portable.open_dump(source)
            _known(header.revision)
            migrate(connection, header.revision)
            portable.load(connection, rows)
            migrate(connection)
            found = _counts(connection)
            _same(header.counts, found)
            return found
    finally:
        engine.dispose()


def check(url: str) -> tuple[str, dict[str, int]]:
    """(revision, rows by table); StoreError says what is damaged, ConfigError when it is no ledger."""
    with _opened(parse(url)) as engine, translated("check"), _snapshot(engine) as connection:
        revision = revision_of(connection)
        _known(revision)
        if engine.dialect.name == "sqlite":
            wrong = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
            wrong += [
                f"{row[0]} row {row[1]} names no {row[2]}"
                for row in connection.execute(text("PRAGMA foreign_key_check"))
            ]
            if wrong:
                raise StoreError(f"the ledger is damaged: {'; '.join(wrong[:5])}")
        return revision, _counts(connection)


def _restore_copy(address: URL, source: Path, replace: bool) -> dict[str, int]:
    """Into SQLite page by page, through its own locks, so that whoever has the ledger open sees the new one; into
    PostgreSQL by way of the portable file."""
    counts = check(f"sqlite:///{source.resolve()}")[1]
    if address.get_backend_name() != "sqlite":
        with tempfile.TemporaryDirectory(dir=source.parent, prefix=".restore-") as folder:
            portable_file = Path(folder) / "ledger.jsonl.zst"
            backup(f"sqlite:///{source.resolve()}", portable_file)
            return restore(address.render_as_string(hide_password=False), portable_file, replace)
    engine = connect(address)
    try:
        with translated("restore"), begun(engine) as connection:
            _refuse_rows(connection, replace)
        with sqlite3.connect(source) as copy, sqlite3.connect(str(address.database), timeout=20) as target:
            copy.backup(target, pages=-1)
        copy.close()
        target.close()
        with translated("restore"), begun(engine) as connection:
            migrate(connection)
            found = _counts(connection)
        _same(counts, found)
        return found
    except sqlite3.Error as error:
        raise StoreError(f"the ledger cannot restore: {error}") from error
    finally:
        engine.dispose()


def _refuse_rows(connection: Connection, replace: bool) -> None:
    held = {name: count for name, count in _counts(connection).items() if count}
    if held and not replace:
        told = ", ".join(f"{count} {name}" for name, count in held.items())
        raise ConfigError(f"the ledger is not empty ({told}); --replace forgets them")


def _counts(connection: Connection) -> dict[str, int]:
    present = set(inspect(connection).get_table_names())
    counted: list[Table] = [table for table in TABLES.sorted_tables if table.name in present]
    return {str(t.name): connection.execute(select(func.count()).select_from(t)).scalar_one() for t in counted}


def _same(wanted: dict[str, int], found: dict[str, int]) -> None:
    missing = [
        f"{name}: {found.get(name, 0)} of {n} rows" for name, n in wanted.items() if found.get(name, 0) != n
    ]
    if missing:
        raise StoreError(f"the backup is damaged: {'; '.join(missing)}")


def _known(revision: str) -> None:
    known = {script.revision for script in scripts().walk_revisions()}
    if not revision:
        raise ConfigError("that is no ledger of crosstape's: it has no revision")
    if revision not in known:
        raise ConfigError(f"it was made by a newer crosstape (its revision is {revision}): use that version")


@contextlib.contextmanager
def _opened(address: URL) -> Iterator[Engine]:
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists():
        raise ConfigError(f"there is no ledger at {address.database}")
    engine = connect(address)
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """One moment of the database, whatever others write meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection


def _folder(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"the ledger cannot open: {error.strerror}") from error


@contextlib.contextmanager
def _written(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its name when all went well."""
    try:
        handle, name = tempfile.mkstemp(prefix=".backup-", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    path = Path(name)
    try:
        yield path
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(path, target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{target} cannot be written: {error}") from error
    finally:
        path.unlink(missing_ok=True)
