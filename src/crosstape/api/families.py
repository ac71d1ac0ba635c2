"""Short ways to write Prometheus families."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX = "crosstape_"
Sample = tuple[Sequence[str], float]


def gauge(name: str, says: str, labels: Sequence[str], samples: Iterable[Sample]) -> GaugeMetricFamily:
    """What is so now. A sample that is not known is left out."""
    family = GaugeMetricFamily(PREFIX + name, says, labels=labels)
    for values, number in samples:
        if not math.isnan(number):
            family.add_metric(values, number)
    return family


def counter(name: str, says: str, labels: Sequence[str], samples: Iterable[Sample]) -> CounterMetricFamily:
    """What only grows; `_total` is added to the name."""
    family = CounterMetricFamily(PREFIX + name, says, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def one(number: float) -> tuple[Sample]:
    """A sample without labels."""
    return (((), number),)
