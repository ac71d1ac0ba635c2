"""REST answers from the newest view: filters, order, pages, CSV; wrong questions are told what is allowed."""

from __future__ import annotations

import asyncio
import csv
import io
import math
import time
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import numpy as np
import pytest

from crosstape.api import ApiSettings, Hub, create_app
from crosstape.boards.board import rank
from crosstape.boards.catalogue import BOARDS
from crosstape.engine.view import Rows, View
from crosstape.metrics import COLUMNS
from crosstape.model import quality
from crosstape.model.event import Liquidation, Side
from crosstape.state.bars import TIMEFRAMES

V1 = "/api/v1"
BTC = "bybit-linear:BTCUSDT"


async def good(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


async def wrong(client: httpx.AsyncClient, path: str, status: int = 400) -> dict[str, str]:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    found: dict[str, str] = answer.json()["error"]
    assert found["code"]
    assert found["message"]
    return found


def same(shown: float | None, value: float) -> bool:
    return (shown is None and math.isnan(value)) or shown == value


async def test_health_and_mode(client: httpx.AsyncClient) -> None:
    body = await good(client, "/health")
    assert body["status"] == "ok"
    assert body["mode"] == "simulated"
    assert body["version"]
    assert body["timestamp"] > 1e9


async def test_ready_says_why_not(client: httpx.AsyncClient, hub: Hub) -> None:
    assert "s old" in (await wrong(client, "/ready", 503))["message"]
    assert hub.view is not None
    hub.publish(msgspec.structs.replace(hub.view, ts=time.time_ns(), events=()))
    assert (await good(client, "/ready"))["status"] == "ready"


async def test_markets_show_the_views_numbers(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    body = await good(client, f"{V1}/markets?limit=1000&fields=all")
    assert body["total"] == len(body["rows"]) == len(view.rows.index)
    for record in body["rows"]:
        row = view.rows.index[record["id"]]
        assert record["quality"] == quality.names(int(view.quality[row]))
        assert all(same(record[name], float(values[row])) for name, values in view.columns.items())
    turnover = [r["turnover_usd_24h"] for r in body["rows"] if r["turnover_usd_24h"] is not None]
    assert turnover == sorted(turnover, reverse=True)


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        ("market=bybit-spot", lambda r: r["market"] == "bybit-spot"),
        ("market=bybit-spot,bybit-inverse", lambda r: r["market"] in ("bybit-spot", "bybit-inverse")),
        ("venue=bybit&kind=perp", lambda r: r["kind"] == "PERP"),
        ("base=btc,ETH", lambda r: r["base"] in ("BTC", "ETH")),
        ("quote=USDC", lambda r: r["quote"] == "USDC"),
        ("tier=A", lambda r: r["tier"] == "A"),
        ("q=btc perp", lambda r: "BTC" in r["symbol"] and "PERP" in r["symbol"]),
        ("min_turnover_usd=1e8", lambda r: (r["turnover_usd_24h"] or 0) >= 1e8),
        ("quality_not=STALE", lambda r: "STALE" not in r["quality"]),
    ],
)
async def test_filters(client: httpx.AsyncClient, query: str, passes: Any) -> None:
    everything = (await good(client, f"{V1}/markets?limit=1000"))["rows"]
    shown = (await good(client, f"{V1}/markets?limit=1000&{query}"))["rows"]
    assert {r["id"] for r in shown} == {r["id"] for r in everything if passes(r)}
    assert shown


async def test_pages_cover_everything_once(client: httpx.AsyncClient) -> None:
    for sort in ("-turnover_usd_24h", "change_24h", "id", "-symbol"):
        whole = (await good(client, f"{V1}/markets?limit=1000&sort={sort}"))["rows"]
        pages = [
            (await good(client, f"{V1}/markets?limit=20&offset={at}&sort={sort}"))["rows"]
            for at in range(0, 120, 20)
        ]
        assert [r["id"] for page in pages for r in page] == [r["id"] for r in whole]
        assert [r["rank"] for page in pages for r in page] == list(range(1, len(whole) + 1))


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "|".join(value)
    return "" if value is None else str(value)


TABLES = ("markets?limit=30&fields=all", "boards/turnover_24h?kind=SPOT", "instruments", f"markets/{BTC}/trades",
          "assets", "assets/BTC", f"markets/{BTC}/series")  # fmt: skip


