"""Prometheus families about what comes in: sources, continuity, lag, quality, budgets of hosts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from prometheus_client.core import Metric

from crosstape.api.context import Context
from crosstape.api.families import counter, gauge
from crosstape.api.ports import HostStatus, SourceStatus
from crosstape.engine.view import SourceState, View
from crosstape.model.quality import Quality

SOURCE: Final = ("venue", "market", "source")
HOST: Final = ("venue", "host", "what")
# Counters the fold keeps of a source: metric, field, meaning.
FOLDED: Final = (
    ("source_frames", "frames", "Frames of the source, of every kind."),
    ("source_bytes", "bytes", "Bytes of their payloads."),
    ("source_failed", "failed", "Requests, connections and topics that were refused or failed."),
    ("source_decode_errors", "errors", "Messages that could not be read."),
    ("source_gaps", "gaps", "Gaps found in sequences."),
    ("source_opens", "opens", "Connections that came up."),
    ("source_duplicates", "duplicates", "Trades and book changes that had come before and were dropped."),
    ("source_repaired", "repaired", "Trades that were missed and made up for over REST."),
    ("source_skips", "skips", "Gaps in ids that were only counted, because the venue leaves ids out."),
    ("source_checked", "checked", "Books held against the venue's own answer over REST."),
    ("source_differing", "differing", "Those of them that were other books."),
    ("source_drifts", "drifts", "Changes in the shape of its messages."),
)
# Figures the feeds keep of a source.
FED: Final = (
    ("source_messages", "messages", "Messages of its sockets, or answers of its poll."),
    ("source_reconnects", "reconnects", "Connections after the first."),
    ("source_crashes", "crashes", "Crashes of its task; its supervisor restarts it."),
)
ACTIVE_MS: Final = 60_000.0


def families(context: Context) -> Iterator[Metric]:
    """All of them."""
    view, status = context.hub.view, context.status()
    venue_of = {s.market: venue.id for venue in context.venues for s in venue.streams}
    venue_of |= {p.market: venue.id for venue in context.venues for p in venue.polls}
    yield from _folded(view.sources if view is not None else (), venue_of)
    yield from _fed(status.sources, venue_of)
    yield counter("continuity", "What the fold says of streams and books, by word, since the start.",
                  ("source", "what"), [(key, n) for key, n in context.hub.said.items()])  # fmt: skip
    yield from _rows(view)
    yield from _hosts(status.hosts)


def _folded(sources: tuple[SourceState, ...], venue_of: dict[str, str]) -> Iterator[Metric]:
    labelled = [((venue_of.get(s.market, ""), s.market, s.name), s) for s in sources]
    for name, field, says in FOLDED:
        yield counter(name, says, SOURCE, [(labels, getattr(s, field)) for labels, s in labelled])
    streams = [(labels, s) for labels, s in labelled if s.conn]
    now = time.time()
    yield gauge("source_up", "1 while its connection is up.", SOURCE, [(k, float(s.open)) for k, s in streams])
    yield gauge("source_stale", "1 while it is silent for longer than it ever is.", SOURCE,
                [(labels, float(s.silent)) for labels, s in streams])  # fmt: skip
    yield gauge("source_silent_seconds", "Since its last frame.", SOURCE,
                [(labels, max(now - s.last_ts * 1e-9, 0.0)) for labels, s in streams])  # fmt: skip


def _fed(sources: tuple[SourceStatus, ...], venue_of: dict[str, str]) -> Iterator[Metric]:
    labelled = [
        ((venue_of.get(market, ""), market, s.source), s)
        for s in sources
        for market in (s.source.partition("/")[0].partition(".")[0],)
    ]
    for name, field, says in FED:
        yield counter(name, says, SOURCE, [(labels, getattr(s, field)) for labels, s in labelled])
    yield gauge("source_topics", "Topics it carries.", SOURCE, [(k, s.topics) for k, s in labelled if s.topics])


def _rows(view: View | None) -> Iterator[Metric]:
    """Per market: lag over the rows that spoke in the last minute, and how many rows bear which flag."""
    markets: dict[str, list[int]] = {}
    if view is not None:
        for row, instrument in enumerate(view.rows.instruments):
            if instrument is not None and view.rows.alive[row] and view.rows.tiers[row] != "C":
                markets.setdefault(instrument.market, []).append(row)
    lags, flagged, covered = [], [], []
    for market, rows in markets.items():
        assert view is not None, "markets come from a view"
        columns = view.columns
        lag = columns["lag_ms"][rows]
        lag = lag[~np.isnan(lag) & (columns["age_ms"][rows] < ACTIVE_MS)]
        if len(lag):
            lags += [((market, f"{q:g}"), float(np.quantile(lag, q)) / 1e3) for q in (0.5, 0.99)]
        flags = view.quality[rows]
        flagged += [((market, f.name or ""), float(np.count_nonzero(flags & f.value))) for f in Quality]
        covered.append(((market,), float(np.nanmean(columns["coverage_1h"][rows]))))
    yield gauge("rows", "Instruments with streams of their own.", ("market",),
                [((market,), len(rows)) for market, rows in markets.items()])  # fmt: skip
    yield gauge("rows_flagged", "How many of them bear a quality flag.", ("market", "flag"), flagged)
    yield gauge("coverage_ratio", "Mean share of the last hour in which they were live.", ("market",), covered)
    yield gauge("lag_seconds", "Receive time minus the venue's time, over rows that spoke in the last minute.",
                ("market", "quantile"), lags)  # fmt: skip


def _hosts(hosts: tuple[HostStatus, ...]) -> Iterator[Metric]:
    labelled = [((h.venue, h.host, h.what), h) for h in hosts]
    now = time.time()
    yield gauge("budget_used", "Weight spent in the window.", HOST, [(k, h.used) for k, h in labelled])
    yield gauge("budget_limit", "Weight the window allows; +Inf where none is known.", HOST,
                [(k, h.limit) for k, h in labelled])  # fmt: skip
    yield gauge("budget_waiting", "Requests waiting for it.", HOST, [(k, h.waiting) for k, h in labelled])
    yield counter("budget_refused", "Requests given up because too many waited.", HOST,
                  [(k, h.refused) for k, h in labelled])  # fmt: skip
    yield counter("bans", "How often the host told us to stop.", HOST, [(k, h.bans) for k, h in labelled])
    yield gauge("banned_seconds", "Until we may ask again.", HOST,
                [(k, max(h.until * 1e-9 - now, 0.0)) for k, h in labelled])  # fmt: skip
    yield gauge("circuit_open", "1 = the breaker refuses, 0.5 = one probe decides, 0 = requests flow.", HOST,
                [(k, {"open": 1.0, "half-open": 0.5}.get(h.circuit, 0.0)) for k, h in labelled])  # fmt: skip
    yield counter("circuit_opened", "How often the breaker opened.", HOST, [(k, h.opened) for k, h in labelled])
