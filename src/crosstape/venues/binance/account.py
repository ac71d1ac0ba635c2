"""Binance's signed requests: the spot account's balances."""

from __future__ import annotations

import hmac
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

import msgspec

from crosstape.model.credential import Credential
from crosstape.model.errors import WireError
from crosstape.wire.account import Account, Balance, Signed
from crosstape.wire.request import Request

WINDOW_MS = "5000"


class _Held(msgspec.Struct):
    asset: str
    free: str
    locked: str


class _Answer(msgspec.Struct):
    balances: list[_Held]


class _Refusal(msgspec.Struct):
    code: int
    msg: str = ""


_answer = msgspec.json.Decoder(_Answer)
_refusal = msgspec.json.Decoder(_Refusal)


def sign(request: Request, credential: Credential, now: int) -> Signed:
    """HMAC-SHA256 of the query, appended to it.

    Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
    """
    params = (*request.params, ("recvWindow", WINDOW_MS), ("timestamp", str(now // 1_000_000)))
    query = urlencode(params)
    signature = hmac.new(credential.secret.encode(), query.encode(), "sha256").hexdigest()
    return Signed(f"{request.path}?{query}&signature={signature}", (("X-MBX-APIKEY", credential.key),))


def read(body: bytes) -> list[Balance]:
    """What the account holds."""
    try:
        held = _answer.decode(body).balances
        rows = [Balance(one.asset, Decimal(one.free) + Decimal(one.locked), Decimal(one.free)) for one in held]
    except (msgspec.MsgspecError, InvalidOperation) as error:
        raise WireError(f"account: {error}") from error
    return [row for row in rows if row.total]


def refused(status: int, body: bytes) -> str:
    """The venue's code and words."""
    if status == 200:
        return ""
    try:
        answer = _refusal.decode(body)
    except msgspec.MsgspecError:
        return f"HTTP {status}"
    return f"{answer.code}: {answer.msg}"


ACCOUNT = Account(
    sign=sign,
    balances=Request("account", "/api/v3/account", (("omitZeroBalances", "true"),), weight=20.0),
    read=read,
    refusal=refused,
    rest="https://api.binance.com",
)
