"""Brings a database to this version's tables in one transaction, or refuses it."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text

from crosstape.model.errors import ConfigError
from crosstape.store import tables, tables_chain, tables_user

FOLDER = Path(__file__).parent / "migrations"
# A table is known once its module is imported; all are in one MetaData.
DECLARED = (tables, tables_user, tables_chain)
VERSION_TABLE = "crosstape_revision"
ONE_AT_A_TIME = 0x63726F73737461


def scripts() -> ScriptDirectory:
    """The revisions of this version."""
    return ScriptDirectory(str(FOLDER), version_locations=[str(FOLDER)])


def revision_of(connection: Connection) -> str:
    """The database's revision; "" for an empty one."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() or ""


def migrate(connection: Connection, to: str = "head") -> None:
    """Apply what is missing. The caller owns the transaction: all of it or nothing."""
    known = scripts()
    if connection.dialect.name == "postgresql":
        # Whoever comes second waits for the first one's migration, which takes longer than any other lock.
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
        connection.execute(text("SET LOCAL lock_timeout = DEFAULT"))
    now = revision_of(connection)
    if now and now not in {script.revision for script in known.walk_revisions()}:
        raise ConfigError(
            f"the ledger was made by a newer crosstape (its revision is {now}, this version knows up to "
            f"{known.get_current_head()}): run that version, or point ledger.url at another database"
        )
    environment = EnvironmentContext(
        Config(),
        known,
        fn=lambda revision, _: known._upgrade_revs(to, revision),
    )
    with environment:
        environment.configure(
            connection=connection,
            target_metadata=tables.TABLES,
            version_table=VERSION_TABLE,
            transactional_ddl=True,
        )
        environment.run_migrations()
