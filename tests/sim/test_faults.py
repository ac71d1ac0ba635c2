"""Every fault does what it says, on its topic and nowhere else."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp
import msgspec
import pytest

from crosstape.sim.fault import (
    Conn,
    Drop,
    Duplicate,
    Fault,
    Freeze,
    Hangup,
    Malform,
    Out,
    Reorder,
    Stall,
)

Running = Callable[..., Any]
TOPIC = "orderbook.50.BTCUSDT"


async def updates(running: Running, fault: Fault, count: int) -> list[int]:
    async with running(faults=(fault,)) as client, client.socket("linear", TOPIC) as socket:
        messages = await socket.some(count, TOPIC)
        first = messages[0]["data"]["u"]
        return [m["data"]["u"] - first for m in messages]


async def test_drop_makes_a_gap(running: Running) -> None:
    assert await updates(running, Drop(TOPIC, 3), 5) == [0, 1, 3, 4, 5]


async def test_duplicate(running: Running) -> None:
    assert await updates(running, Duplicate(TOPIC, 2), 5) == [0, 1, 1, 2, 3]


async def test_reorder(running: Running) -> None:
    assert await updates(running, Reorder(TOPIC, 3), 5) == [0, 1, 3, 2, 4]


async def test_stall_delays_but_loses_nothing(running: Running) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert await updates(running, Stall(TOPIC, 2, seconds=0.5), 5) == [0, 1, 2, 3, 4]
    assert loop.time() - begin > 0.5


async def test_freeze_is_silent_while_pongs_go_on(running: Running) -> None:
    async with running(faults=(Freeze(TOPIC, 3),)) as client, client.socket("linear", TOPIC) as socket:
        await socket.some(2, TOPIC)
        assert (await socket.ask("ping"))["ret_msg"] == "pong"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(socket.next(TOPIC), 0.5)


async def test_freeze_of_one_topic_leaves_the_others(running: Running) -> None:
    async with (
        running(faults=(Freeze("orderbook", 1),)) as client,
        client.socket("linear", TOPIC, "tickers.BTCUSDT") as socket,
    ):
        assert {m["topic"] for m in await socket.some(5)} == {"tickers.BTCUSDT"}


async def test_malformed(running: Running) -> None:
    async with running(faults=(Malform(TOPIC, 2),)) as client, client.socket("linear", TOPIC) as socket:
        await socket.next(TOPIC)
        with pytest.raises(msgspec.DecodeError):
            await socket.next(TOPIC)


@pytest.mark.parametrize("code", [1006, 1001, 1012])
async def test_hangup(running: Running, code: int) -> None:
    async with running(faults=(Hangup(TOPIC, 2, code=code),)) as client, client.socket("linear", TOPIC) as socket:
        await socket.next(TOPIC)
        message = await asyncio.wait_for(socket.raw.receive(), 5)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert socket.raw.close_code == code


async def test_faults_change_at_run_time_and_count_by_connection(running: Running) -> None:
    async with running() as client, client.socket("linear", TOPIC) as socket:
        await socket.some(3, TOPIC)
        client.server.faults = (Freeze(TOPIC, 1),)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(socket.some(100, TOPIC), 1.0)
        client.server.faults = ()
        assert await socket.next(TOPIC)


async def test_a_function_is_a_fault(running: Running) -> None:
    def late_acks(conn: Conn, payload: bytes) -> Iterable[Out]:
        return (payload,) if conn.topic else (payload.replace(b'"pong"', b'"gnop"'),)

    async with running(faults=(late_acks,)) as client, client.socket("linear") as socket:
        assert (await socket.ask("ping"))["ret_msg"] == "gnop"
