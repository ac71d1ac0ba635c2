"""Spreads, funding and an asset's own candles: one asset over several instruments."""

from __future__ import annotations

import math

import httpx
import numpy as np

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


async def test_the_overview_adds_up(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    body = await good(client, f"{V1}/overview")
    alive = view.rows.alive
    turnover = view.columns["turnover_usd_24h"]
    assert body["markets"] == alive.sum()
    assert math.isclose(body["turnover_usd_24h"], np.nansum(turnover[alive]))
    parts = body["spot_turnover_usd_24h"] + body["derivatives_turnover_usd_24h"]
    assert math.isclose(parts, body["turnover_usd_24h"])
    by_market = {record["market"]: record for record in body["by_market"]}
    assert sum(record["markets"] for record in by_market.values()) == body["markets"]
    assert math.isclose(sum(r["turnover_usd_24h"] for r in by_market.values()), body["turnover_usd_24h"])
    for row, instrument in enumerate(view.rows.instruments):
        if instrument is not None and alive[row]:
            assert by_market[instrument.market]["turnover_usd_24h"] >= np.nan_to_num(turnover[row])


async def test_breadth_counts_an_asset_once_by_its_busiest_market(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    turnover = np.nan_to_num(view.columns["turnover_usd_24h"], nan=-1.0)
    rows = [row for row in range(view.assets.code.size) if view.rows.alive[row] and view.assets.code[row] >= 0]
    busiest: dict[int, int] = {}
    for row in sorted(rows, key=lambda row: (turnover[row], -row)):
        busiest[int(view.assets.code[row])] = row
    changes = [float(view.columns["change_24h"][row]) for row in busiest.values()]
    breadth = (await good(client, f"{V1}/overview"))["breadth"]["24h"]
    assert breadth["up"] == sum(change > 5e-5 for change in changes)
    assert breadth["down"] == sum(change < -5e-5 for change in changes)
    assert breadth["up"] + breadth["down"] + breadth["flat"] == sum(not math.isnan(c) for c in changes)
    assert math.isclose(breadth["share"], breadth["up"] / (breadth["up"] + breadth["down"]))


async def test_the_overview_shows_the_largest_assets_and_their_funding(
    client: httpx.AsyncClient, hub: Hub
) -> None:
    view = hub.view
    assert view is not None
    body = await good(client, f"{V1}/overview")
    sizes = [tile["turnover_usd_24h"] for tile in body["tiles"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == np.nanmax(view.assets.columns["turnover_usd_24h"])
    funding = body["funding"]
    assert len(funding["cells"]) == len(funding["assets"]) > 0
    for cells in funding["cells"]:
        for market, cell in zip(funding["markets"], cells, strict=True):
            if cell is not None:
                row = view.rows.index[cell["id"]]
                assert view.rows.instruments[row].market == market  # type: ignore[union-attr]
                assert cell["funding_apr"] == view.columns["funding_apr"][row]
