"""What an operator can set about the API, and the defaults."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

import msgspec


class ApiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about answering others.

    host, port        where to listen; port 0 = any free one
    mode              "" = as the view says; "replay" marks every answer as coming from a recorded tape
    cors_origins      origins ("https://desk.example") that browsers may call from; none by default
    allowed_hosts     further Host headers taken while no key is required (a reverse proxy's name)
    require_key       "auto" = when listening beyond loopback
    page, max_page    rows in an answer when `limit` is not given, and at most
    max_body          bytes of a request's body
    max_clients       WebSocket clients; one more is closed with 4009
    max_topics        subscriptions a client
    queue_batches     batches that wait for a client and topic; then state topics conflate, event topics drop
    unwritable_s      a client whose socket takes nothing for this long is closed with 4008
    kept_batches      deltas a topic keeps for clients that come back
    idle_s            how long a topic without clients goes on, so that they can resume
    book_wait_s       how long a REST book request waits for the next view
    fresh_s           a view older than this is not ready
    max_replays       tapes replayed at a time, each by a process of its own
    replay_idle_s     a replay that nobody asks for this long is ended
    key_cache_s       how long a key's role is remembered; a revoked key works at most this long
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8317
    mode: Literal["", "replay"] = ""
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    require_key: bool | Literal["auto"] = "auto"
    page: int = 100
    max_page: int = 10_000
    max_body: int = 65_536
    max_clients: int = 1_000
    max_topics: int = 64
    queue_batches: int = 4
    unwritable_s: float = 10.0
    kept_batches: int = 50
    idle_s: float = 10.0
    book_wait_s: float = 1.0
    fresh_s: float = 2.0
    max_replays: Annotated[int, msgspec.Meta(ge=0, le=64)] = 4
    replay_idle_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    key_cache_s: float = 5.0

    @property
    def key_required(self) -> bool:
        """Whether a request without a key is refused."""
        if self.require_key == "auto":
            return not is_loopback(self.host)
        return self.require_key


def is_loopback(host: str) -> bool:
    """Only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
