"""The client without `await`: the same one, in an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from crosstape.client.asynchronous import URL, AsyncClient
from crosstape.client.endpoints import Request
from crosstape.client.methods import AtOnce
from crosstape.client.topics import Topic

T = TypeVar("T")


class Client(AtOnce):
    """Asks one crosstape; see AsyncClient for the arguments and errors. Works in notebooks. Close it after use."""

    def __init__(self, url: str = URL, key: str = "", timeout_s: float = 10.0) -> None:
        self._loop = asyncio.new_event_loop()
        self._asks = AsyncClient(url, key, timeout_s)
        self._thread = threading.Thread(target=self._loop.run_forever, name="crosstape-client", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it asks."""
        return self._asks.url

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def send(self, request: Request[T]) -> T:
        """What a method does: ask, and read the answer."""
        return self._wait(self._asks.send(request))

    def subscribe(self, topic: Topic[T]) -> Iterator[T]:
        """`for value in client.subscribe(topics.board("gainers_5m", n=20))`; see AsyncClient.subscribe."""
        values = self._asks.subscribe(topic)
        try:
            while True:
                yield self._wait(anext(values))  # type: ignore[arg-type]
        finally:
            self._wait(values.aclose())  # type: ignore[attr-defined]

    def close(self) -> None:
        """End subscriptions and connections."""
        if not self._loop.is_closed():
            self._wait(self._asks.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
