"""One WebSocket client: its subscriptions, what waits for it, and the rules when it is slow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from crosstape.api.channel import Channel, lost
from crosstape.api.channels import Channels
from crosstape.api.context import Context
from crosstape.api.errors import ApiError, bad
from crosstape.api.message import Batch, Message, said
from crosstape.api.ports import Role
from crosstape.api.routes_account import TOPIC
from crosstape.api.topic import Command, Spec

REPLIES = 256
MISTAKES = 100
_commands = msgspec.json.Decoder(Command)


class Wire(Protocol):
    """The way to the client."""

    async def send(self, messages: list[Message]) -> None:
        """Returns when the socket can take more. OSError when the client is gone."""
        ...


class Subscription:
    """A client's place in a channel. `fresh`: the next thing to send is a snapshot."""

    def __init__(self, channel: Channel, limit: int, wake: Callable[[], None]) -> None:
        self.channel, self._limit, self._wake = channel, limit, wake
        self.fresh, self.paused = True, False
        self.pending: deque[Batch] = deque()
        self.dropped = 0
        self.conflated = 0

    def offer(self, batch: Batch) -> None:
        """Full: state is replaced by a snapshot, of events the oldest batch goes and is counted."""
        if self.paused:
            return
        if not self.fresh:
            if len(self.pending) >= self._limit:
                if self.channel.topic.events:
                    self.dropped += self.pending.popleft().count
                else:
                    self.pending.clear()
                    self.fresh = True
                    self.conflated += 1
            if not self.fresh:
                self.pending.append(batch)
        self._wake()

    def renew(self) -> None:
        """A snapshot is next."""
        self.fresh = True
        self.pending.clear()
        self._wake()

    def take(self) -> list[Message]:
        """What to send now."""
        out: list[Message] = []
        if self.paused:
            return out
        if self.dropped:
            out.append(lost(self.channel, self.dropped))
            self.dropped = 0
        if self.fresh:
            snapshot = self.channel.snapshot()
            self.fresh = not snapshot
            self.pending.clear()
            return [*out, *snapshot]
        for batch in self.pending:
            out += batch.messages
        self.pending.clear()
        return out

    def resume(self, seq: int) -> int | None:
        """Go on after a batch the client has; how many it missed, None = it gets a snapshot."""
        missed = self.channel.missed(seq)
        if missed is None:
            return None
        self.fresh = False
        self.pending.extend(missed)
        return len(missed)


class Client:
    """Reads commands and writes batches; `run` ends with the close code to use."""

    def __init__(self, context: Context, channels: Channels, wire: Wire, role: Role) -> None:
        self._context, self._channels, self._wire, self._role = context, channels, wire, role
        self._subscriptions: dict[str, Subscription] = {}
        self._replies: deque[Message] = deque()
        self._awake = asyncio.Event()
        self._read_on = asyncio.Event()
        self._read_on.set()
        self._mistakes = 0

    async def hear(self, payload: bytes) -> bool:
        """One message of the client; False = it has made too many mistakes. Waits while replies pile up."""
        command: Command | None = None
        try:
            command = _decoded(payload)
            reply = self._obey(command)
        except ApiError as error:
            self._mistakes += 1
            reply = {"op": "error", "error": msgspec.to_builtins(error.detail)}
            if command is not None and command.topic:
                reply["topic"] = command.topic
        if command is not None and command.id is not None:
            reply["id"] = command.id
        self._replies.append(said(reply))
        self._awake.set()
        if len(self._replies) >= REPLIES:
            self._read_on.clear()
        await self._read_on.wait()
        return self._mistakes < MISTAKES

    async def write(self) -> None:
        """Until cancelled; TimeoutError when the socket stays unwritable."""
        traffic, patience = self._context.traffic, self._context.settings.unwritable_s
        while True:
            await self._awake.wait()
            self._awake.clear()
            messages = list(self._replies)
            self._replies.clear()
            self._read_on.set()
            for subscription in self._subscriptions.values():
                messages += subscription.take()
            if messages:
                async with asyncio.timeout(patience):
                    await self._wire.send(messages)
                traffic.sent += len(messages)
                traffic.bytes += sum(len(message.payload) for message in messages)

    def leave(self) -> None:
        """Give up all subscriptions."""
        for topic in list(self._subscriptions):
            self._drop(topic)

    def _obey(self, command: Command) -> dict[str, object]:
        if command.op == "ping":
            view = self._context.hub.view
            return {"op": "pong", "ts_ms": view.ts // 1_000_000 if view is not None else 0}
        if command.op == "subscribe":
            return self._subscribe(command)
        if command.op == "unsubscribe":
            if command.topic not in self._subscriptions:
                topics = ", ".join(self._subscriptions) or "none"
                raise bad("topic", f"not subscribed to {command.topic!r}", topics)
            self._drop(command.topic)
            return {"op": "unsubscribed", "topic": command.topic}
        for subscription in self._subscriptions.values():
            subscription.paused = command.op == "pause"
            subscription.fresh = True
            subscription.pending.clear()
        return {"op": "paused" if command.op == "pause" else "resumed"}

    def _subscribe(self, command: Command) -> dict[str, object]:
        may_see(self._role, command.topic)
        most = self._context.settings.max_topics
        if command.topic not in self._subscriptions and len(self._subscriptions) >= most:
            raise ApiError(400, "too_many_topics", f"{most} topics a client at most", "topic", f"{most} topics")
        spec = Spec(command.topic, command.n or 0, command.hz, command.columns, command.encoding,
                    tuple(sorted(command.where.items())))  # fmt: skip
        channel = self._channels.get(spec)
        self._drop(command.topic)
        limit = self._context.settings.queue_batches
        subscription = Subscription(channel, limit, lambda: self._channels.wake(self._awake))
        resumed = subscription.resume(command.resume) if command.resume is not None else None
        self._subscriptions[command.topic] = subscription
        channel.listeners.add(subscription)
        self._context.traffic.topics += 1
        return {"op": "subscribed", **channel.ack(), "resumed": resumed is not None}

    def _drop(self, topic: str) -> None:
        subscription = self._subscriptions.pop(topic, None)
        if subscription is not None:
            subscription.channel.listeners.discard(subscription)
            self._context.traffic.topics -= 1


def may_see(role: Role, topic: str) -> None:
    """403 where the topic is for other eyes."""
    if topic == TOPIC and role < Role.TRADER:
        raise ApiError(403, "forbidden", "this topic needs the role trader", "topic")


def topic_in(payload: bytes | str) -> str:
    """The topic a message names, "" where it names none."""
    try:
        return _commands.decode(payload).topic
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


def _decoded(payload: bytes) -> Command:
    try:
        return _commands.decode(payload)
    except msgspec.ValidationError as error:
        expected, _, at = str(error).partition(" - at `$.")
        name = at.rstrip("`")
        ops = "subscribe, unsubscribe, ping, pause, resume"
        allowed = {"op": ops, "hz": "1, 2, 5, 10", "encoding": "json, columns"}.get(name, "")
        if expected.startswith("Object contains unknown field"):
            allowed = ", ".join(Command.__struct_fields__)
        raise bad(name, expected.replace("`", ""), allowed) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        allowed = '{"op": "subscribe", "topic": …}'
        raise ApiError(400, "bad_message", "not a JSON object", allowed=allowed) from error
