"""Times as a person writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import click


def moment(text: str, option: str, default: int) -> int:
    """ISO 8601 (UTC where it names no zone) as ns since the epoch; `default` for ""."""
    if not text:
        return default
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(
            f"{option}: {text!r} is no time; such as 2026-11-26 or 2026-11-26T01:02:03"
        ) from error
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1e6) * 1_000
