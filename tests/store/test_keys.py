"""Keys: shown once, kept as a hash, checked from memory, revoked at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from crosstape.model.access import Grant, Written
from crosstape.model.errors import ConfigError, StoreError
from crosstape.store import audit as audit_module
from crosstape.store import keys as module
from crosstape.store.database import parse
from crosstape.store.ledger import Ledger

Open = Callable[..., Ledger]


def _role(ledger: Ledger, key: str) -> str | None:
    grant = ledger.key_grant(key)
    return grant and grant.role


@pytest.mark.parametrize("role", ["viewer", "trader", "admin"])
def test_a_key_has_its_role(ledger: Ledger, role: str) -> None:
    key = ledger.access.create("laptop", role)
    assert _role(ledger, key) == role
    shown = ledger.access.all()
    assert [(k.name, k.role, k.revoked_ts) for k in shown] == [("laptop", role, 0)]
    assert key.startswith(shown[0].prefix)
    assert key not in repr(shown)


def test_an_unknown_role_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="viewer, trader, admin"):
        ledger.access.create("laptop", "root")
    assert ledger.access.all() == []


def test_wrong_keys_have_no_role(ledger: Ledger) -> None:
    key = ledger.access.create("laptop", "admin")
    for wrong in ("", "x", key[:-1], key + "x", key[:-1] + "é", key.upper(), key[:11], "\ud800", "a" * 100_000):
        assert _role(ledger, wrong) is None
    assert _role(ledger, key) == "admin"


def test_a_revoked_key_stops_at_once_and_for_good(url: str, opened: Open) -> None:
    ledger = opened(url)
    keep, lose = ledger.access.create("keep", "viewer"), ledger.access.create("lose", "admin")
    assert _role(ledger, lose) == "admin"
    shown = ledger.access.all()
    lost = {k.name: k.id for k in shown}["lose"]
    assert ledger.access.revoke(lost)
    assert _role(ledger, lose) is None
    assert _role(ledger, keep) == "viewer"
    assert not ledger.access.revoke(lost)
    assert not ledger.access.revoke(99)
    shown = ledger.access.all()
    assert {k.name: k.revoked_ts for k in shown} == {"keep": 0, "lose": 1_800_000_000_000_000_000}
    ledger.close()
    again = opened(url)
    assert (_role(again, lose), _role(again, keep)) == (None, "viewer")


def test_the_key_itself_is_nowhere_in_the_database(url: str, ledger: Ledger) -> None:
    key = ledger.access.create("laptop", "admin")
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
    key = there.access.create("laptop", "trader")
    assert _role(here, key) == "trader"
    assert there.access.revoke(1)
    time.sleep(0.06)
    assert _role(here, key) is None


def test_while_the_database_is_away_known_keys_work_for_a_while(
    tmp_path_factory: pytest.TempPathFactory, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path_factory.mktemp("away") / "ledger.db"
    ledger = opened(f"sqlite:///{file}?timeout=0.05")
    key = ledger.access.create("laptop", "trader")
    assert _role(ledger, key) == "trader"
    with create_engine(f"sqlite:///{file}").begin() as connection:
        connection.execute(text("ALTER TABLE api_keys RENAME TO elsewhere"))
    monkeypatch.setattr(module, "FRESH_S", 0.0)
    assert _role(ledger, key) == "trader"
    monkeypatch.setattr(module, "STALE_S", 0.0)
    with pytest.raises(StoreError):
        _role(ledger, key)
    with create_engine(f"sqlite:///{file}").begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO api_keys"))
    assert _role(ledger, key) == "trader"


def test_keys_are_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEYS", 2)
    ledger.access.create("a", "viewer")
    ledger.access.create("b", "viewer")
    with pytest.raises(ConfigError, match="revoke some"):
        ledger.access.create("c", "viewer")


def test_a_check_costs_microseconds(ledger: Ledger) -> None:
    key = ledger.access.create("laptop", "viewer")
    _role(ledger, key)
    began = time.perf_counter()
    for _ in range(1_000):
        _role(ledger, key)
    assert time.perf_counter() - began < 0.5


NOW = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


def test_a_key_expires(url: str, opened: Open) -> None:
    ledger = opened(url)
    key = ledger.access.create("short", "trader", expires_ts=NOW + SECOND)
    assert _role(ledger, key) == "trader"
    assert _role(opened(url, now=NOW + SECOND - 1), key) == "trader"
    assert _role(opened(url, now=NOW + SECOND), key) is None
    with pytest.raises(ConfigError, match="expires: that is past"):
        ledger.access.create("past", "viewer", expires_ts=NOW)


def test_scopes_are_kept_and_odd_ones_refused(ledger: Ledger) -> None:
    key = ledger.access.create("push", "trader", ("ticks", "ws", "ticks"))
    assert ledger.key_grant(key) == Grant(1, "push", "trader", ("ticks", "ws"))
    assert ledger.access.all()[0].scopes == ("ticks", "ws")
    for odd in ("", "a b", "/x", "A", "x" * 41):
        with pytest.raises(ConfigError, match="scopes: "):
            ledger.access.create("x", "viewer", (odd,))
    with pytest.raises(ConfigError, match="at most 10"):
        ledger.access.create("x", "viewer", [f"s{n}" for n in range(11)])


def test_a_rotated_key_works_on_for_a_while(url: str, opened: Open) -> None:
    ledger = opened(url)
    old = ledger.access.create("desk", "trader", ("ws",), NOW + 90 * SECOND)
    new = ledger.access.rotate(1, 10.0)
    assert new is not None
    assert ledger.access.rotate(1, 10.0) is None
    assert ledger.access.rotate(99, 10.0) is None
    for at, works in ((0, (True, True)), (10 * SECOND - 1, (True, True)), (10 * SECOND, (False, True)),
                      (90 * SECOND, (False, False))):  # fmt: skip
        later = opened(url, now=NOW + at)
        assert (_role(later, old) == "trader", _role(later, new) == "trader") == works, at
    assert ledger.key_grant(new) == Grant(2, "desk", "trader", ("ws",), NOW + 90 * SECOND)
    first, second = ledger.access.all()
    assert (first.replaced_by, first.expires_ts, second.replaced_by) == (2, NOW + 10 * SECOND, 0)


def test_a_rotation_never_lengthens_a_life(url: str, opened: Open) -> None:
    ledger = opened(url)
    ledger.access.create("desk", "viewer", expires_ts=NOW + SECOND)
    assert ledger.access.rotate(1, 100.0) is not None
    assert ledger.access.all()[0].expires_ts == NOW + SECOND
    ended = opened(url, now=NOW + SECOND)
    assert ended.access.rotate(2, 1.0) is None
    assert ledger.access.revoke(2)
    assert ledger.access.rotate(2, 1.0) is None


def test_the_audit_log_is_read_newest_first_and_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(ts: int, who: str = "ann") -> Written:
        return Written(ts, who, 1, "trader", "127.0.0.1", "POST", "/api/v1/ticks", 200)

    ledger.audit_put([])
    ledger.audit_put([entry(1), entry(2, "bob"), entry(3)])
    assert ledger.audit() == [entry(3), entry(2, "bob"), entry(1)]
    assert ledger.audit(who="ann", limit=1) == [entry(3)]
    assert ledger.audit(2, 3) == [entry(2, "bob")]
    ledger.audit_put([Written(4, "\0" + "x" * 300, 0, "", "", "POST", "y" * 900, 400)])
    odd = ledger.audit(4)[0]
    assert (odd.who, odd.target) == ("x" * 200, "y" * 500)
    monkeypatch.setattr(audit_module, "MOST", 2)
    ledger.audit_put([entry(5)])
    assert [row.ts for row in ledger.audit()] == [5, 4]
