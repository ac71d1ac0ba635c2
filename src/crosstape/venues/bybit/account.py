"""Bybit's signed requests: the wallet of a unified account."""

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


class _Coin(msgspec.Struct):
    coin: str
    wallet: str = msgspec.field(name="walletBalance", default="0")
    locked: str = "0"


class _Wallet(msgspec.Struct):
    coin: list[_Coin] = []


class _Wallets(msgspec.Struct):
    rows: list[_Wallet] = msgspec.field(name="list", default_factory=list)


class _Answer(msgspec.Struct):
    code: int = msgspec.field(name="retCode")
    message: str = msgspec.field(name="retMsg", default="")
    result: msgspec.Raw = msgspec.Raw(b"{}")


_answer = msgspec.json.Decoder(_Answer)
_wallets = msgspec.json.Decoder(_Wallets)


def sign(request: Request, credential: Credential, now: int) -> Signed:
    """HMAC-SHA256 of time, key, window and query, in headers.

    Source: https://bybit-exchange.github.io/docs/v5/guide#authentication
    """
    query, stamp = urlencode(request.params), str(now // 1_000_000)
    text = f"{stamp}{credential.key}{WINDOW_MS}{query}"
    signature = hmac.new(credential.secret.encode(), text.encode(), "sha256").hexdigest()
    headers = (
        ("X-BAPI-API-KEY", credential.key),
        ("X-BAPI-TIMESTAMP", stamp),
        ("X-BAPI-RECV-WINDOW", WINDOW_MS),
        ("X-BAPI-SIGN", signature),
    )
    return Signed(f"{request.path}?{query}" if query else request.path, headers)


def read(body: bytes) -> list[Balance]:
    """What the wallet holds."""
    try:
        wallets = _wallets.decode(_answer.decode(body).result).rows
        rows = [_balance(coin) for wallet in wallets for coin in wallet.coin]
    except (msgspec.MsgspecError, InvalidOperation) as error:
        raise WireError(f"wallet: {error}") from error
    return [row for row in rows if row.total]


def _balance(coin: _Coin) -> Balance:
    total = Decimal(coin.wallet or "0")
    return Balance(coin.coin, total, total - Decimal(coin.locked or "0"))


def refused(status: int, body: bytes) -> str:
    """The venue's code and words."""
    try:
        answer = _answer.decode(body)
    except msgspec.MsgspecError:
        return f"HTTP {status}" if status != 200 else ""
    return f"{answer.code}: {answer.message}" if answer.code or status != 200 else ""


ACCOUNT = Account(
    sign=sign,
    balances=Request("wallet", "/v5/account/wallet-balance", (("accountType", "UNIFIED"),)),
    read=read,
    refusal=refused,
)
