"""Writes the fills of own accounts into the ledger, beside the live path: each once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import structlog

from crosstape.engine.view import View
from crosstape.model.errors import ConfigError, StoreError
from crosstape.model.event import OwnFill
from crosstape.model.execution import NOTHING, ONE, Execution, ExecutionKind, Liquidity
from crosstape.model.instrument import Instrument
from crosstape.model.money import MoneyError, money
from crosstape.store.ledger import Ledger

EVERY_S = 1.0
TOLD_EVERY = 60
PATIENCE_NS = 60_000_000_000
MOST = 100_000


class Booker:
    """Takes views on the loop, writes in a thread. A stream an account, `account <name>`.

    The first view's newest fills are taken too: a crash between tape and ledger is made up for, and what is there
    already is not written again. A fill of an instrument that no catalogue named yet waits for it a while: the
    worth of its fee hangs on that. Waiting: full = the oldest are dropped and counted in `lost`.
    """

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._waiting: dict[tuple[str, str, str], Execution] = {}
        self._strange: dict[tuple[str, str, str], tuple[int, OwnFill]] = {}
        self._begun: set[tuple[str, str]] = set()
        self._failures = 0
        self.lost = 0

    def take(self, view: View) -> None:
        """What was filled since the last view."""
        if self._ledger is None or not view.own:
            return
        strange, self._strange = self._strange, {}
        for since, fill in strange.values():
            self._add(view, [fill], since)
        for account in view.own:
            if (account.venue, account.name) not in self._begun:
                self._begun.add((account.venue, account.name))
                self._add(view, account.fills)
        self._add(view, [event for _, event in view.events if type(event) is OwnFill])

    async def run(self) -> None:
        """Until cancelled; what waits then is written by `flush`."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; a ledger that does not answer is tried again."""
        if self._ledger is None or not self._waiting:
            return
        taken, self._waiting = self._waiting, {}
        try:
            await asyncio.to_thread(_write, self._ledger, list(taken.values()))
            self._failures = 0
        except (StoreError, ConfigError) as error:
            self._waiting = taken | self._waiting
            self._trim()
            if self._failures % TOLD_EVERY == 0:
                structlog.get_logger("crosstape").warning("fills wait for the ledger", reason=str(error))
            self._failures += 1

    def _add(self, view: View, fills: Iterable[OwnFill], since: int = 0) -> None:
        for fill in fills:
            row = view.rows.index.get(f"{fill.market}:{fill.symbol}")
            known = view.rows.instruments[row] if row is not None else None
            since = since or view.ts
            if (known is None or not known.described) and view.ts - since < PATIENCE_NS:
                self._strange[fill.account, f"{fill.market}:{fill.symbol}", fill.id] = (since, fill)
                continue
            try:
                made = execution(fill, known)
            except MoneyError as error:
                structlog.get_logger("crosstape").error("a fill cannot be kept", id=fill.id, reason=str(error))
                continue
            self._waiting[fill.account, made.instrument, fill.id] = made
        self._trim()

    def _trim(self) -> None:
        held: dict[tuple[str, str, str], Any]
        for held in (self._waiting, self._strange):
            while len(held) > MOST:
                del held[next(iter(held))]
                self.lost += 1


def execution(fill: OwnFill, known: Instrument | None) -> Execution:
    """As the ledger keeps it; MoneyError for an amount that it cannot hold."""
    price = money(fill.price or "0", "price")
    return Execution(
        ts=fill.ts_event,
        instrument=f"{fill.market}:{fill.symbol}",
        side=fill.side,
        price=price,
        size=money(fill.size or "0", "size") if fill.kind != "funding" else NOTHING,
        trade_id=fill.id,
        order_id=fill.order_id,
        account=fill.account,
        fee=money(fill.fee or "0", "fee"),
        fee_asset=fill.fee_asset,
        fee_rate=_fee_rate(fill, known, price),
        liquidity=Liquidity(fill.liquidity),
        kind=ExecutionKind(fill.kind),
        inverse=known.inverse if known is not None else fill.market.endswith("-inverse"),
        multiplier=money(str(Decimal(repr(known.contract)))) if known is not None else ONE,
    )


def _fee_rate(fill: OwnFill, known: Instrument | None, price: Decimal) -> Decimal:
    """The currency that profit is paid in per unit of the fee's; 0 = not known."""
    if not fill.fee_asset:
        return ONE
    if known is None:
        return NOTHING
    profit = known.base if known.inverse else known.quote
    if fill.fee_asset in (profit, known.settle):
        return ONE
    return price if fill.fee_asset == known.base else NOTHING


def _write(ledger: Ledger, rows: list[Execution]) -> None:
    for account in dict.fromkeys(row.account for row in rows):
        stream = ledger.streams.add(f"account {account}", "api", "executions", origin=account)
        ledger.executions.put(stream.id, [row for row in rows if row.account == account])
