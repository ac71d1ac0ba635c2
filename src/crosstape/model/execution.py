"""Own executions: what an account bought, sold or was charged, exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b

import msgspec

from crosstape.model.event import Side
from crosstape.model.money import written

NOTHING = Decimal(0)
ONE = Decimal(1)


class ExecutionKind(StrEnum):
    """What it was. Funding has no size: it is a payment, in `fee`."""

    TRADE = "trade"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"


class Liquidity(StrEnum):
    """Whether the order waited in the book; "" = the venue does not say."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = ""


class Execution(msgspec.Struct, frozen=True):
    """One fill of an own order, or one payment.

    ts           the venue's time, ns since the epoch
    instrument   `<market>:<native>`; a file that does not name its venue: "import:<native>"
    side         what the account did; BUY for funding, where it means nothing
    price        native price: quote per base
    size         contracts, ≥ 0; × multiplier = base units, or quote units where `inverse`
    inverse      profit is paid in base: size × multiplier is quote currency
    fee          + was paid, − was received, in `fee_asset` ("" = the currency that profit is paid in)
    fee_rate     that currency per unit of `fee_asset`, at the time; 0 = not known, 1 for the same currency
    trade_id     the venue's; "" = none, the row's own hash stands in
    """

    ts: int
    instrument: str
    side: Side
    price: Decimal
    size: Decimal
    trade_id: str = ""
    order_id: str = ""
    account: str = ""
    fee: Decimal = NOTHING
    fee_asset: str = ""
    fee_rate: Decimal = NOTHING
    liquidity: Liquidity = Liquidity.UNKNOWN
    kind: ExecutionKind = ExecutionKind.TRADE
    inverse: bool = False
    multiplier: Decimal = ONE


def keys_of(rows: Iterable[Execution], seen: Counter[str] | None = None) -> list[str]:
    """What makes a row the same row in its stream and instrument: the venue's id, else "#" and a hash of it.

    Equal rows without an id are counted, so that both of two equal fills are kept and a second reading of the
    file finds both. One file read in several parts: hand the same `seen` to each.
    """
    seen = Counter() if seen is None else seen
    keys = []
    for row in rows:
        if row.trade_id:
            keys.append(row.trade_id)
            continue
        same = (row.ts, row.instrument, int(row.side), written(row.price), written(row.size), row.order_id,
                written(row.fee), row.fee_asset, row.kind, row.account)  # fmt: skip
        text = "\0".join(map(str, same))
        again = seen[text]
        seen[text] += 1
        keys.append("#" + blake2b(f"{text}\0{again}".encode(), digest_size=16).hexdigest())
    return keys
