"""Endpoints of the time machine: what is recorded, replays of it, and where this one is."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError, bad, unknown
from crosstape.api.ports import Player, Replays, Session, TapeRecord
from crosstape.api.query import Query
from crosstape.api.tables import Record, millis

SLOWEST, FASTEST = 0.1, 100.0
TIME = "ms since the epoch, or ISO 8601: 2026-11-26T01:02:03Z"
When = float | Annotated[str, Meta(max_length=40)]
T = TypeVar("T")


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a replay is told. `at` for seek, `speed` for speed."""

    op: Literal["play", "pause", "seek", "step", "speed"]
    at: When | None = None
    speed: Annotated[float, Meta(ge=SLOWEST, le=FASTEST)] | None = None


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tape, and from when; its beginning where nothing is said."""

    tape: Annotated[str, Meta(min_length=1, max_length=100)]
    at: When | None = None


def moment(at: When) -> int:
    """A time as ns since the epoch; 400 where it is none."""
    if isinstance(at, str):
        try:
            when = datetime.fromisoformat(at)
        except ValueError as error:
            raise bad("at", f"{at!r} is no time", TIME) from error
        at = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1e3
    if not math.isfinite(at) or not 0 <= at < 1e13:
        raise bad("at", "out of range", TIME)
    return round(at * 1_000) * 1_000


def within(ts: int, start: int, end: int) -> int:
    """The time; 400 where the tape does not hold it."""
    if not start // 1_000_000 * 1_000_000 <= ts <= end:
        raise bad("at", f"{stamp(ts)} is not on the tape", f"{stamp(start)} … {stamp(end)}")
    return ts


def stamp(ts: int) -> str:
    """ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(ts / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(body: bytes, kind: type[T]) -> T:
    """A JSON body; errors name the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        expected, _, at = str(error).partition(" - at `$.")
        name = at.rstrip("`")
        allowed = {"op": "play, pause, seek, step, speed", "at": TIME, "speed": f"{SLOWEST:g} … {FASTEST:g}"}
        fields = ", ".join(kind.__struct_fields__)  # type: ignore[attr-defined]
        raise bad(name or "body", expected.replace("`", ""), allowed.get(name, fields)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "bad_body", "the body is not a JSON object", "body", "a JSON object") from error


def _player(context: Context) -> Player:
    if context.player is None:
        raise ApiError(409, "not_a_replay", "this crosstape is no replay: it cannot be moved in time",
                       allowed="POST /api/v1/replays opens a tape")  # fmt: skip
    return context.player


def _replays(context: Context) -> Replays:
    if context.replays is None:
        raise ApiError(409, "no_replays", "this crosstape starts no replays", allowed="ask the live one")
    return context.replays


async def replay(context: Context, ask: Ask[Query]) -> Answer:
    """Where the replay is: time, what the tape holds, speed, state, progress of a seek."""
    now = _player(context).status()
    return context.json({"at": millis(now.at), "from": millis(now.start), "to": millis(now.end),
                         "speed": now.speed, "progress": now.progress, "state": now.state,
                         "error": now.error})  # fmt: skip


async def control(context: Context, ask: Ask[Query]) -> Answer:
    """Play, pause, seek to a time, step by one view, or set the speed (0.1 … 100 times real time)."""
    player, told = _player(context), read(ask.body, Control)
    if told.op == "seek":
        if told.at is None:
            raise bad("at", "a seek needs a time", TIME)
        now = player.status()
        player.seek(within(moment(told.at), now.start, now.end))
    elif told.op == "speed":
        if told.speed is None:
            raise bad("speed", "no speed is given", f"{SLOWEST:g} … {FASTEST:g}")
        player.set_speed(told.speed)
    else:
        getattr(player, told.op)()
    return await replay(context, ask)


async def tapes(context: Context, ask: Ask[Query]) -> Answer:
    """What is recorded here and can be replayed: from, to, size, markets, and whether it is whole."""
    return context.json({"rows": [_tape_record(tape) for tape in await _replays(context).tapes()]})


def _tape_record(tape: TapeRecord) -> Record:
    record: Record = msgspec.structs.asdict(tape)
    start, end = record.pop("start"), record.pop("end")
    return {"name": tape.name, "from": millis(start), "to": millis(end), **record}


async def replays(context: Context, ask: Ask[Query]) -> Answer:
    """The replays that run."""
    return context.json({"rows": [_session_record(session) for session in _replays(context).sessions()]})


async def open_replay(context: Context, ask: Ask[Query]) -> Answer:
    """Replay a tape from a moment on: the same API below `base`, marked REPLAY. It ends when nobody asks it."""
    told = read(ask.body, Opening)
    session = await _replays(context).start(told.tape, moment(told.at) if told.at is not None else None)
    return context.json(_session_record(session))


async def one_replay(context: Context, ask: Ask[Query]) -> Answer:
    """One replay that runs."""
    return context.json(_session_record(_session(context, ask.name)))


async def end_replay(context: Context, ask: Ask[Query]) -> Answer:
    """End a replay."""
    record = _session_record(_session(context, ask.name))
    await _replays(context).end(ask.name)
    return context.json(record)


def _session(context: Context, name: str) -> Session:
    found = _replays(context).session(name)
    if found is None:
        raise unknown("replay", "replay", name, [session.id for session in _replays(context).sessions()])
    return found


def _session_record(session: Session) -> dict[str, Any]:
    now = time.monotonic()
    return {"id": session.id, "base": f"/replay/{session.id}", "tape": session.tape,
            "running_s": now - session.started, "idle_s": now - session.used}  # fmt: skip
