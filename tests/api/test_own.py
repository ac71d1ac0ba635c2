"""Own trading over the API: figures of what the ledger holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pytest

from crosstape.api import ApiSettings, Hub, create_app
from crosstape.api.routes_own import marks
from crosstape.model.event import Side
from crosstape.model.execution import Execution
from support.served import Notebook, Process

V1 = "/api/v1"
BTC = "bybit-linear:BTCUSDT"


def fill(ts: int, side: Side, price: str, instrument: str = BTC) -> Execution:
    return Execution(ts * 1_000_000, instrument, side, Decimal(price), Decimal(1))


@pytest.fixture
def notebook() -> Notebook:
    found = Notebook()
    found.executions.rows = [fill(1, Side.BUY, "100"), fill(2, Side.SELL, "110"), fill(3, Side.BUY, "100")]
    return found


async def test_stats_and_profile(client: httpx.AsyncClient, hub: Hub) -> None:
    told = (await client.get(f"{V1}/stats")).json()
    assert told["mode"] == "simulated"
    (row,) = told["rows"]
    assert (row["currency"], row["net"], row["trades"], row["profit_factor"]) == ("USDT", 10.0, 1, None)
    assert row["profit_factor_reason"] == "no_losses"
    (position,) = told["positions"]
    price = marks(_context(hub))(BTC)
    assert position["price"] == price > 0
    assert position["unrealised"] == pytest.approx(price - 100)
    later = (await client.get(f"{V1}/stats?since_ms=3&method=average&capital=1000")).json()
    assert (later["rows"][0]["trades"], later["executions"], later["method"]) == (0, 1, "average")
    assert (await client.get(f"{V1}/stats?id=other")).json()["rows"] == []
    profile = (await client.get(f"{V1}/profile")).json()
    assert (profile["executions"], profile["symbols"][0]["id"]) == (3, BTC)


def _context(hub: Hub) -> Any:
    class Held:
        pass

    held = Held()
    held.hub = hub  # type: ignore[attr-defined]
    return held


async def test_what_is_wrong_is_named(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = await client.get(f"{V1}/stats?method=lifo")
    assert (wrong.status_code, wrong.json()["error"]["parameter"]) == (400, "method")
    monkeypatch.setattr("crosstape.api.routes_own.MOST", 2)
    many = await client.get(f"{V1}/stats")
    assert (many.status_code, many.json()["error"]["code"]) == (413, "too_many")
    assert "choose a stream" in many.json()["error"]["allowed"]


async def test_without_a_ledger_it_says_so(hub: Hub) -> None:
    transport = httpx.ASGITransport(create_app(hub, Process(), settings=ApiSettings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get(f"{V1}/profile")).json()["error"]["code"] == "no_ledger"


class Steady:
    """A mid that stays."""

    def mids(self, instrument: str, since: int, until: int) -> Any:
        return np.arange(since, until, 500_000, dtype=np.int64), np.full(len(range(since, until, 500_000)), 105.0)


async def test_market_making(hub: Hub, notebook: Notebook) -> None:
    for mids, known in ((Steady(), 3), (None, 0)):
        app = create_app(hub, Process(), (), notebook, mids=mids)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            told = (await client.get(f"{V1}/mm/stats?max_inventory=0.5")).json()
            (row,) = told["rows"]
            assert (row["id"], row["mids"], row["inventory"], row["inventory_limit_breached"]) == (
                BTC,
                known,
                1.0,
                2,
            )
            assert (row["spread_captured_bps"] is None) == (not known)
            found = (await client.get(f"{V1}/mm/sessions?gap_s=0.0001")).json()
            assert [session["from_ms"] for session in found["rows"]] == [3, 2, 1]
            assert (await client.get(f"{V1}/mm/sessions?gap_s=0")).status_code == 400
