"""Prometheus families about the process: time, memory, queues, tape, HTTP, WebSocket clients."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric

from crosstape.api.context import Context
from crosstape.api.families import PREFIX, counter, gauge, one
from crosstape.api.ports import OperationsStatus
from crosstape.api.requests import BOUNDS, Requests

NAN = float("nan")


def families(context: Context) -> Iterator[Metric]:
    """All of them."""
    now, view = context.status(), context.hub.view
    yield gauge("build_info", "1; its labels say what runs.", ("version", "mode"),
                [((context.version, context.mode), 1.0)])  # fmt: skip
    yield gauge("view_age_seconds", "Age of the newest view.", (), one(
        time.time() - view.ts * 1e-9 if view is not None else NAN))  # fmt: skip
    yield counter("views", "Views published.", (), one(view.number if view is not None else 0))
    yield from _process(now)
    yield from _queues(now)
    yield from _tape(now)
    yield from _history(now)
    yield from _clients(context)
    yield from _http(context.requests)


def _process(now: OperationsStatus) -> Iterator[Metric]:
    yield gauge("uptime_seconds", "Since the start.", (), one(now.uptime_s))
    yield gauge("memory_bytes", "Resident memory.", (), one(now.memory_bytes))
    yield gauge("memory_ratio", "Resident memory as a share of the machine's.", (), one(now.memory_percent / 100))
    yield counter("cpu_seconds", "CPU time used.", (), one(now.cpu_s))
    yield gauge("open_files", "Open file descriptors.", (), one(now.open_files))
    yield gauge("threads", "Threads.", (), one(now.threads))
    lag = (("0.5", now.loop_lag_ms_p50), ("0.99", now.loop_lag_ms_p99))
    yield gauge("loop_lag_seconds", "How late the event loop runs what is due.", ("quantile",),
                [((q,), ms / 1e3) for q, ms in lag])  # fmt: skip
    tick = (("0.5", now.tick_ms_p50), ("0.99", now.tick_ms_p99))
    yield gauge("tick_seconds", "How long the engine's ticks take.", ("quantile",),
                [((q,), ms / 1e3) for q, ms in tick])  # fmt: skip


def _queues(now: OperationsStatus) -> Iterator[Metric]:
    yield counter("frames", "Frames folded.", (), one(now.frames))
    yield gauge("intake_waiting", "Arrivals that are not folded yet.", (), one(now.intake_waiting))
    yield gauge("intake_limit", "Arrivals at which readers pause.", (), one(now.intake_limit))
    yield gauge("intake_deepest", "The most arrivals that ever waited.", (), one(now.intake_deepest))
    yield counter(
        "intake_pauses", "How often readers had to pause; nothing is dropped.", (), one(now.intake_pauses)
    )


def _tape(now: OperationsStatus) -> Iterator[Metric]:
    tape = now.tape
    wanted = tape.recording or bool(tape.failed)
    yield gauge("tape_recording", "1 while frames are recorded, 0 after recording ended by failure.", (),
                one(float(tape.recording) if wanted else NAN))  # fmt: skip
    yield counter("tape_bytes", "Bytes written to the tape.", (), one(tape.bytes))
    yield gauge("tape_segments", "Segments in the tape's folder.", (), one(tape.segments))
    yield counter("tape_lost_frames", "Frames that were folded and will never be on the tape.", (), one(tape.lost))
    yield counter("tape_troubles", "What failed without ending the recording.", ("what",),
                  [((what,), n) for what, n in tape.troubles.items()])  # fmt: skip


def _history(now: OperationsStatus) -> Iterator[Metric]:
    history = now.history
    yield counter("history_rows", "Rows written to the history.", (), one(history.rows))
    yield gauge("history_bytes", "Bytes of the history's files.", (), one(history.bytes))
    yield gauge("history_waiting", "Moments that wait to be written.", (), one(history.waiting))
    yield counter("history_lost_rows", "Rows dropped for want of room or disk.", (), one(history.lost))
    yield gauge("history_failing", "1 while the history's disk refuses.", (), one(float(bool(history.failed))))


def _clients(context: Context) -> Iterator[Metric]:
    traffic, hub = context.traffic, context.hub
    yield gauge("websocket_clients", "Clients of /ws.", (), one(traffic.clients))
    yield gauge("websocket_topics", "Topics that somebody listens to.", (), one(traffic.topics))
    yield counter("websocket_batches", "Batches sent.", (), one(traffic.sent))
    yield counter("websocket_bytes", "Bytes sent.", (), one(traffic.bytes))
    yield counter("websocket_conflated", "Batches that a slow client got as one.", (), one(traffic.conflated))
    yield counter(
        "websocket_dropped", "Batches of events that a slow client did not get.", (), one(traffic.dropped)
    )
    yield counter("websocket_cut_off", "Clients closed because they took nothing.", (), one(traffic.cut_off))
    yield counter("hub_views_skipped", "Views that the topics did not see one by one.", (), one(hub.views_skipped))


def _http(requests: Requests) -> Iterator[Metric]:
    ended = [((route, method, str(status)), n) for (route, method, status), n in requests.ended.items()]
    yield counter("http_requests", "HTTP requests that ended.", ("route", "method", "status"), ended)
    family = HistogramMetricFamily(
        f"{PREFIX}http_request_seconds", "How long HTTP requests took, by route.", labels=("route",)
    )
    ends = [f"{bound:g}" for bound in (*BOUNDS, math.inf)]
    ends[-1] = "+Inf"
    for route, durations in requests.durations.items():
        buckets = list(zip(ends, accumulate(durations.counts), strict=True))
        family.add_metric((route,), buckets, durations.total_s)
    yield family
