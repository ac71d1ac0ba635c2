"""What is known of rows besides numbers, as arrays: filters, search, sort and names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crosstape.engine.view import Rows
from crosstape.model.instrument import Instrument

Mask = NDArray[np.bool_]


class Lookup:
    """Made once a catalogue version."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        known: Sequence[Instrument | None] = rows.instruments
        self.ids = [i.id if i is not None else "" for i in known]
        self.symbols = [i.symbol if i is not None else "" for i in known]
        # What to call an instrument whose native name says nothing: "@142".
        self.labels = [i.symbol if i is not None and i.base.upper() not in i.native.upper() else "" for i in known]
        self.words = {
            "market": np.array([i.market if i is not None else "" for i in known], np.str_),
            "venue": np.array([i.venue if i is not None else "" for i in known], np.str_),
            "kind": np.array([i.kind.value if i is not None else "" for i in known], np.str_),
            "base": np.array([i.base.upper() if i is not None else "" for i in known], np.str_),
            "quote": np.array([i.quote.upper() if i is not None else "" for i in known], np.str_),
            "tier": np.array(rows.tiers, np.str_),
        }
        self._search = [f"{a}\n{b}".lower() for a, b in zip(self.ids, self.symbols, strict=True)]

    def known(self, name: str) -> list[str]:
        """The values a word has."""
        return sorted({str(value) for value in np.unique(self.words[name])} - {""})

    def is_any(self, name: str, values: Sequence[str]) -> Mask:
        """Rows whose word is one of these."""
        return np.isin(self.words[name], np.array(values, np.str_))

    def matches(self, text: str) -> Mask:
        """Rows whose id or unified symbol contains every word of the text."""
        words = text.lower().split()
        return np.fromiter((all(w in s for w in words) for s in self._search), bool, len(self._search))
