"""What a table of a query is made of: parts that go over to the confined process, each only when it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Part(msgspec.Struct, frozen=True):
    """Columns as Arrow; `version` changes whenever they do."""

    version: int
    table: pa.Table


class Block(msgspec.Struct, frozen=True):
    """Columns as plain float64, NaN = NULL: only those that a query names become Arrow, over there.

    columns   name -> (rows); never written again: the same object is the same values
    rows      which of them, in order
    """

    version: int
    columns: Mapping[str, NDArray[np.float64]]
    rows: NDArray[np.intp]


# By name; the parts have the same number of rows, and their columns stand one after the other.
Tables = Mapping[str, tuple[Part | Block, ...]]


def whole(version: int, table: Any) -> tuple[Part]:
    """A table in one part."""
    return (Part(version, table),)
