"""What an operator can set about the history, and the defaults."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

METRICS = (
    "last", "mark", "index", "turnover_usd_24h", "cvd_5m", "taker_buy_share_5m", "trade_rate_1m", "spread_bps",
    "depth_10bps", "depth_50bps", "imbalance_10bps", "basis_bps", "funding_8h", "oi_usd", "realised_vol_1h",
    "coverage_1h",
)  # fmt: skip


class HistorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parquet files of what happened.

    record           write them
    folder           "" = "history" in the data folder
    kinds            only these kinds; none = all
    flush_s          rows are on the disk after so long at most: what a power cut costs
    quotes_s         best bids and offers that changed are sampled this often
    sample_s         open interest, funding and metrics likewise
    metrics          the columns kept of every instrument
    retention_days   older days are removed; 0 = never
    retention_gb     what the folder may hold; the oldest days go first
    """

    record: bool = True
    folder: str = ""
    kinds: tuple[str, ...] = ()
    flush_s: Annotated[float, Meta(ge=1)] = 60.0
    quotes_s: Annotated[float, Meta(ge=0.1)] = 5.0
    sample_s: Annotated[float, Meta(ge=1)] = 60.0
    metrics: tuple[str, ...] = METRICS
    retention_days: Annotated[float, Meta(ge=0)] = 0.0
    retention_gb: Annotated[float, Meta(gt=0)] = 50.0
