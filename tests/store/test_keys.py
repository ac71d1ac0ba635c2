"""Keys: shown once, kept as a hash, checked from memory, revoked at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from crosstape.model.errors import ConfigError, StoreError
from crosstape.store import keys as module
from crosstape.store.database import parse
from crosstape.store.ledger import Ledger

Open = Callable[..., Ledger]


@pytest.mark.parametrize("role", ["viewer", "trader", "admin"])
def test_a_key_has_its_role(ledger: Ledger, role: str) -> None:
    key = ledger.key_create("laptop", role)
    assert ledger.key_role(key) == role
    shown = ledger.keys()
    assert [(k.name, k.role, k.revoked_ts) for k in shown] == [("laptop", role, 0)]
    assert key.startswith(shown[0].prefix)
    assert key not in repr(shown)


def test_an_unknown_role_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="viewer, trader, admin"):
        ledger.key_create("laptop", "root")
    assert ledger.keys() == []


def test_wrong_keys_have_no_role(ledger: Ledger) -> None:
    key = ledger.key_create("laptop", "admin")
    for wrong in ("", "x", key[:-1], key + "x", key[:-1] + "é", key.upper(), key[:11], "\ud800", "a" * 100_000):
        assert ledger.key_role(wrong) is None
    assert ledger.key_role(key) == "admin"


def test_a_revoked_key_stops_at_once_and_for_good(url: str, opened: Open) -> None:
    ledger = opened(url)
    keep, lose = ledger.key_create("keep", "viewer"), ledger.key_create("lose", "admin")
    assert ledger.key_role(lose) == "admin"
    shown = ledger.keys()
    lost = {k.name: k.id for k in shown}["lose"]
    assert ledger.key_revoke(lost)
    assert ledger.key_role(lose) is None
    assert ledger.key_role(keep) == "viewer"
    assert not ledger.key_revoke(lost)
    assert not ledger.key_revoke(99)
    shown = ledger.keys()
    assert {k.name: k.revoked_ts for k in shown} == {"keep": 0, "lose": 1_800_000_000_000_000_000}
    ledger.close()
    again = opened(url)
    assert (again.key_role(lose), again.key_role(keep)) == (None, "viewer")


def test_the_key_itself_is_nowhere_in_the_database(url: str, ledger: Ledger) -> None:
    key = ledger.key_create("laptop", "admin")
    engine = create_engine(parse(url))
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM api_keys")).mappings().one()
    engine.dispose()
    secret = key[12:]
    assert len(secret) == 43
    assert secret not in repr({k: bytes(v) if k == "hash" else v for k, v in row.items()})
    assert bytes(row["hash"]) == module.digest(key)


def test_another_process_revokes_within_seconds(url: str, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_S", 0.05)
    here, there = opened(url), opened(url)
    key = there.key_create("laptop", "trader")
    assert here.key_role(key) == "trader"
    assert there.key_revoke(1)
    time.sleep(0.06)
    assert here.key_role(key) is None


def test_while_the_database_is_away_known_keys_work_for_a_while(
    tmp_path_factory: pytest.TempPathFactory, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path_factory.mktemp("away") / "ledger.db"
    ledger = opened(f"sqlite:///{file}?timeout=0.05")
    key = ledger.key_create("laptop", "trader")
    assert ledger.key_role(key) == "trader"
    with create_engine(f"sqlite:///{file}").begin() as connection:
        connection.execute(text("ALTER TABLE api_keys RENAME TO elsewhere"))
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    assert ledger.key_role(key) == "trader"
    monkeypatch.setattr(module, "STALE_S", 0.0)
    with pytest.raises(StoreError):
        ledger.key_role(key)
    with create_engine(f"sqlite:///{file}").begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO api_keys"))
    assert ledger.key_role(key) == "trader"


def test_keys_are_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEYS", 2)
    ledger.key_create("a", "viewer")
    ledger.key_create("b", "viewer")
    with pytest.raises(ConfigError, match="revoke some"):
        ledger.key_create("c", "viewer")


def test_a_check_costs_microseconds(ledger: Ledger) -> None:
    key = ledger.key_create("laptop", "viewer")
    ledger.key_role(key)
    began = time.perf_counter()
    for _ in range(1_000):
        ledger.key_role(key)
    assert time.perf_counter() - began < 0.5
