"""One question to a venue about an own account, signed; what is made of its answer is the caller's business."""

from __future__ import annotations

import aiohttp
from yarl import URL

from crosstape.feeds.settings import FeedSettings
from crosstape.model.errors import StoreError

MOST_BYTES = 4_000_000


async def ask(
    base: str, target: str, headers: tuple[tuple[str, str], ...], settings: FeedSettings, method: str = "GET"
) -> tuple[int, bytes]:
    """(status, body). StoreError when there is no answer; what was signed is in no message."""
    url = URL(base.rstrip("/") + target, encoded=True)
    timeout = aiohttp.ClientTimeout(total=settings.read_timeout_s, connect=settings.connect_timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, headers=dict(headers), allow_redirects=False) as response,
        ):
            return response.status, await response.content.read(MOST_BYTES)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StoreError(f"{url.host} did not answer: {type(error).__name__}") from None
