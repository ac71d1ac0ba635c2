"""Endpoint about who wrote what."""

from __future__ import annotations

import asyncio

from crosstape.api.context import Answer, Ask, Context
from crosstape.api.errors import ApiError
from crosstape.api.query import Audited
from crosstape.model.errors import StoreError

MS = 1_000_000
HEADER = ("ts_ms", "who", "key_id", "role", "address", "action", "target", "status", "outcome")


async def audit(context: Context, ask: Ask[Audited]) -> Answer:
    """Requests that meant to change something, newest first: who, what, when, from where, and what came of it."""
    if context.ledger is None:
        raise ApiError(503, "no_ledger", "no ledger is configured: there is no audit log")
    query, most = ask.query, context.settings.max_page
    limit = min(query.limit or context.settings.page, most)
    try:
        found = await asyncio.to_thread(
            context.ledger.audit, query.since_ms * MS, query.until_ms * MS, query.who, limit
        )
    except StoreError as error:
        raise ApiError(503, "store", "the ledger is unavailable; try again") from error
    rows = [{"ts_ms": row.ts // MS} | {name: getattr(row, name) for name in HEADER[1:]} for row in found]
    return context.table(query, rows, HEADER)
