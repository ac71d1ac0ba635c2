"""One WebSocket for all subscriptions: it comes back by itself and goes on where it was."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import aiohttp
import msgspec

from crosstape.client.errors import ClientError, Refused
from crosstape.client.merged import Merging
from crosstape.client.results import Row
from crosstape.client.topics import Topic

T = TypeVar("T")
FIRST_S, MOST_S, AGAIN_S = 0.25, 5.0, 1.0
HEARTBEAT_S = 20.0
MAX_MESSAGE = 64 << 20
WRONG_KEY = 4001
# Said by a server that has just begun; a subscription that once held asks again.
PASSING = frozenset({"not_ready", "not_found"})


class Subscription(Generic[T]):
    """An async iterator over a topic: each step gives the newest state, or the events since the last step."""

    def __init__(self, topic: Topic[T], merging: Merging, leave: Callable[[], None]) -> None:
        self.topic, self.merging, self._leave = topic, merging, leave
        self.topic_id = -1
        self.held = False
        self.error: ClientError | None = None
        self._fresh = asyncio.Event()

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> T:
        await self._fresh.wait()
        if self.error is not None:
            raise self.error
        self._fresh.clear()
        found: T = self.merging.value()
        return found

    def poll(self) -> T | None:
        """The same without waiting: None where nothing is new."""
        if self.error is not None:
            raise self.error
        if not self._fresh.is_set():
            return None
        self._fresh.clear()
        found: T = self.merging.value()
        return found

    def close(self) -> None:
        """Nothing more is wanted."""
        self._leave()

    def wake(self) -> None:
        """There is something to take."""
        self._fresh.set()

    def fail(self, error: ClientError) -> None:
        """Whoever waits is told."""
        self.error = error
        self._fresh.set()


class Inbox:
    """Gives every message to its subscription; `again(subscription, wait_s)` asks for one anew."""

    def __init__(
        self, subscriptions: Mapping[str, Subscription[Any]], again: Callable[[Subscription[Any], float], None]
    ) -> None:
        self._subscriptions, self._again = subscriptions, again

    def heard(self, said: Row) -> None:
        """A JSON message."""
        subscription = self._subscriptions.get(said.get("topic", ""))
        if subscription is None:
            return
        op = said.get("op")
        if op == "subscribed":
            subscription.topic_id, subscription.held = said["topic_id"], True
            subscription.merging.acknowledged(said)
        elif op == "error":
            self._refused(subscription, said["error"])
        elif "kind" in said and subscription.topic_id >= 0:
            # What comes before the answer belongs to a subscription that was given up.
            self._taken(subscription, subscription.merging.take(said), said["kind"] != "names")

    def heard_frame(self, frame: bytes) -> None:
        """A binary message."""
        topic_id = int.from_bytes(frame[2:4], "little")
        for subscription in self._subscriptions.values():
            if subscription.topic_id == topic_id:
                self._taken(subscription, subscription.merging.take_frame(frame), True)

    def _taken(self, subscription: Subscription[Any], whole: bool, shown: bool) -> None:
        if not whole:
            # A batch is missing: begin with a snapshot.
            subscription.merging.seq = -1
            self._again(subscription, 0.0)
        elif shown:
            subscription.wake()

    def _refused(self, subscription: Subscription[Any], error: Row) -> None:
        code = error["code"]
        if code == "not_ready" or (subscription.held and code in PASSING):
            self._again(subscription, AGAIN_S)
            return
        named = error.get("parameter", ""), error.get("allowed", "")
        subscription.fail(Refused(400, code, error["message"], *named))


class Stream:
    """state: idle connecting open waiting; `error` says why it is not open, `since` (monotonic s) since when."""

    def __init__(self, url: str, key: str) -> None:
        self.state, self.error, self.since = "idle", "", time.monotonic()
        self.subscriptions: dict[str, Subscription[Any]] = {}
        self._url, self._key = "ws" + url.removeprefix("http") + "/ws", key
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._task: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._inbox = Inbox(self.subscriptions, lambda one, wait_s: self._later(self._soon(one, wait_s)))

    def subscribe(self, topic: Topic[T]) -> Subscription[T]:
        """Ask for a topic; what comes is read from the subscription. One subscription a topic."""
        if topic.name in self.subscriptions:
            raise ClientError(f"{topic.name} is subscribed to already; use another client for a second one")
        found: Subscription[T] = Subscription(topic, topic.merge(), lambda: self._left(found))
        self.subscriptions[topic.name] = found
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        elif self._ws is not None:
            self._later(self._ask(found))
        return found

    async def close(self) -> None:
        """End it all."""
        tasks = [*self._work, *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None
        self._turn("idle")

    def _left(self, gone: Subscription[Any]) -> None:
        if self.subscriptions.get(gone.topic.name) is gone:
            del self.subscriptions[gone.topic.name]
            if self._ws is not None:
                self._later(self._say({"op": "unsubscribe", "topic": gone.topic.name}))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _turn(self, state: str, error: str = "") -> None:
        if state != self.state:
            self.since = time.monotonic()
        self.state, self.error = state, error

    async def _run(self) -> None:
        tries = 0
        async with aiohttp.ClientSession() as session:
            while True:
                self._turn("connecting", self.error)
                began = time.monotonic()
                try:
                    await self._once(session)
                except Refused as error:
                    for subscription in self.subscriptions.values():
                        subscription.fail(error)
                    return self._turn("idle", str(error))
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    self._turn("waiting", f"{error or type(error).__name__}")
                tries = 0 if time.monotonic() - began > MOST_S else tries + 1
                wait = min(FIRST_S * 2**tries, MOST_S)
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))

    async def _once(self, session: aiohttp.ClientSession) -> None:
        headers = {"x-api-key": self._key} if self._key else {}
        options: dict[str, Any] = {"heartbeat": HEARTBEAT_S, "max_msg_size": MAX_MESSAGE, "compress": 0}
        async with session.ws_connect(self._url, headers=headers, **options) as ws:
            self._ws = ws
            try:
                self._turn("open")
                for subscription in list(self.subscriptions.values()):
                    await self._ask(subscription)
                async for message in ws:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        self._inbox.heard(msgspec.json.decode(message.data))
                    elif message.type is aiohttp.WSMsgType.BINARY:
                        self._inbox.heard_frame(message.data)
            finally:
                self._ws = None
            if ws.close_code == WRONG_KEY:
                raise Refused(401, "wrong_key", "a key is required here, or the one given is unknown or revoked")
            self._turn("waiting", f"the server closed the connection (code {ws.close_code})")

    async def _ask(self, subscription: Subscription[Any]) -> None:
        subscription.topic_id = -1
        await self._say(subscription.topic.command(subscription.merging.seq))

    async def _say(self, said: Row) -> None:
        if self._ws is not None and not self._ws.closed:
            try:
                await self._ws.send_str(msgspec.json.encode(said).decode())
            except (aiohttp.ClientError, OSError):
                return  # The reader sees the end of the connection too, and begins anew.

    async def _soon(self, subscription: Subscription[Any], wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if self.subscriptions.get(subscription.topic.name) is subscription:
            await self._ask(subscription)
