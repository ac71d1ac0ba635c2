"""Where each figure lives in a row's cell and in the rings."""

from __future__ import annotations

INF = float("inf")
NAN = float("nan")

# A cell is a Python list a row: messages write here, a TICK copies the changed cells into `State.now`.
(
    LAST, BID, BID_SIZE, ASK, ASK_SIZE, MARK, INDEX, FUNDING, FUNDING_HOURS, NEXT_FUNDING,
    OI, DAY_VOLUME, DAY_TURNOVER, DAY_HIGH, DAY_LOW, DAY_CHANGE, RECEIVED, STREAMED, LAG,
    TRADED, TOUCHED, TICKER_ERROR, LONG_SHARE,
) = range(23)  # fmt: skip

# From here on: what the open second has gathered, reset when it closes.
HIGH, LOW, BOUGHT, SOLD, TRADES, LARGE, OFI, LIQ_LONG, LIQ_SHORT = range(23, 32)
FIRST_OF_SECOND = HIGH
CELL_SIZE = 32

# Gathered on the tick itself, for all rows at once.
SPREAD_TIME, SPREAD_DT, LIVE = range(32, 35)
NOW_SIZE = 35

# Summed over windows; R2 and HL2 exist in the rings only, taken when a slot closes.
R2, HL2 = 35, 36
SUMMED = (BOUGHT, SOLD, TRADES, LARGE, OFI, LIQ_LONG, LIQ_SHORT, SPREAD_TIME, SPREAD_DT, LIVE, R2, HL2)
INDEX_OF_SUM: dict[int, int] = {field: i for i, field in enumerate(SUMMED)}
SUMS_FROM_NOW = [field for field in SUMMED if field < NOW_SIZE]

EMPTY_CELL: list[float] = [NAN] * 17 + [-INF, NAN, -INF, -INF, NAN, NAN] + [-INF, INF] + [0.0] * 7
EMPTY_SECOND: list[float] = EMPTY_CELL[FIRST_OF_SECOND:]
