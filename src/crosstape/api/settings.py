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
    max_upload        bytes of a file that is sent to be imported
    import_folder     files in it may be imported by their names; "" = only what is sent
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
    require_key_to_write   a key for every request that changes something; "auto" = as require_key. On loopback
                      only this machine's users can ask, and pages of others are kept out by Host and Origin
    rate_per_s, rate_burst   requests a key may make, on average and at once; without a key, an address. This
                      machine's own requests without a key are not limited
    wrong_keys_per_min   wrong keys an address may try; then it is refused unread
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
    max_upload: int = 64 << 20
    import_folder: str = ""
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
    require_key_to_write: bool | Literal["auto"] = "auto"
    rate_per_s: Annotated[float, msgspec.Meta(gt=0)] = 100.0
    rate_burst: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    wrong_keys_per_min: Annotated[int, msgspec.Meta(ge=1)] = 30

    @property
    def key_required(self) -> bool:
        """Whether a request without a key is refused."""
        if self.require_key == "auto":
            return not is_loopback(self.host)
        return self.require_key

    @property
    def write_key_required(self) -> bool:
        """Whether a request that changes something is refused without a key."""
        return self.key_required or self.require_key_to_write is True


def is_loopback(host: str) -> bool:
    """Only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
