"""Subscriptions, reconnects, rotation, pings and back pressure over real loopback sockets."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess

import msgspec
import pytest
from aiohttp import WSCloseCode

from crosstape.feeds.intake import BoundedIntake
from crosstape.model.frame import Kind
from crosstape.wire.effect import Reconnect, Send, Subscribe, Unsubscribe
from crosstape.wire.venue import Ping, StreamLimits

SOURCE = "mock-linear/0"


def topics(n: int) -> tuple[str, ...]:
    return tuple(f"publicTrade.S{i}" for i in range(n))


async def test_subscriptions_are_chunked(server, rig, declare):
    async with rig(declare(server.port)) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(25))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 25)
        assert [len(b) for b in server.live[0].batches] == [10, 10, 5]
        opened = r.frames(Kind.OPEN)
        assert [(a[1], a[2]) for a in opened] == [(SOURCE, 1)]
        r.feeds.perform([Subscribe(SOURCE, ("publicTrade.NEW", "publicTrade.S1"))])
        await r.until(lambda: "publicTrade.NEW" in server.live[0].topics)
        assert server.live[0].batches[-1] == ["publicTrade.NEW"]
        r.feeds.perform([Unsubscribe(SOURCE, ("publicTrade.S0",))])
        await r.until(lambda: "publicTrade.S0" not in server.live[0].topics)
        assert r.feeds.health()[0].topics == 25
        assert r.feeds.health()[0].state == "open"
    assert [(a[2], a[6]) for a in r.frames(Kind.CLOSE)] == [(1, 1000)]


async def test_bisection_isolates_exactly_the_bad_topics(server, rig, declare):
    server.bad = {"publicTrade.S3", "publicTrade.S4", "publicTrade.S17"}
    async with rig(declare(server.port)) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(20))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 17)
        await r.until(lambda: len(r.frames(Kind.FAILED)) == 3)
        failed = {a[5]: a[4] for a in r.frames(Kind.FAILED, SOURCE)}
        assert set(failed) == {f"subscribe {t}" for t in server.bad}
        assert all(b"handler not found" in reason for reason in failed.values())
        assert set(server.live[0].topics) == set(topics(20)) - server.bad
        server.live[0].abort()
        await r.until(lambda: len(server.peers) == 2 and len(server.peers[1].topics) == 17)
        assert [len(b) for b in server.peers[1].batches] == [10, 7]
        assert len(r.frames(Kind.FAILED)) == 3


async def test_limits_of_a_connection_are_answered_by_failed_frames(server, rig, declare):
    limits = StreamLimits(topics_per_request=10, characters_per_connection=30, requests_per_s=1000.0)
    async with rig(declare(server.port, limits=limits)) as r:
        r.feeds.perform([Subscribe(SOURCE, ("a" * 20, "b" * 10, "c" * 1))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 2)
        assert [a[5] for a in r.frames(Kind.FAILED)] == ["subscribe c"]
        r.feeds.perform([Unsubscribe(SOURCE, ("b" * 10,)), Subscribe(SOURCE, ("c",))])
        await r.until(lambda: server.live[0].topics == ["a" * 20, "c"])


async def test_reconnects_after_close_abort_and_refused_handshake(server, rig, declare):
    wanted = set(topics(12))
    async with rig(declare(server.port)) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(12))])
        await r.until(lambda: server.live and set(server.live[0].topics) == wanted)
        await server.live[0].ws.close(code=WSCloseCode.SERVICE_RESTART, message=b"deploy")
        await r.until(lambda: len(server.peers) == 2 and set(server.peers[1].topics) == wanted)
        server.refuse_status = 503
        server.peers[1].abort()
        await r.until(lambda: r.frames(Kind.FAILED))
        assert r.frames(Kind.FAILED)[0][5:7] == ("connect", 503)
        server.refuse_status = 0
        await r.until(lambda: len(server.peers) == 3 and set(server.peers[2].topics) == wanted)
        assert [a[2] for a in r.frames(Kind.OPEN)] == [1, 2, 3]
        assert [(a[2], a[6], a[4]) for a in r.frames(Kind.CLOSE)] == [
            (1, 1012, b"deploy"),
            (2, 1006, b"connection lost"),
        ]
        assert r.feeds.health()[0].reconnects == 2


async def test_a_silent_and_a_half_open_peer_are_replaced(server, rig, declare):
    async with rig(declare(server.port), scale=30.0) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(3))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 3)
        server.mute = True  # accepts everything, answers nothing, not even protocol pings
        await r.until(lambda: len(server.peers) >= 2)
        server.mute = False
        await r.until(lambda: len(server.peers[-1].topics) == 3 and len(server.live) == 1)
        assert b"silent" in r.frames(Kind.CLOSE)[0][4]
        assert r.frames(Kind.CLOSE)[0][6] == 1006


async def test_pongs_keep_a_quiet_stream(server, rig, declare):
    ping = Ping(b'{"op":"ping"}', every_s=20.0)
    venues = declare(server.port, ping=ping), declare(server.port, id="plain")
    async with rig(*venues, scale=60.0) as r:
        r.feeds.perform([Subscribe(SOURCE, ("a",)), Subscribe("plain-linear/0", ("b",))])
        await asyncio.sleep(2.0)  # two minutes
        assert len(server.peers) == 2
        assert sum(p.pings for p in server.peers) >= 3
        assert any(b"pong" in a[4] for a in r.frames(Kind.DATA, SOURCE))


async def test_an_unanswered_subscribe_is_repeated_once(server, rig, declare):
    server.deaf_acks = 1

    async def forget(peer):
        # The first message is lost whole: the server has neither the topics nor an answer.
        if len(server.peers) == 1:
            await peer.ws.receive()

    server.welcome, server.deaf_acks = forget, 0
    async with rig(declare(server.port), scale=30.0) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(3))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 3)
        assert len(server.peers) == 1
        server.deaf_acks = 2
        r.feeds.perform([Subscribe(SOURCE, ("more",))])
        await r.until(lambda: len(server.peers) == 2 and len(server.peers[1].topics) == 4)
        assert b"no answer to subscribe" in r.frames(Kind.CLOSE)[0][4]
        assert not r.frames(Kind.FAILED)


async def test_forced_reconnects_leave_nothing_behind(server, rig, declare):
    wanted = set(topics(12))
    async with rig(declare(server.port), backoff_first_s=0.0005, backoff_cap_s=0.001) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(12))])
        await r.until(lambda: server.live and set(server.live[0].topics) == wanted)
        tasks = {str(t.get_coro()).split(" at ")[0] for t in asyncio.all_tasks()}
        count = len(asyncio.all_tasks())
        for conn in range(1, 201):
            await r.until(lambda conn=conn: len(r.frames(Kind.OPEN)) == conn)
            r.feeds.perform([Reconnect(SOURCE, conn, "test"), Reconnect(SOURCE, conn - 1, "gone already")])
        await r.until(lambda: len(server.peers) == 201 and set(server.peers[-1].topics) == wanted)
        await r.until(lambda: len(asyncio.all_tasks()) <= count)
        assert {str(t.get_coro()).split(" at ")[0] for t in asyncio.all_tasks()} <= tasks
        assert [a[2] for a in r.frames(Kind.OPEN)] == list(range(1, 202))
        assert [a[2] for a in r.frames(Kind.CLOSE)] == list(range(1, 201))
        assert r.feeds.health()[0].reconnects == 200
        assert len(server.live) == 1


async def test_rotation_overlaps(server, rig, declare):
    limits = StreamLimits(topics_per_request=10, requests_per_s=1000.0, lifetime_s=3600.0)
    async with rig(declare(server.port, limits=limits), scale=3600.0, silence_s=7200.0, ack_timeout_s=3600.0) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(3))])
        await r.until(lambda: len(r.frames(Kind.CLOSE)) >= 2)
        order = [(a[3], a[2]) for a in r.seen if a[3] in (Kind.OPEN, Kind.CLOSE)]
        assert order[:5] == [(Kind.OPEN, 1), (Kind.OPEN, 2), (Kind.CLOSE, 1), (Kind.OPEN, 3), (Kind.CLOSE, 2)]
        first, second = r.frames(Kind.OPEN)[:2]
        assert second[0] - first[0] >= 0.9 * 3600e9
        assert {a[6] for a in r.frames(Kind.CLOSE)} == {1000}
        await r.until(lambda: len(server.live) == 1 or len(server.live[-1].topics) == 3)


async def test_send_and_unknown_sources(server, rig, declare):
    async with rig(declare(server.port)) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(1)), Send(SOURCE, b"too early")])
        assert r.frames(Kind.FAILED)[0][5] == "send"
        await r.until(lambda: server.live and server.live[0].topics)
        r.feeds.perform(
            [Send(SOURCE, b'{"op":"hello"}'), Subscribe("nobody/0", ("x",)), Send("mock-linear/7", b"")]
        )
        await r.until(lambda: '{"op":"hello"}' in server.live[0].texts)
        assert [(a[1], a[4]) for a in r.frames(Kind.FAILED)[1:]] == [
            ("nobody/0", b"unknown source"),
            ("mock-linear/7", b"unknown source"),
        ]
        assert r.feeds.unknown == 2


async def test_a_source_without_topics_has_no_connection(server, rig, declare):
    async with rig(declare(server.port)) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(2))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 2)
        r.feeds.perform([Unsubscribe(SOURCE, topics(2))])
        await r.until(lambda: not server.live and r.feeds.health()[0].state == "idle")
        r.feeds.perform([Subscribe(SOURCE, topics(1))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 1)
        assert [a[2] for a in r.frames(Kind.OPEN)] == [1, 2]


async def test_connections_per_window_hold_across_shards(server, rig, declare):
    limits = StreamLimits(connects_per_window=3, connect_window_s=300.0, requests_per_s=1000.0)
    async with rig(declare(server.port, limits=limits), scale=300.0, silence_s=3000.0) as r:
        r.feeds.perform([Subscribe(f"mock-linear/{i}", ("a",)) for i in range(5)])
        await r.until(lambda: len(r.frames(Kind.OPEN)) == 5)
        at = sorted(a[0] for a in r.frames(Kind.OPEN))
        assert at[3] - at[0] >= 290e9
        assert [h.limit for h in r.feeds.hosts() if h.what == "connect"] == [3.0]


async def test_back_pressure_pauses_the_reader_and_loses_nothing(server, rig, declare):
    total, body = 3000, "x" * 2000

    async def flood(peer):
        await peer.ws.receive()
        for i in range(total):
            await peer.ws.send_str(f"{i} {body}")

    server.welcome = flood
    intake = BoundedIntake(arrivals=100, size=1 << 20)
    async with rig(declare(server.port), intake=intake) as r:
        r.reading = False
        r.feeds.perform([Subscribe(SOURCE, topics(1))])
        await r.until(lambda: intake.full)
        await asyncio.sleep(0.3)
        held = intake.depth
        assert held < total / 2  # the rest waits in the kernel and in the sender
        await asyncio.sleep(0.2)
        assert intake.depth == held
        r.reading = True
        await r.until(lambda: len(r.frames(Kind.DATA)) >= total)
        assert [int(a[4].split()[0]) for a in r.frames(Kind.DATA)[:total]] == list(range(total))
        assert intake.pauses >= 1
        assert len(server.peers) == 1


async def test_fragments_and_pings_of_the_peer(server, rig, declare):
    async def speak(peer):
        writer = peer.ws._writer
        transport = peer.request.transport
        assert writer is not None
        assert transport is not None
        transport.write(b"\x01\x03one" + b"\x89\x01p" + b"\x00\x03two" + b"\x80\x05three")

    server.welcome = speak
    async with rig(declare(server.port)) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(1))])
        await r.until(lambda: r.frames(Kind.DATA))
        assert r.frames(Kind.DATA)[0][4] == b"onetwothree"


async def test_a_crashing_source_is_restarted_alone(server, rig, declare):
    angry = {"on": True}

    def subscribe(topics, key):
        if angry["on"]:
            raise RuntimeError("a bug in a venue")
        return b'{"op":"subscribe","req_id":"%s","args":["a"]}' % key.encode()

    bad = declare(server.port, id="bad")
    bad = msgspec.structs.replace(bad, streams=(msgspec.structs.replace(bad.streams[0], subscribe=subscribe),))
    async with rig(declare(server.port), bad) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(2)), Subscribe("bad-linear/0", ("a",))])
        await r.until(lambda: {h.source: h.crashes for h in r.feeds.health()}["bad-linear/0"] >= 2)
        good = r.frames(Kind.OPEN, SOURCE)
        assert len(good) == 1
        assert not r.frames(Kind.CLOSE, SOURCE)
        crash = r.frames(Kind.FAILED, "bad-linear/0")[0]
        assert crash[5] == "crash"
        assert b"a bug in a venue" in crash[4]
        assert r.log.events[0][0] == "feed crashed"
        angry["on"] = False
        await r.until(lambda: {h.source: h.state for h in r.feeds.health()}["bad-linear/0"] == "open")
        opens = [a[2] for a in r.frames(Kind.OPEN, "bad-linear/0")]
        assert opens == list(range(1, len(opens) + 1))


async def test_cancellation_closes_everything(server, rig, declare):
    codes = []

    async def watch(peer):
        codes.append(peer)

    server.welcome = watch
    async with rig(declare(server.port), declare(server.port, id="other")) as r:
        r.feeds.perform([Subscribe(f"{v}-linear/{i}", ("a",)) for v in ("mock", "other") for i in range(3)])
        await r.until(lambda: len(server.live) == 6)
        await r.until(lambda: all(p.topics for p in server.live))
    await r.until(lambda: not server.live)
    assert {p.ws.close_code for p in codes} == {1000}
    assert sorted((a[1], a[6]) for a in r.frames(Kind.CLOSE)) == sorted((a[1], 1000) for a in r.frames(Kind.OPEN))
    assert r.feeds._session.closed


async def test_a_handshake_that_never_ends_is_given_up(rig, declare):
    """A server that accepts and says nothing: timed out, retried, and closed on cancellation."""
    gone = []

    async def accept(reader, writer):
        try:
            while await reader.read(1000):
                pass
        except ConnectionError:
            pass
        gone.append(1)
        writer.close()

    it = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with rig(declare(it.sockets[0].getsockname()[1]), connect_timeout_s=0.3) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(1))])
        await r.until(lambda: len(r.frames(Kind.FAILED)) == 2)
        assert r.frames(Kind.FAILED)[0][5] == "connect"
        assert b"Timeout" in r.frames(Kind.FAILED)[0][4]
        await r.until(lambda: r.feeds.health()[0].state == "connecting")
        await asyncio.sleep(0.1)
    async with rig(declare(it.sockets[0].getsockname()[1])) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(1))])
        await asyncio.sleep(0.1)
    await r.until(lambda: len(gone) == 4, seconds=2.0)
    it.close()
    await it.wait_closed()


async def test_tls(server, rig, declare, tmp_path, monkeypatch):
    """The same over wss: trusted by the system's store only, closed with 1000."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    order = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, *order.split(), *names, "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    secure = await server.listen(context)
    venue = declare(server.port)
    stream = msgspec.structs.replace(venue.streams[0], url=f"wss://127.0.0.1:{secure}/ws")
    venue = msgspec.structs.replace(venue, streams=(stream,))
    async with rig(venue) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(1))])
        await r.until(lambda: r.frames(Kind.FAILED))
        assert b"CERTIFICATE_VERIFY_FAILED" in r.frames(Kind.FAILED)[0][4]
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    async with rig(venue) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(12))])
        await r.until(lambda: server.live and len(server.live[0].topics) == 12)
    assert [a[6] for a in r.frames(Kind.CLOSE)] == [1000]
    await r.until(lambda: not server.live)


async def test_a_ban_at_the_handshake_stops_every_shard(server, rig, declare):
    server.refuse_status = 403
    async with rig(declare(server.port), scale=600.0, silence_s=6000.0) as r:
        r.feeds.perform([Subscribe(SOURCE, topics(1))])
        await r.until(lambda: r.frames(Kind.FAILED))
        at = r.frames(Kind.FAILED)[0][0]
        server.refuse_status = 0
        r.feeds.perform([Subscribe("mock-linear/1", topics(1))])
        await r.until(lambda: [h.state for h in r.feeds.health()][:2] == ["banned", "banned"])
        await r.until(lambda: len(r.frames(Kind.OPEN)) == 2)
        assert all(a[0] - at >= 590e9 for a in r.frames(Kind.OPEN))
