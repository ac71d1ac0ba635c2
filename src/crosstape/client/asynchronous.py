"""The client for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from crosstape.client.endpoints import Request
from crosstape.client.errors import ClientError, Refused, Unreachable
from crosstape.client.methods import Awaited
from crosstape.client.stream import Stream, Subscription
from crosstape.client.topics import Topic

T = TypeVar("T")
URL = "http://127.0.0.1:8317"


class _Detail(msgspec.Struct):
    code: str
    message: str
    parameter: str = ""
    allowed: str = ""


class _Body(msgspec.Struct):
    error: _Detail


class AsyncClient(Awaited):
    """Asks one crosstape. Methods are awaited; `subscribe` is for `async for`.

    url        where it is, or a replay of it: http://host:8317/replay/ID
    key        an API key, where one is required
    timeout_s  how long an answer may take

    Raises Unreachable where nothing answers, Refused with the server's message, the parameter and what is allowed.
    """

    def __init__(self, url: str = URL, key: str = "", timeout_s: float = 10.0) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ClientError(f"url: {url!r} is no address of a crosstape (allowed: http://host:port)")
        self.url, self._key, self._timeout_s = url.rstrip("/"), key, timeout_s
        self.stream = Stream(self.url, key)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def send(self, request: Request[T]) -> T:
        """What a method does: ask, and read the answer."""
        url, longest_s = self.url + request.target, max(request.timeout_s, self._timeout_s)
        if self._session is None:
            headers = {"x-api-key": self._key} if self._key else {}
            self._session = aiohttp.ClientSession(headers=headers)
        body, wait = request.body or None, aiohttp.ClientTimeout(total=longest_s)
        try:
            async with self._session.request(request.method, _exact(url), data=body, timeout=wait) as answer:
                body, status = await answer.read(), answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = f"no answer within {longest_s:g} s" if isinstance(error, TimeoutError) else error
            raise Unreachable(f"no crosstape answers at {self.url} ({reason}); is one running?") from error
        if status != 200:
            raise _refused(status, body)
        try:
            return request.read(body)
        except msgspec.MsgspecError as error:
            raise ClientError(f"{url}: the answer is not what a crosstape says ({error})") from error

    async def subscribe(self, topic: Topic[T]) -> AsyncIterator[T]:
        """Snapshot and deltas put together: `async for value in client.subscribe(topics.board("gainers_5m"))`.

        A slow reader gets the newest state; of events none is lost unless it says so. A lost connection is made
        again, and goes on where it was.
        """
        with contextlib.closing(self.open(topic)) as subscription:
            async for value in subscription:
                yield value

    def open(self, topic: Topic[T]) -> Subscription[T]:
        """The subscription itself, for who polls it; close it after use."""
        return self.stream.subscribe(topic)

    async def close(self) -> None:
        """End subscriptions and connections."""
        await self.stream.close()
        if self._session is not None:
            await self._session.close()
            self._session = None
            # aiohttp closes its sockets in the loop's next turn.
            await asyncio.sleep(0)


def _exact(url: str) -> Any:
    from yarl import URL as Address

    return Address(url, encoded=True)


def _refused(status: int, body: bytes) -> Refused:
    try:
        said = msgspec.json.decode(body, type=_Body).error
    except msgspec.MsgspecError:
        return Refused(status, "unknown", f"HTTP {status}, and the answer does not say why")
    return Refused(status, said.code, said.message, said.parameter, said.allowed)
