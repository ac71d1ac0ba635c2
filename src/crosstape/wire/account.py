"""What an own account can be asked: a signed request, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from crosstape.model.credential import Credential
from crosstape.wire.request import Request


class Signed(msgspec.Struct, frozen=True):
    """A GET, ready to be sent: `target` = path and query exactly as they were signed."""

    target: str
    headers: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        """Without what the key signed: a signature is as good as the key while it lasts."""
        return f"Signed({self.target.partition('?')[0]!r})"


class Balance(msgspec.Struct, frozen=True):
    """One asset of an account, exactly."""

    asset: str
    total: Decimal
    free: Decimal


class Account(msgspec.Struct, frozen=True):
    """A venue's signed side.

    rest      base address; "" = the venue's
    sign      (request, credential, ns since the epoch) -> what is sent
    balances  read-only: what the account holds
    read      its answer -> what is not zero; WireError
    refusal   (status, body) -> why it was refused, in the venue's words; "" = it was not
    """

    sign: Callable[[Request, Credential, int], Signed]
    balances: Request
    read: Callable[[bytes], list[Balance]]
    refusal: Callable[[int, bytes], str]
    rest: str = ""
