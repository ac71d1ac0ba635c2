"""A market maker's day: what `/mm/stats` and `/mm/sessions` say of own executions and the mids around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from crosstape.model.execution import NOTHING, Execution, ExecutionKind, Liquidity
from crosstape.quant import making, performance
from crosstape.quant.making import F64, I64
from crosstape.quant.pnl import Flow, pnl_currency, settle
from crosstape.quant.trades import equity_of

# (instrument, since, until) ns -> times and mids, as the venue writes prices; empty = not known.
Mids = Callable[[str, int, int], tuple[I64, F64]]
HORIZONS_S = (1, 5, 60, 300)
SHARE = 0.95


class Making(msgspec.Struct, frozen=True):
    """What to report. `gap_s`: a pause that ends a session; limits 0 = none; `max_inventory` in the position's
    unit, `max_loss` in the currency that profit is paid in."""

    since: int = 0
    until: int = 0
    gap_s: float = 1_800.0
    max_inventory: float = 0.0
    max_loss: float = 0.0
    stale_s: float = 10.0

    def has(self, ts: int) -> bool:
        """Whether the time is wanted."""
        return ts >= self.since and (not self.until or ts < self.until)


class Part(msgspec.Struct, frozen=True):
    """One instrument's executions in a stretch of time, the inventory that follows each, the mids around."""

    instrument: str
    rows: Sequence[Execution]
    times: I64
    held: F64
    flows: Sequence[Flow]
    mid_times: I64
    mids: F64


def statistics(executions: Sequence[Execution], wanted: Making, mids: Mids) -> dict[str, Any]:
    """A row an instrument: spreads, markouts, adverse selection, inventory, risk."""
    parts = _parts(executions, wanted, mids)
    return {"horizons_s": HORIZONS_S, "rows": [_row(part, wanted) for part in parts]}


def sessions(executions: Sequence[Execution], wanted: Making, mids: Mids) -> dict[str, Any]:
    """A row a session and instrument, newest first: a session ends with a pause of `gap_s`."""
    rows = []
    for whole in _parts(executions, wanted, mids):
        for part in _split(whole, wanted.gap_s):
            rows.append(_row(part, wanted))
    return {"horizons_s": HORIZONS_S, "rows": sorted(rows, key=lambda row: row["from_ms"], reverse=True)}


def _parts(executions: Sequence[Execution], wanted: Making, mids: Mids) -> list[Part]:
    """Accounts are taken together: what counts is the whole inventory."""
    flows: dict[str, list[Flow]] = {}
    for flow in settle(executions).flows:
        if wanted.has(flow.ts):
            flows.setdefault(flow.instrument, []).append(flow)
    held: dict[str, Decimal] = {}
    rows: dict[str, tuple[list[Execution], list[float]]] = {}
    for row in executions:
        if row.kind is ExecutionKind.FUNDING:
            continue
        held[row.instrument] = held.get(row.instrument, NOTHING) + row.side * row.size * row.multiplier
        if wanted.has(row.ts):
            own, sizes = rows.setdefault(row.instrument, ([], []))
            own.append(row)
            sizes.append(float(held[row.instrument]))
    parts = []
    for name, (own, sizes) in sorted(rows.items()):
        times = np.array([row.ts for row in own], np.int64)
        end = int(times[-1]) + max(HORIZONS_S) * 1_000_000_000
        around = mids(name, int(times[0]) - int(wanted.stale_s * 1e9), end + 1)
        parts.append(Part(name, own, times, np.array(sizes), flows.get(name, []), *around))
    return parts


def _split(part: Part, gap_s: float) -> list[Part]:
    cuts = np.flatnonzero(np.diff(part.times) > gap_s * 1e9) + 1
    bounds = [0, *cuts.tolist(), len(part.rows)]
    found = []
    for first, last in pairwise(bounds):
        begin = int(part.times[first])
        until = int(part.times[last]) if last < len(part.rows) else 2**63 - 1
        flows = [flow for flow in part.flows if begin <= flow.ts < until]
        found.append(Part(part.instrument, part.rows[first:last], part.times[first:last], part.held[first:last],
                          flows, part.mid_times, part.mids))  # fmt: skip
    return found


