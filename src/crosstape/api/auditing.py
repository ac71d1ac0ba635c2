"""Requests that mean to change something, on their way to the audit log."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import structlog

from crosstape.api.context import Caller
from crosstape.api.errors import ErrorBody
from crosstape.api.ports import Ledger
from crosstape.api.routes import ROUTES, pattern_of
from crosstape.model.access import Written
from crosstape.model.errors import StoreError

EVERY_S = 0.5
MOST = 10_000
NEVER = ("GET", "HEAD", "OPTIONS")
READING = frozenset((route.path, route.method) for route in ROUTES if route.reads)


class Auditor:
    """Takes notes on the loop, writes them in a thread. The same request again within a moment is one note with a
    count. Beyond MOST different notes, new ones are dropped and counted in `dropped`: the log must not stop the
    work."""

    def __init__(self, ledger: Ledger | None) -> None:
        self.dropped = 0
        self._ledger = ledger
        self._waiting: dict[Written, tuple[int, int]] = {}

    def watches(self, method: str, path: str) -> bool:
        """Whether the request means to change something."""
        return self._ledger is not None and method not in NEVER and (pattern_of(path), method) not in READING

    def note(self, caller: Caller | None, address: str, method: str, path: str, status: int, body: bytes) -> None:
        """Take one that was answered; `caller` None = nobody we know."""
        who, number, role = (caller.name, caller.key_id, caller.role.name.lower()) if caller else ("", 0, "")
        outcome = _reason(body) if status >= 400 else ""
        entry = Written(0, who, number, role, address, method, path[:500], status, outcome)
        first, times = self._waiting.get(entry, (time.time_ns(), 0))
        if not times and len(self._waiting) >= MOST:
            self.dropped += 1
            return
        self._waiting[entry] = (first, times + 1)

    async def run(self) -> None:
        """Write until cancelled, and then what still waits."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                await self.flush()
        finally:
            await asyncio.shield(self.flush())

    async def flush(self) -> None:
        """Write what waits; while the ledger is away it goes on waiting."""
        if not self._waiting or self._ledger is None:
            return
        taken, self._waiting = self._waiting, {}
        rows = [
            msgspec.structs.replace(
                entry, ts=ts, outcome=f"{entry.outcome} {n} times".strip() if n > 1 else entry.outcome
            )
            for entry, (ts, n) in taken.items()
        ]
        try:
            await asyncio.to_thread(self._ledger.audit_put, rows)
        except StoreError as error:
            self._waiting = taken | self._waiting
            structlog.get_logger("crosstape.api").warning("the audit log waits", reason=str(error))


def _row(entry: Written, ts: int, times: int) -> Written:
    outcome = f"{entry.outcome} {times} times".strip() if times > 1 else entry.outcome
    return msgspec.structs.replace(entry, ts=ts, outcome=outcome)


def _reason(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=ErrorBody).error.code
    except msgspec.MsgspecError:
        return ""


async def audited(auditor: Auditor, app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Run the application for one request, and note it where it means to change something."""
    if not auditor.watches(scope["method"], scope["path"]):
        await app(scope, receive, send)
        return
    status, first = 499, b""

    async def noted(message: Any) -> None:
        nonlocal status, first
        if message["type"] == "http.response.start":
            status = message["status"]
        elif not first:
            first = message.get("body", b"")[:10_000]
        await send(message)

    try:
        await app(scope, receive, noted)
    finally:
        caller = scope.get("crosstape.caller")
        auditor.note(caller, address_of(scope), scope["method"], scope["path"], status, first)


def address_of(scope: Any) -> str:
    """Where the request came from; "" = not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""
