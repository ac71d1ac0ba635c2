"""The API's own composition: hub, endpoints, sockets, gate."""

from __future__ import annotations

from collections.abc import Sequence

from crosstape.api.channels import Channels
from crosstape.api.context import Context, Traffic
from crosstape.api.gate import Gate
from crosstape.api.hub import Hub
from crosstape.api.keys import Keys
from crosstape.api.pages import own_version
from crosstape.api.ports import (
    Credentials,
    Exchanges,
    Ledger,
    Operations,
    Player,
    Pushes,
    Replays,
    Streams,
)
from crosstape.api.ports_own import Mids
from crosstape.api.ports_sql import Queries, SavedBoards
from crosstape.api.proxy import Proxy
from crosstape.api.push_socket import PushSockets
from crosstape.api.settings import ApiSettings
from crosstape.api.socket import Sockets
from crosstape.api.sql_boards import SqlBoards
from crosstape.api.web import Web
from crosstape.model.errors import ConfigError
from crosstape.model.ports import Cache
from crosstape.wire.venue import Venue


def create_app(
    hub: Hub,
    operations: Operations,
    venues: Sequence[Venue] = (),
    ledger: Ledger | None = None,
    settings: ApiSettings | None = None,
    player: Player | None = None,
    replays: Replays | None = None,
    web: Web | None = None,
    cache: Cache | None = None,
    exchanges: Exchanges | None = None,
    queries: Queries | None = None,
    streams: Streams | None = None,
    saved: SavedBoards | None = None,
    pushes: Pushes | None = None,
    mids: Mids | None = None,
    credentials: Credentials | None = None,
) -> Gate:
    """The ASGI application; `run` is the task behind its WebSocket topics; `web` the dashboard, as built.

    With `player` it serves a replay that can be moved in time, with `replays` it starts such servers; with
    `queries` it answers SQL, with `saved` besides it keeps boards that are a SELECT.

    ConfigError when keys are required and nobody keeps any.
    """
    from crosstape.api.rest import litestar

    settings = settings if settings is not None else ApiSettings()
    if settings.key_required and ledger is None:
        raise ConfigError(f"api: listening on {settings.host} requires keys, and there is no ledger to keep them")
    boards = SqlBoards(hub, queries, saved) if queries is not None and saved is not None else None
    context = Context(hub, settings, operations, tuple(venues), ledger, own_version(), Traffic(),
                      player=player, replays=replays, cache=cache, exchanges=exchanges,
                      queries=queries, streams=streams, sql_boards=boards, pushes=pushes, mids=mids,
                      credentials=credentials)  # fmt: skip
    channels, keys = Channels(context), Keys(ledger, settings)
    proxy = Proxy(replays, keys, settings)
    sockets = Sockets(context, channels, keys, PushSockets(context, keys))
    return Gate(litestar(context), sockets, keys, context, channels, proxy, web or Web())