def _row(part: Part, wanted: Making) -> dict[str, Any]:
    times, equity = equity_of(part.flows)
    makers = [row.liquidity is Liquidity.MAKER for row in part.rows if row.liquidity is not Liquidity.UNKNOWN]
    fees = [flow.fee for flow in part.flows]
    drop = performance.max_drop(equity)
    return {
        "id": part.instrument,
        "currency": pnl_currency(part.rows[0]),
        "from_ms": int(part.times[0]) // 1_000_000,
        "to_ms": int(part.times[-1]) // 1_000_000,
        "executions": len(part.rows),
        "maker_share": sum(makers) / len(makers) if makers else performance.NAN,
        "gross": _sum(flow.gross for flow in part.flows),
        "fees": _sum(fee for fee in fees if fee > 0),
        "rebates": -_sum(fee for fee in fees if fee < 0),
        "net": float(equity[-1]) if times else 0.0,
        "max_drawdown": drop,
        **_markouts(part, wanted),
        **_inventory(part, wanted),
        "loss_limit_breached": bool(wanted.max_loss > 0 and -drop > wanted.max_loss),
    }


def _sum(values: Any) -> float:
    return float(sum(values, NOTHING))


def _markouts(part: Part, wanted: Making) -> dict[str, Any]:
    """From the maker's side, bps, + is good for us, weighted by notional: captured = markout + adverse."""
    side = np.array([float(row.side) for row in part.rows])
    fill = np.array([float(row.price) for row in part.rows])
    size = np.array([float(row.size * row.multiplier) for row in part.rows])
    notional = np.where([row.inverse for row in part.rows], size, size * fill)
    stale = int(wanted.stale_s * 1e9)
    mid = making.last_at(part.times, part.mid_times, part.mids, stale)
    found: dict[str, Any] = {"volume": float(notional.sum()), "mids": int((~np.isnan(mid)).sum())}
    markouts, adverse = [], []
    captured = performance.NAN
    for horizon in HORIZONS_S:
        later = making.last_at(part.times + horizon * 1_000_000_000, part.mid_times, part.mids, stale)
        taker = making.spreads(side, fill, mid, later)
        captured = -making.weighted(taker.effective, notional)
        markouts.append(-making.weighted(taker.realised, notional))
        adverse.append(-making.weighted(taker.impact, notional))
    found["spread_captured_bps"] = captured
    found["markout_bps"], found["adverse_selection_bps"] = markouts, adverse
    found["adverse_selection_share"] = [_share(each, captured) for each in adverse]
    return found


def _share(lost: float, captured: float) -> float:
    return lost / captured if captured > 0 else performance.NAN


def _inventory(part: Part, wanted: Making) -> dict[str, Any]:
    """Risk is of the inventory held each minute and the mids; where those are not known, of the own fills."""
    held = making.inventory(part.times, part.held)
    known = part.mid_times.size > 0
    times, prices = (part.mid_times, part.mids) if known else _fills(part)
    ends, sizes = making.minutes(part.times, part.held)
    values = making.last_at(ends, times, prices, 2**62)
    worth = -1.0 / values if part.rows[0].inverse else values
    profits = sizes[:-1] * np.diff(worth) if ends.size > 1 else np.zeros(0)
    crossed, seconds = making.breaches(part.times, part.held, wanted.max_inventory)
    return {
        "inventory": float(part.held[-1]),
        "inventory_mean": held.mean,
        "inventory_rms": held.rms,
        "inventory_max": held.largest,
        "inventory_half_life_s": held.half_life_s,
        "inventory_pnl": float(np.nansum(profits)) if profits.size else performance.NAN,
        "inventory_var_95_1m": making.value_at_risk(profits, SHARE),
        "prices": "mids" if known else "fills",
        "inventory_limit_breached": crossed,
        "inventory_limit_breached_s": seconds,
    }


def _fills(part: Part) -> tuple[I64, F64]:
    return part.times, np.array([float(row.price) for row in part.rows])
