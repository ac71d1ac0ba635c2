"""Every older database becomes today's; a newer one is refused untouched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from crosstape.model.access import Grant
from crosstape.model.errors import ConfigError
from crosstape.store.database import begun, connect, parse
from crosstape.store.keys import digest
from crosstape.store.ledger import Ledger
from crosstape.store.migrate import VERSION_TABLE, migrate, revision_of, scripts
from crosstape.store.tables import TABLES

REVISIONS = [script.revision for script in scripts().walk_revisions()][::-1]
Open = Callable[..., Ledger]


def _differences(url: str) -> list[object]:
    engine = connect(parse(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        found = list(compare_metadata(context, TABLES))
    engine.dispose()
    return found


def test_revisions_are_one_line() -> None:
    assert [f"{n:04}" for n in range(1, len(REVISIONS) + 1)] == REVISIONS
    assert scripts().get_heads() == [REVISIONS[-1]]


def test_an_empty_database_gets_exactly_todays_tables(url: str, opened: Open) -> None:
    opened(url).close()
    assert _differences(url) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_becomes_todays_and_keeps_its_rows(url: str, opened: Open, revision: str) -> None:
    make_folder(url)
    engine = connect(parse(url))
    with begun(engine) as connection:
        migrate(connection, revision)
        assert revision_of(connection) == revision
        connection.execute(
            text("""INSERT INTO prefs ("user", entries, updated_ts) VALUES ('ann', '{"a": 1}', 5)""")
        )
        if revision == "0001":
            old = text("INSERT INTO api_keys (name, prefix, hash, role, created_ts, revoked_ts) "
                       "VALUES ('laptop', 'ct_abcdefgh', :hash, 'trader', 5, 0)")  # fmt: skip
            connection.execute(old, {"hash": digest("ct_abcdefgh_secret")})
    engine.dispose()
    ledger = opened(url)
    assert ledger.prefs_get("ann") == {"a": 1}
    if revision == "0001":
        assert ledger.key_grant("ct_abcdefgh_secret") == Grant(1, "laptop", "trader")
    assert _differences(url) == []


def make_folder(url: str) -> None:
    """SQLite makes a file, not its folder."""
    if url.startswith("sqlite"):
        Path(str(parse(url).database)).parent.mkdir(parents=True)


def test_a_newer_database_is_refused_untouched(url: str, opened: Open) -> None:
    opened(url).close()
    engine = connect(parse(url))
    with begun(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        connection.execute(text("DROP TABLE prefs"))
    with pytest.raises(ConfigError, match=r"newer crosstape.*9999.*knows up to"):
        Ledger.open(url)
    with engine.connect() as connection:
        assert "prefs" not in inspect(connection).get_table_names()
        assert revision_of(connection) == "9999"
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    make_folder(url)
    engine = connect(parse(url))
    with begun(engine) as connection:
        connection.execute(text("CREATE TABLE api_keys (other INTEGER)"))
    with pytest.raises(Exception, match="api_keys"), begun(engine) as connection:
        migrate(connection)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["api_keys"]
    engine.dispose()


OPEN = """
import sys
from crosstape.store.keys import digest
from crosstape.store.ledger import Ledger
print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger.open(sys.argv[1])
ledger.prefs_put("ann", {"a": 1})
ledger.close()
"""


def test_many_may_start_at_once(url: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    starting = [subprocess.Popen([sys.executable, "-c", OPEN, url], text=True, **pipes) for _ in range(4)]
    for process in starting:
        assert process.stdout is not None
        process.stdout.readline()
    said = []
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in starting:
        said.append(process.communicate(timeout=120)[1])
    assert said == [""] * 4
