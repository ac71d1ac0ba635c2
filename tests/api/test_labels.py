"""What people see instead of a native name that says nothing."""

from __future__ import annotations

import numpy as np

from crosstape.api.lookup import Lookup
from crosstape.engine.view import Rows
from crosstape.model.instrument import Instrument, InstrumentKind


def test_only_names_without_their_base_get_a_label() -> None:
    known = (
        Instrument("hyperliquid-spot", "@142", InstrumentKind.SPOT, "UETH", "USDC", "USDC"),
        Instrument("hyperliquid", "kPEPE", InstrumentKind.PERP, "PEPE", "USDC", "USDC"),
        None,
        Instrument("bybit-linear", "BTCUSDT", InstrumentKind.PERP, "BTC", "USDT", "USDT"),
    )
    index = {i.id: row for row, i in enumerate(known) if i is not None}
    rows = Rows(1, known, index, ("A", "A", "", "A"), np.array([True, True, False, True]))
    assert Lookup(rows).labels == ["UETH-USDC-SPOT", "", "", ""]
