"""Polls and fetches: answers, refusals, retries, bans, Retry-After and the breaker over real HTTP."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from crosstape.feeds.breaker import Circuit
from crosstape.feeds.headers import retry_after_s
from crosstape.model.frame import Kind
from crosstape.wire.effect import Fetch
from crosstape.wire.request import Request
from crosstape.wire.venue import Budget

POLL = "mock-linear/instruments"


def ok(request):
    return web.json_response({"retCode": 0, "path": request.path_qs}, headers={"X-Bapi-Limit-Status": "7"})


def rest(r):
    return next(h for h in r.feeds.hosts() if h.what == "rest")


async def test_rounds_and_fetches_are_answered(server, rig, declare):
    server.answer = ok
    async with rig(declare(server.port, every_s=60.0), scale=100.0) as r:
        await r.until(lambda: len(r.frames(Kind.ANSWER, POLL)) >= 3)
        first = r.frames(Kind.ANSWER, POLL)[0]
        assert first[5] == "instruments /v5/instruments?category=linear"
        assert first[6] == 200
        assert "x-bapi-limit-status: 7" in first[7].split("\n")
        assert first[4].startswith(b'{"retCode": 0')
        request = Request("instruments", "/v5/page", (("cursor", "first%3D1"), ("limit", "1000")))
        r.feeds.perform([Fetch(POLL, request), Fetch("mock-linear/backfill", request), Fetch("who/x", request)])
        await r.until(lambda: [a for a in r.frames(Kind.ANSWER) if a[5] == request.key() and a[1] != POLL])
        assert ("/v5/page", "cursor=first%253D1&limit=1000") in server.requests
        assert r.frames(Kind.FAILED)[0][1] == "who/x"
        assert {h.source: h.state for h in r.feeds.health()}[POLL] == "open"


async def test_fetches_before_the_start_are_served(server, rig, declare):
    async with rig(declare(server.port)) as r:
        pass
    assert r.feeds.hosts()
    r.feeds.perform([Fetch(POLL, Request("instruments", "/v5/early"))])
    task = asyncio.create_task(r.feeds.run())
    await r.until(lambda: r.frames(Kind.ANSWER))
    task.cancel()
    await asyncio.wait({task})


async def test_retries_only_what_may_succeed(server, rig, declare):
    count = {"n": 0}

    def answer(request):
        count["n"] += 1
        if request.path == "/v5/bad":
            return web.json_response({"retCode": 10001})
        return web.Response(status=502) if count["n"] < 3 else ok(request)

    server.answer = answer
    async with rig(declare(server.port)) as r:
        r.feeds.perform([Fetch(POLL, Request("instruments", "/v5/shaky"))])
        await r.until(lambda: r.frames(Kind.ANSWER))
        assert [a[6] for a in r.frames(Kind.FAILED)] == [502, 502]
        r.feeds.perform([Fetch(POLL, Request("instruments", "/v5/bad"))])
        await r.until(lambda: len(r.frames(Kind.FAILED)) == 3)
        await asyncio.sleep(0.2)
        assert [p for p, _ in server.requests].count("/v5/bad") == 1
        assert r.frames(Kind.FAILED)[2][4:7] == (b'{"retCode": 10001}', "instruments /v5/bad", 200)


async def test_a_ban_stops_the_host_and_ends(server, rig, declare):
    banned = {"on": True}
    server.answer = lambda request: (
        web.Response(status=403, text="access too frequent") if banned["on"] else ok(request)
    )
    async with rig(declare(server.port, every_s=60.0), scale=600.0) as r:
        await r.until(lambda: r.frames(Kind.FAILED))
        at = r.frames(Kind.FAILED)[0][0]
        assert r.frames(Kind.FAILED)[0][4:7:2] == (b"access too frequent", 403)
        assert rest(r).until - at == pytest.approx(600e9, rel=0.1)
        assert r.feeds.health()[0].state == "banned"
        banned["on"] = False
        asked = len(server.requests)
        r.feeds.perform([Fetch(POLL, Request("instruments", "/v5/now", priority=0))])
        await asyncio.sleep(0.5)  # five minutes
        assert len(server.requests) == asked
        assert rest(r).waiting >= 1
        await r.until(lambda: any(p == "/v5/now" for p, _ in server.requests))
        assert r.clock.now() >= rest(r).until
        await r.until(lambda: len(r.frames(Kind.ANSWER)) >= 2)


async def test_retry_after_is_obeyed(server, rig, declare):
    def answer(request):
        if len(server.requests) == 1:
            return web.Response(status=429, headers={"Retry-After": "300"})
        return ok(request)

    server.answer = answer
    async with rig(declare(server.port), scale=300.0) as r:
        r.feeds.perform([Fetch(POLL, Request("instruments", "/v5/x"))])
        await r.until(lambda: r.frames(Kind.ANSWER))
        failed, answered = r.frames(Kind.FAILED)[0], r.frames(Kind.ANSWER)[0]
        assert failed[6] == 429
        assert "retry-after: 300" in failed[7]
        assert answered[0] - failed[0] >= 299e9


def test_retry_after_reads_seconds_and_dates():
    date, later = "Wed, 25 Nov 2026 10:00:00 GMT", "Wed, 25 Nov 2026 10:01:30 GMT"
    assert retry_after_s({}, 0) == 0.0
    assert retry_after_s({"retry-after": "2"}, 0) == 2.0
    assert retry_after_s({"retry-after": later, "date": date}, 0) == 90.0
    assert retry_after_s({"retry-after": "soon"}, 0) == 0.0
    assert retry_after_s({"retry-after": "nan"}, 0) == 0.0


async def test_the_breaker_opens_probes_and_closes(server, rig, declare):
    server.answer = lambda request: web.Response(status=500)
    async with rig(declare(server.port), scale=60.0, breaker_open_s=60.0) as r:
        ask = [Fetch(POLL, Request("instruments", "/v5/x"))]
        r.feeds.perform(ask * 2)
        await r.until(lambda: rest(r).circuit is Circuit.OPEN)
        asked = len(server.requests)
        r.feeds.perform(ask)
        await r.until(lambda: any(a[4] == b"circuit open" for a in r.frames(Kind.FAILED)))
        assert len(server.requests) == asked
        server.answer = ok
        await r.until(lambda: rest(r).circuit is Circuit.HALF_OPEN)
        r.feeds.perform(ask)
        await r.until(lambda: rest(r).circuit is Circuit.CLOSED)
        assert rest(r).opened == 1


async def test_network_errors_are_frames_with_status_0(server, rig, declare, unused_tcp_port):
    async with rig(declare(unused_tcp_port, every_s=60.0), scale=10.0) as r:
        await r.until(lambda: len(r.frames(Kind.FAILED, POLL)) >= 3)
        assert {a[6] for a in r.frames(Kind.FAILED)} == {0}
        assert any(b"ConnectorError" in a[4] for a in r.frames(Kind.FAILED))


async def test_the_budget_holds_at_the_server(server, rig, declare):
    server.answer = ok
    async with rig(declare(server.port, budget=Budget(10.0, 60.0)), scale=60.0, waiting_requests=25) as r:
        r.feeds.perform(
            [Fetch(POLL, Request("instruments", f"/v5/{i}", weight=2.0, priority=i % 3)) for i in range(40)]
        )
        await r.until(lambda: len(r.frames(Kind.ANSWER)) == 30)
        shed = r.frames(Kind.FAILED)
        assert len(shed) == 10
        assert all(b"requests wait" in a[4] for a in shed)
        at = sorted(a[0] for a in r.frames(Kind.ANSWER))
        assert all(b - a >= 50e9 for a, b in zip(at, at[6:], strict=False))


async def test_a_crash_in_a_venue_is_counted_not_fatal(server, rig, declare):
    def first():
        raise RuntimeError("a bug in a venue")

    async with rig(declare(server.port, every_s=60.0, first=first)) as r:
        await r.until(lambda: {h.source: h.crashes for h in r.feeds.health()}[POLL] >= 2)
        r.feeds.perform([Fetch(POLL, Request("instruments", "/v5/x"))])
        await r.until(lambda: r.frames(Kind.ANSWER))
