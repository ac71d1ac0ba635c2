"""What a query may use, and the defaults."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class SqlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of every query.

    enabled      take queries at all
    memory_mb    what a query may hold, results included
    seconds      how long it may take
    rows         of a result when nobody says how many; max_rows at most
    result_mb    bytes of a result at most
    waiting      queries that wait for their turn; one more is refused
    """

    enabled: bool = True
    memory_mb: Annotated[int, Meta(ge=64)] = 512
    seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    rows: Annotated[int, Meta(ge=1)] = 1_000
    max_rows: Annotated[int, Meta(ge=1)] = 100_000
    result_mb: Annotated[int, Meta(ge=1)] = 64
    waiting: Annotated[int, Meta(ge=1)] = 32
