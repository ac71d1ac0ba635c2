"""What clients say on Bybit's public sockets and how the venue replies. Pure."""

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from crosstape.sim.bybit.stream import Stream
from crosstape.sim.dialect import Reply

MOST_CHARS: Final = 21_000
MOST_SPOT_ARGS: Final = 10


class Request(Struct):
    """A client's message."""

    op: str = ""
    args: list[str] = []
    req_id: str | int = ""


def reply(stream: Stream, category: str, conn_id: str, held: Collection[str], text: bytes) -> Reply:
    """Answers one message; a request with one bad topic fails as a whole."""
    try:
        request = msgspec.json.decode(text, type=Request)
    except msgspec.MsgspecError:
        return Reply((ack(Request(), conn_id, False, "error:invalid request"),))
    match request.op:
        case "ping":
            return Reply((ack(request, conn_id, True, "pong"),))
        case "subscribe":
            wrong = refusal(stream, category, held, request.args)
            if wrong:
                return Reply((ack(request, conn_id, False, wrong),))
            said = "subscribe" if category == "spot" else ""
            return Reply((ack(request, conn_id, True, said),), "subscribe", tuple(request.args))
        case "unsubscribe":
            topics = tuple(topic for topic in request.args if topic in held)
            return Reply((ack(request, conn_id, True, ""),), "unsubscribe", topics)
    return Reply((ack(request, conn_id, False, "error:invalid op"),))


def refusal(stream: Stream, category: str, held: Collection[str], topics: list[str]) -> str:
    """Why a subscription is refused, "" when it is not."""
    if category == "spot" and len(topics) > MOST_SPOT_ARGS:
        return f"args size >{MOST_SPOT_ARGS}"
    if sum(map(len, held)) + sum(map(len, topics)) > MOST_CHARS:
        return f"args length >{MOST_CHARS}"
    for i, topic in enumerate(topics):
        if not stream.known((category, topic)):
            return f"error:handler not found,topic:{topic}"
        if topic in held or topic in topics[:i]:
            return f"error:already subscribed,topic:{topic}"
    return ""


def ack(request: Request, conn_id: str, success: bool, said: str) -> bytes:
    """A command's answer in native form."""
    return msgspec.json.encode(
        {
            "success": success,
            "ret_msg": said,
            "conn_id": conn_id,
            "req_id": request.req_id,
            "op": request.op,
        }
    )
