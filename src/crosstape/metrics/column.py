"""What a metric is: a declared column, or one column a window."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from crosstape.state.at import WINDOWS, At

F64 = NDArray[np.float64]


class Cadence(StrEnum):
    """How often a column is computed."""

    TICK = "tick"
    SECOND = "second"
    MINUTE = "minute"


class Column(msgspec.Struct, frozen=True):
    """One column of every view.

    name     "cvd_5m"; `metric` and `window` are its parts, window "" where there is none
    unit     "price", "quote", "usd", "fraction", "bps", …  (`docs/reference/columns.md` says what each means)
    """

    name: str
    metric: str
    window: str
    unit: str
    cadence: Cadence
    doc: str
    compute: Callable[[At], F64]


class Metric(msgspec.Struct, frozen=True):
    """A metric function with its declaration; `metric["5m"]` is one column of it."""

    name: str
    unit: str
    windows: tuple[str, ...]
    cadence: Cadence | None
    doc: str
    function: Callable[..., F64]

    def __getitem__(self, window: str) -> Column:
        if window not in (self.windows or ("",)):
            raise KeyError(f"{self.name} has no window {window!r}; it has {', '.join(self.windows) or 'none'}")
        return Column(
            name=f"{self.name}_{window}" if window else self.name,
            metric=self.name,
            window=window,
            unit=self.unit,
            cadence=self.cadence or _cadence(window),
            doc=self.doc,
            compute=self._bound(window),
        )

    @property
    def column(self) -> Column:
        """The only column of a metric without windows."""
        return self[""]

    def _bound(self, window: str) -> Callable[[At], F64]:
        function = self.function
        if not window:
            return function
        seconds = WINDOWS[window]
        return lambda at: function(at, seconds)


def _cadence(window: str) -> Cadence:
    return Cadence.TICK if window in ("", "1m", "5m") else Cadence.SECOND


def metric(unit: str, *windows: str, cadence: Cadence | None = None) -> Callable[[Callable[..., F64]], Metric]:
    """Declare a metric: its unit and its windows; long windows are computed once a second unless said."""

    def declare(function: Callable[..., F64]) -> Metric:
        doc = " ".join((function.__doc__ or "").split())
        return Metric(function.__name__, unit, windows, cadence, doc, function)

    return declare


def columns_of(metrics: tuple[Metric, ...]) -> tuple[Column, ...]:
    """Every column of every metric, in order."""
    return tuple(m[window] for m in metrics for window in (m.windows or ("",)))
