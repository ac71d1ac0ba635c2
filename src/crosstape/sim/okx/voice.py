"""OKX's voice: its channels, commands and REST over one world."""

from collections import deque
from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from crosstape.sim.answer import Answer
from crosstape.sim.dialect import Ask, Query, Reply, Seat
from crosstape.sim.okx.rest import answer
from crosstape.sim.okx.stream import Stream
from crosstape.sim.world import World

SEATS: Final = {"/ws/v5/public": "public", "/ws/v5/business": "business"}
MOST_REQUESTS, HOUR_NS = 480, 3_600_000_000_000
MOST_CHARS: Final = 64_000


class Arg(Struct, rename="camel", omit_defaults=True):
    """What a client asks for; also their key order in an ack."""

    channel: str = ""
    inst_id: str = ""
    inst_type: str = ""

    @property
    def topic(self) -> str:
        """Its name among ours."""
        return f"{self.channel}:{self.inst_type if self.channel == 'liquidation-orders' else self.inst_id}"


class Request(Struct):
    """A client's message."""

    op: str = ""
    args: list[Arg] = []
    id: str = ""


class OkxVoice(Stream):
    """The channels of `Stream` with what clients say and ask."""

    def __init__(self, world: World, checksums: bool = False) -> None:
        super().__init__(world, checksums)
        self.asked: dict[str, deque[int]] = {}

    def seat(self, path: str, query: Query) -> Seat | None:
        """Public channels; the business address is there, but nothing lives on it."""
        return Seat(SEATS[path]) if path in SEATS else None

    def reply(self, category: str, conn_id: str, held: Collection[str], text: bytes) -> Reply:
        """Commands are answered argument by argument; an argument that is wrong harms no other."""
        if text == b"ping":
            return Reply((b"pong",))
        try:
            request = msgspec.json.decode(text, type=Request)
        except msgspec.MsgspecError:
            return Reply((_error(Request(), conn_id, "60012", "Illegal request"),))
        if request.op not in ("subscribe", "unsubscribe") or not request.args or len(text) > MOST_CHARS:
            return Reply((_error(request, conn_id, "60012", "Illegal request"),))
        if self._over(conn_id):
            return Reply((_error(request, conn_id, "60014", "Requests too frequent"),))
        return self._each(category, conn_id, held, request)

    def _each(self, category: str, conn_id: str, held: Collection[str], request: Request) -> Reply:
        said, topics = [], []
        for arg in request.args:
            subscribing = request.op == "subscribe"
            if subscribing and not self.known((category, arg.topic)):
                wrong = f"Wrong URL or channel:{arg.channel},instId:{arg.inst_id} doesn't exist."
                said.append(_error(request, conn_id, "60018", wrong))
                continue
            ack = {"event": request.op, "arg": arg, "connId": conn_id}
            said.append(msgspec.json.encode(({"id": request.id} if request.id else {}) | ack))
            if subscribing != (arg.topic in held) and arg.topic not in topics:
                topics.append(arg.topic)
        return Reply(tuple(said), "subscribe" if request.op == "subscribe" else "unsubscribe", tuple(topics))

    def _over(self, conn_id: str) -> bool:
        """Counts one more request of a connection; whether that is too many for an hour."""
        now, times = self.world.now_ns, self.asked.setdefault(conn_id, deque())
        while times and times[0] <= now - HOUR_NS:
            times.popleft()
        times.append(now)
        return len(times) > MOST_REQUESTS

    def answer(self, ask: Ask) -> Answer:
        """Public REST is GET only."""
        return answer(self, ask.path, ask.query)


def notice(conn_id: str) -> bytes:
    """What a connection hears a minute before an upgrade."""
    said = "The connection will soon be closed for a service upgrade. Please reconnect."
    return msgspec.json.encode({"event": "notice", "code": "64008", "msg": said, "connId": conn_id})


def _error(request: Request, conn_id: str, code: str, said: str) -> bytes:
    error = {"event": "error", "code": code, "msg": said, "connId": conn_id}
    return msgspec.json.encode(({"id": request.id} if request.id else {}) | error)
