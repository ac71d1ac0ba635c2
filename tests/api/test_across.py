"""Spreads, funding and an asset's own candles: one asset over several instruments."""

from __future__ import annotations

import httpx

from crosstape.api.hub import Hub

V1 = "/api/v1"


async def good(client: httpx.AsyncClient, path: str) -> dict:  # type: ignore[type-arg]
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_spreads_name_instruments(client: httpx.AsyncClient, hub: Hub) -> None:
    assert hub.view is not None
    body = await good(client, f"{V1}/spreads?q=btc")
    (row,) = [r for r in body["rows"] if r["asset"] == "BTC"]
    assert row["venues"] == 1
    assert row["bid"] in hub.view.rows.index
    assert row["bid_usd"] < row["ask_usd"] * 1.01
    assert (await good(client, f"{V1}/spreads?min_venues=2"))["rows"] == []
    wrong = await client.get(f"{V1}/spreads?min_venues=0")
    assert wrong.status_code == 400
    assert wrong.json()["error"]["parameter"] == "min_venues"


async def test_funding_lists_every_perp_of_the_asset(client: httpx.AsyncClient, hub: Hub) -> None:
    assert hub.view is not None
    body = await good(client, f"{V1}/funding?q=btc&limit=5")
    rates = [r for r in body["rows"] if r["asset"] == "BTC"]
    assert len(rates) > 1
    assert [r["funding_8h"] for r in rates] == sorted((r["funding_8h"] for r in rates), reverse=True)
    assert all(abs(r["funding_8h"] - r["funding"] * 8 / r["funding_hours"]) < 1e-12 for r in rates)


async def test_why_an_instrument_is_of_its_asset(client: httpx.AsyncClient) -> None:
    body = await good(client, f"{V1}/assets/BTC")
    assert all("BTC" in r["why"] for r in body["rows"])


async def test_candles_of_an_asset_say_whose_they_are(client: httpx.AsyncClient, hub: Hub) -> None:
    assert hub.view is not None
    body = await good(client, f"{V1}/assets/btc/candles?tf=1m")
    assert body["id"] in hub.view.rows.index
    assert body["fallback"] is False
    assert (await client.get(f"{V1}/assets/NOPE/candles")).status_code == 404
