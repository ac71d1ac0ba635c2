"""What is put comes back, on every database."""

from __future__ import annotations

import math
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from crosstape.model.completeness import Completeness
from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.ledger import Ledger

HOUR = 3_600_000_000_000
Open = Callable[..., Ledger]


def test_prefs_are_replaced_whole_and_survive_a_restart(url: str, opened: Open) -> None:
    first = opened(url)
    assert first.prefs_get("ann") == {}
    first.prefs_put(
        "ann", {"theme": "dark", "columns": ["last", "cvd_5m"], "n": 1.5, "né": None, "deep": {"a": [{}]}}
    )
    first.prefs_put("bob", {"theme": "light"})
    first.prefs_put("ann", {"theme": "Ω", "columns": []})
    first.close()
    again = opened(url)
    assert again.prefs_get("ann") == {"theme": "Ω", "columns": []}
    assert again.prefs_get("bob") == {"theme": "light"}


def test_completeness_is_put_again_as_the_hour_grows(ledger: Ledger) -> None:
    row = Completeness("bybit-linear/0", 5 * HOUR, frames=10, bytes=2**40, lag_p50_ms=1.25)
    ledger.completeness_put([row, msgspec.structs.replace(row, source="okx/0"), Completeness("okx/0", 6 * HOUR)])
    grown = msgspec.structs.replace(row, frames=2**40, gaps=3, seconds_lost=0.1, clock_offset_ms=-7.5)
    ledger.completeness_put([grown])
    ledger.completeness_put([])
    every = ledger.completeness("", 0, 10 * HOUR)
    assert [(r.source, r.hour // HOUR) for r in every] == [("bybit-linear/0", 5), ("okx/0", 5), ("okx/0", 6)]
    found = every[0]
    assert (found.frames, found.bytes, found.gaps, found.seconds_lost) == (2**40, 2**40, 3, 0.1)
    assert (found.lag_p50_ms, found.clock_offset_ms) == (1.25, -7.5)
    assert math.isnan(found.lag_p99_ms)
    assert math.isnan(every[2].lag_p50_ms)


def test_completeness_between_is_half_open(ledger: Ledger) -> None:
    ledger.completeness_put([Completeness(source, hour * HOUR) for source in ("a", "b") for hour in range(4)])
    assert [r.hour // HOUR for r in ledger.completeness("a", HOUR, 3 * HOUR)] == [1, 2]
    assert ledger.completeness("nobody", 0, 4 * HOUR) == []


def test_zero_and_not_known_stay_apart(ledger: Ledger) -> None:
    ledger.completeness_put([Completeness("a", 0, lag_p50_ms=0.0)])
    found = ledger.completeness("a", 0, 1)[0]
    assert found.lag_p50_ms == 0.0
    assert math.isnan(found.clock_offset_ms)


def test_values_are_never_sql(ledger: Ledger) -> None:
    evil = "x'); DROP TABLE prefs; --"
    ledger.prefs_put(evil, {evil: evil})
    assert ledger.prefs_get(evil) == {evil: evil}


def test_closed_says_so(ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(StoreError, match="closed"):
        ledger.prefs_put("ann", {})
    with pytest.raises(StoreError, match="closed"):
        ledger.prefs_get("ann")
    ledger.close()


def test_the_folder_is_private(tmp_path: Path) -> None:
    ledger = Ledger.open("", tmp_path / "new" / "data")
    ledger.close()
    file = tmp_path / "new" / "data" / "ledger.db"
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "no SQLAlchemy address"),
        ("mysql://localhost/x", "mysql is not supported"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("", "neither an address nor a folder"),
    ],
)
def test_an_impossible_address_is_the_operators_to_fix(address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Ledger.open(address)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"crosstape\[postgres\]"):
        Ledger.open("postgresql://127.0.0.1/x")


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(StoreError) as caught:
        Ledger.open("postgresql://ann:hunter2@127.0.0.1:1/x?connect_timeout=1")
    assert "hunter2" not in str(caught.value)


def test_importing_the_store_imports_no_database() -> None:
    code = (
        "import sys, crosstape.store, crosstape.store.ledger, crosstape.store.records\n"
        "print(sorted({'sqlalchemy', 'alembic', 'psycopg', 'sqlite3'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"
