"""The few HTTP headers that say how much we may ask, and when."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

SECOND = 1_000_000_000
DAY_S = 86_400.0
MATTER = (
    "date",
    "retry-after",
    "x-bapi-limit",
    "x-bapi-limit-reset-timestamp",
    "x-bapi-limit-status",
    "x-mbx-used-weight",
    "x-mbx-used-weight-1m",
)


def header_lines(headers: Mapping[str, str]) -> str:
    """The headers that matter, "name: value" a line."""
    return "\n".join(f"{name}: {headers[name]}" for name in MATTER if name in headers)


def retry_after_s(headers: Mapping[str, str], now: int) -> float:
    """Seconds the answer asks us to wait, at most a day; 0 when it does not ask. A date is measured from the
    answer's own."""
    text = headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdecimal():
        return min(float(text), DAY_S)
    try:
        start = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else now / SECOND
        return min(max(parsedate_to_datetime(text).timestamp() - start, 0.0), DAY_S)
    except ValueError:
        return 0.0