@pytest.mark.parametrize("path", TABLES)
async def test_csv_says_the_same_as_json(client: httpx.AsyncClient, path: str) -> None:
    rows = (await good(client, f"{V1}/{path}"))["rows"]
    answer = await client.get(f"{V1}/{path}{'&' if '?' in path else '?'}format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(table) == len(rows) > 0
    for shown, record in zip(table, rows, strict=True):
        assert set(shown) == set(record)
        for name, value in record.items():
            if isinstance(value, float):
                assert float(shown[name]) == value
            else:
                assert shown[name] == as_text(value)


async def test_every_board_is_the_views(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    listed = (await good(client, f"{V1}/boards"))["rows"]
    assert [b["name"] for b in listed] == [b.name for b in BOARDS]
    for board in BOARDS:
        body = await good(client, f"{V1}/boards/{board.name}")
        ids = [view.rows.instruments[row].id for row in view.boards[board.name].rows]  # type: ignore[union-attr]
        assert [r["id"] for r in body["rows"]] == ids
        assert [r["value"] for r in body["rows"]] == view.boards[board.name].values.tolist()
        assert body["board"]["unit"] == board.column.unit
    alias = await good(client, f"{V1}/leaderboards/{BOARDS[0].name}")
    assert alias["rows"] == (await good(client, f"{V1}/boards/{BOARDS[0].name}"))["rows"]


async def test_a_filtered_board_is_ranked_anew(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    board = next(b for b in BOARDS if b.name == "turnover_24h")
    spot = np.array([i is not None and i.kind.value == "SPOT" for i in view.rows.instruments])
    wanted = rank(board, view.columns, view.quality, view.rows.alive & spot, 7)
    body = await good(client, f"{V1}/boards/turnover_24h?kind=SPOT&limit=5&offset=2")
    ids = [view.rows.instruments[row].id for row in wanted.rows[2:]]  # type: ignore[union-attr]
    assert [r["id"] for r in body["rows"]] == ids
    assert [r["rank"] for r in body["rows"]] == [3, 4, 5, 6, 7][: len(ids)]
    assert [r["value"] for r in body["rows"]] == wanted.values[2:].tolist()


async def test_one_market_and_its_record(client: httpx.AsyncClient) -> None:
    body = await good(client, f"{V1}/markets/{BTC}")
    assert set(body["columns"]) == {column.name for column in COLUMNS}
    listed = await good(client, f"{V1}/instruments?q={BTC}")
    assert listed["rows"][0] == body["instrument"]


async def test_columns_document_themselves(client: httpx.AsyncClient) -> None:
    body = await good(client, f"{V1}/columns")
    assert [c["name"] for c in body["rows"]] == [c.name for c in COLUMNS]
    assert all(c["doc"] and c["unit"] and c["cadence"] for c in body["rows"])
    assert set(body["quality"]) == {flag.name for flag in quality.Quality}


async def test_assets(client: httpx.AsyncClient, hub: Hub) -> None:
    assert hub.view is not None
    body = await good(client, f"{V1}/assets?limit=100")
    assert {r["asset"] for r in body["rows"]} == set(hub.view.assets.names)
    one = await good(client, f"{V1}/assets/btc")
    assert one["asset"] == "BTC"
    assert len(one["rows"]) == one["sums"]["instruments"] == one["total"]
    assert all(r["base"] == "BTC" for r in one["rows"])


async def test_trades_newest_first(client: httpx.AsyncClient, hub: Hub) -> None:
    assert hub.view is not None
    rows = (await good(client, f"{V1}/markets/{BTC}/trades?limit=500"))["rows"]
    kept = hub.trades.of(hub.view.rows.index[BTC], 500)
    assert [r["id"] for r in rows] == [t.id for t in reversed(kept)]
    assert rows
    middle = rows[len(rows) // 2]["ts_ms"]
    later = (await good(client, f"{V1}/markets/{BTC}/trades?limit=500&since_ms={math.floor(middle)}"))["rows"]
    assert later == [r for r in rows if r["ts_ms"] > math.floor(middle)]


async def test_book_as_of_the_tick(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    body = await good(client, f"{V1}/markets/{BTC}/book?depth=5")
    copy = view.books[view.rows.index[BTC]]
    assert body["synced"] is True
    assert body["bids"] == [list(level) for level in copy.bids[:5]]
    assert body["asks"] == [list(level) for level in copy.asks[:5]]
    assert body["bids"][0][0] < body["asks"][0][0]
    assert view.rows.index[BTC] in hub.interest()


async def test_an_unsynced_book_has_no_levels(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    row = view.rows.index[BTC]
    stale = msgspec.structs.replace(view.books[row], synced=False)
    hub.publish(msgspec.structs.replace(view, number=view.number + 1, books={row: stale}, events=()))
    body = await good(client, f"{V1}/markets/{BTC}/book")
    assert (body["synced"], body["bids"], body["asks"]) == (False, [], [])
    assert body["quality"]


async def test_a_book_waits_for_the_next_view(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    hub.publish(msgspec.structs.replace(view, number=view.number + 1, books={}, events=()))
    asked = asyncio.create_task(client.get(f"{V1}/markets/{BTC}/book"))
    await asyncio.sleep(0.05)
    assert hub.interest() == {view.rows.index[BTC]}
    hub.publish(msgspec.structs.replace(view, number=view.number + 2, events=()))
    assert (await asked).json()["synced"] is True
    later = msgspec.structs.replace(view, number=view.number + 3, ts=view.ts + 11_000_000_000, events=())
    hub.publish(later)
    assert hub.interest() == frozenset()


async def test_no_book_is_said_after_a_second(connect: Any, hub: Hub) -> None:
    client = connect(ApiSettings(book_wait_s=0.05))
    assert hub.view is not None
    without = next(i for i, row in hub.view.rows.index.items() if row not in hub.view.books)
    assert "no book" in (await wrong(client, f"{V1}/markets/{without}/book", 503))["message"]


async def test_liquidations(client: httpx.AsyncClient, hub: Hub) -> None:
    view = hub.view
    assert view is not None
    row = view.rows.index[BTC]
    events = tuple(
        (row, Liquidation("BTCUSDT", view.ts + i * 1_000_000, Side.SELL if i % 2 else Side.BUY, 50_000.0, 0.1 * i))
        for i in range(6)
    )
    hub.publish(msgspec.structs.replace(view, number=view.number + 1, events=events))
    rows = (await good(client, f"{V1}/liquidations"))["rows"]
    assert [r["size"] for r in rows] == [e.size for _, e in reversed(events)]
    assert all(r["id"] == BTC for r in rows)
    sells = (await good(client, f"{V1}/liquidations?side=SELL&id={BTC}&limit=2"))["rows"]
    assert [r["size"] for r in sells] == [0.5, 0.1 * 3]
    large = (await good(client, f"{V1}/liquidations?min_usd=15000"))["rows"]
    assert all(r["usd"] >= 15000 for r in large)
    assert 0 < len(large) < 6
    since = view.ts // 1_000_000 + 3
    assert all(r["ts_ms"] > since for r in (await good(client, f"{V1}/liquidations?since_ms={since}"))["rows"])


async def test_status_tells_what_works(client: httpx.AsyncClient) -> None:
    body = await good(client, f"{V1}/status")
    source = next(s for s in body["sources"] if s["source"] == "bybit-linear/0")
    assert source["state"] == "open"
    assert source["reconnects"] == 1
    assert source["frames"] > 0
    assert source["last_ms"] > 0
    assert source["lag_ms"] is not None
    metrics = {m["metric"]: m for m in body["metrics"]}
    assert metrics["last"]["works"] is True
    assert metrics["vol_percentile"]["works"] is False
    assert metrics["vol_percentile"]["reason"]
    assert any(c["what"] == "Opened" for c in body["continuity"])
    assert body["process"]["uptime_s"] == 1.0
    assert {"clients", "topics", "per_s"} <= set(body["websocket"])


async def test_venues(client: httpx.AsyncClient) -> None:
    bybit = next(v for v in (await good(client, f"{V1}/venues"))["rows"] if v["venue"] == "bybit")
    assert bybit["capabilities"]
    linear = next(m for m in bybit["markets"] if m["market"] == "bybit-linear")
    assert linear["instruments"] > 0
    assert linear["sources"]


async def test_replay_marks_every_row(connect: Any) -> None:
    client = connect(ApiSettings(mode="replay"))
    body = await good(client, f"{V1}/markets")
    assert body["mode"] == "replay"
    assert all("REPLAY" in r["quality"] for r in body["rows"])
    for path in ("boards/turnover_24h", "assets/BTC", "instruments"):
        assert all("REPLAY" in r["quality"] for r in (await good(client, f"{V1}/{path}"))["rows"])
    for path in ("trades", "candles", "series", "book"):
        assert "REPLAY" in (await good(client, f"{V1}/markets/{BTC}/{path}"))["quality"]


def renamed(view: View, names: dict[str, tuple[str, str]]) -> View:
    """The view with some instruments under other ids."""
    instruments = list(view.rows.instruments)
    for old, (market, native) in names.items():
        row = view.rows.index[old]
        kept = instruments[row]
        assert kept is not None
        instruments[row] = msgspec.structs.replace(kept, market=market, native=native)
    index = {i.id: row for row, i in enumerate(instruments) if i is not None}
    rows = Rows(view.rows.version + 1, tuple(instruments), index, view.rows.tiers, view.rows.alive)
    return msgspec.structs.replace(view, number=view.number + 1, rows=rows, events=())


@pytest.mark.parametrize(
    "native", ["PURR/USDC", "xyz:TSLA", "@107", "a/book", "book", "50%", "ÄÖ", "a b", "x?y#z"]
)
async def test_odd_ids(client: httpx.AsyncClient, hub: Hub, native: str) -> None:
    assert hub.view is not None
    hub.publish(renamed(hub.view, {BTC: ("hyperliquid", native)}))
    instrument = f"hyperliquid:{native}"
    for name in {quote(instrument, safe=""), quote(instrument, safe="/:@")}:
        assert (await good(client, f"{V1}/markets/{name}"))["instrument"]["id"] == instrument
        for part in ("book", "trades", "candles", "series"):
            assert (await good(client, f"{V1}/markets/{name}/{part}"))["id"] == instrument
    found = await good(client, f"{V1}/markets?market=hyperliquid&limit=10")
    assert [r["id"] for r in found["rows"]] == [instrument]


async def test_a_reused_row_starts_empty(client: httpx.AsyncClient, hub: Hub) -> None:
    assert hub.view is not None
    assert (await good(client, f"{V1}/markets/{BTC}/trades"))["rows"]
    hub.publish(renamed(hub.view, {BTC: ("bybit-linear", "NEWUSDT")}))
    assert (await good(client, f"{V1}/markets/bybit-linear:NEWUSDT/trades"))["rows"] == []
    samples = (await good(client, f"{V1}/markets/bybit-linear:NEWUSDT/series?fields=last"))["rows"]
    assert all(s["last"] is None for s in samples)


@pytest.mark.parametrize(
    ("query", "parameter", "allowed"),
    [
        ("markets?limit=x", "limit", "int"),
        ("markets?limit=-1", "limit", ">= 0"),
        ("markets?limit=10001", "limit", "10000"),
        ("markets?limit=1&limit=2", "limit", "once"),
        ("markets?sort=lst", "sort", "last"),
        ("markets?fields=last,bananas", "fields", "nearest"),
        ("markets?kind=SHARE", "kind", "PERP"),
        ("markets?market=bybit-liner", "market", "bybit-linear"),
        ("markets?quality_not=BAD", "quality_not", "CROSSED"),
        ("markets?min_turnover_usd=nan", "min_turnover_usd", ">= 0"),
        ("markets?format=xml", "format", "csv"),
        ("markets?frmat=csv", "frmat", "format"),
        ("boards/gainers_5m?quality_not=BAD", "quality_not", "CROSSED"),
        (f"markets/{BTC}/candles?tf=7m", "tf", "15m"),
        (f"markets/{BTC}/book?depth=0", "depth", ">= 1"),
        (f"markets/{BTC}/series?fields=bid", "fields", "last"),
        ("liquidations?side=buy", "side", "SELL"),
        ("status?x=1", "x", "none"),
    ],
)
async def test_wrong_parameters_name_what_is_allowed(
    client: httpx.AsyncClient, query: str, parameter: str, allowed: str
) -> None:
    error = await wrong(client, f"{V1}/{query}")
    assert error["parameter"] == parameter
    assert allowed in error["allowed"]


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("boards/gainer_5m", "gainers_5m"),
        ("markets/bybit-linear:BTCUSDX", BTC),
        ("markets/bybit-linear:BTCUSDX/book", BTC),
        ("assets/BTX", "BTC"),
        ("market", "/api/v1/markets"),
    ],
)
async def test_unknown_names_show_the_nearest(client: httpx.AsyncClient, path: str, near: str) -> None:
    assert near in (await wrong(client, f"{V1}/{path}", 404))["allowed"]


async def test_wrong_methods_and_paths_have_the_same_body(client: httpx.AsyncClient) -> None:
    for method, path, status in (("POST", f"{V1}/markets", 405), ("DELETE", f"{V1}/prefs", 405),
                                 ("GET", "/nothing", 404), ("GET", "/static/../settings.py", 404),
                                 ("GET", "/static/settings.py", 404), ("PUT", f"{V1}/prefs", 400)):  # fmt: skip
        answer = await client.request(method, path)
        assert answer.status_code == status, (method, path, answer.text)
        assert answer.json()["error"]["message"]
        assert status != 405 or "GET" in answer.headers["allow"]


async def test_a_crash_says_an_id_and_no_more(connect: Any, hub: Hub) -> None:
    client = connect()
    assert hub.view is not None
    hub.publish(msgspec.structs.replace(hub.view, number=hub.view.number + 1, columns={}, events=()))
    answer = await client.get(f"{V1}/markets?min_turnover_usd=1")
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "id"}
    assert "Traceback" not in answer.text
    assert "KeyError" not in answer.text


async def test_answers_are_kept_for_one_view_only(client: httpx.AsyncClient, hub: Hub) -> None:
    first = await client.get(f"{V1}/boards/turnover_24h")
    assert hub.answers
    again = await client.get(f"{V1}/boards/turnover_24h")
    assert again.content == first.content
    assert again.headers == first.headers
    assert hub.view is not None
    hub.publish(msgspec.structs.replace(hub.view, number=hub.view.number + 1, events=()))
    assert not hub.answers
    assert (await good(client, f"{V1}/boards/turnover_24h"))["view"] == first.json()["view"] + 1


async def test_before_the_first_view(process: Any) -> None:
    app = create_app(Hub(), process)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await good(client, "/health"))["status"] == "ok"
        assert "no view" in (await wrong(client, "/ready", 503))["message"]
        assert "no view" in (await wrong(client, f"{V1}/markets", 503))["message"]
        assert (await good(client, f"{V1}/status"))["instruments"] == 0
        assert (await good(client, f"{V1}/venues"))["rows"] == []
        assert (await wrong(client, f"{V1}/prefs", 503))["code"] == "no_ledger"


async def test_prefs_are_kept_a_user(client: httpx.AsyncClient) -> None:
    saved = {"theme": "dark", "watch": [BTC]}
    assert (await client.put(f"{V1}/prefs", json=saved)).status_code == 200
    assert (await good(client, f"{V1}/prefs"))["prefs"] == saved
    key = {"x-api-key": "see"}
    assert (await client.get(f"{V1}/prefs", headers=key)).json()["prefs"] == {}
    for body in (b"[1]", b"{", b"\xff", b"[" * 5000, b'"x"'):
        answer = await client.put(f"{V1}/prefs", content=body)
        assert answer.status_code == 400, body[:10]
        assert answer.json()["error"]["parameter"] == "body"
    answer = await client.put(f"{V1}/prefs", content=b'{"a":"' + b"x" * 70_000 + b'"}')
    assert answer.status_code == 413
    assert (await good(client, f"{V1}/prefs"))["prefs"] == saved


async def test_pages_need_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    for path in ("/", "/schema", "/static/status.js", "/static/status.css", "/schema/openapi.json"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        text = answer.text.replace("https://bybit-exchange", "")
        assert "https://" not in text
        assert "<script>" not in text
        assert " style=" not in text
        assert " onclick" not in text


def test_timeframes_are_the_documented_ones() -> None:
    from crosstape.api.query import PARAMETERS

    assert PARAMETERS["tf"] == f"timeframe: {' '.join(TIMEFRAMES)}"
