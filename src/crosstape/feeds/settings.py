"""Every default of the feeds, in one place."""

from __future__ import annotations

import ssl
from typing import NamedTuple

import msgspec

from crosstape.model.ports import Clock, Intake


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the feeds connect, retry and give up. Timeouts of the network stack (`total`, `connect`, `read`)
    are real seconds; everything else is the injected clock's.

    total_timeout_s     a whole REST request
    connect_timeout_s   reaching the host
    read_timeout_s      between two bytes
    connections         open at once; connections_per_host: to one host
    keepalive_s         an idle connection is kept so long
    retries, retry_*    on idempotent REST: wait retry_first_s, times retry_factor each, jittered
    breaker_*           consecutive failures that open a host's breaker, and for how long
    backoff_*           reconnects: full jitter up to first * 2^n <= cap; afresh after a connection of good_s
    silence_s           a socket on which nothing at all arrives for so long is replaced
    ack_timeout_s       an unanswered subscribe is sent once more, then the socket is replaced
    rotate_*            share of a connection's lifetime at which its replacement is opened
    waiting_requests    REST requests that may wait for one host; beyond, FAILED frames
    waiting_sends       messages that may wait to be sent on one socket; beyond, FAILED frames
    intake_*            high-water marks of the intake; readers pause above and go on at half
    """

    total_timeout_s: float = 60.0
    connect_timeout_s: float = 20.0
    read_timeout_s: float = 30.0
    connections: int = 150
    connections_per_host: int = 40
    keepalive_s: float = 30.0
    retries: int = 3
    retry_factor: float = 2.0
    retry_first_s: float = 0.5
    breaker_failures: int = 5
    breaker_open_s: float = 30.0
    backoff_first_s: float = 0.5
    backoff_cap_s: float = 30.0
    backoff_good_s: float = 60.0
    silence_s: float = 30.0
    ack_timeout_s: float = 10.0
    close_timeout_s: float = 1.0
    rotate_from: float = 0.90
    rotate_to: float = 0.95
    message_bytes: int = 16 << 20
    body_bytes: int = 64 << 20
    waiting_requests: int = 5000
    waiting_sends: int = 100
    intake_arrivals: int = 200_000
    intake_bytes: int = 256 << 20


class Ports(NamedTuple):
    """What every feed is given. One TLS context for all: building one blocks the loop for some 20 ms."""

    intake: Intake
    clock: Clock
    settings: FeedSettings
    tls: ssl.SSLContext | None = None
