"""One signed question to a venue, outside the tape: an answer about an own account is no market data."""

from __future__ import annotations

import aiohttp
from yarl import URL

from crosstape.feeds.settings import FeedSettings
from crosstape.model.errors import StoreError

MOST_BYTES = 4_000_000


async def ask(
    base: str, target: str, headers: tuple[tuple[str, str], ...], settings: FeedSettings
) -> tuple[int, bytes]:
    """(status, body). StoreError when there is no answer; what was signed is in no message."""
    url = URL(base.rstrip("/") + target, encoded=True)
    timeout = aiohttp.ClientTimeout(total=settings.read_timeout_s, connect=settings.connect_timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=dict(headers), allow_redirects=False) as response,
        ):
            return response.status, await response.content.read(MOST_BYTES)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StoreError(f"{url.host} did not answer: {type(error).__name__}") from None
