"""Signed requests: an exchange that knows only its own document takes them, and its refusals are told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstape.app.accounts import balances, open_vault
from crosstape.config import Config, FeedSettings, VaultSettings, VenueSettings
from crosstape.model.credential import Credential
from crosstape.model.errors import ConfigError, StoreError, WireError
from crosstape.venues import VENUES
from crosstape.wire.account import Balance
from support.signed import KEY, SECRET, exchange

ACCOUNTS = {venue.id: venue.account for venue in VENUES if venue.account is not None}
HELD = {
    "bybit": [Balance("BTC", Decimal("0.100000000000000001"), Decimal("0.050000000000000001"))],
    "binance": [Balance("ETH", Decimal("1.75"), Decimal("1.5"))],
}


@pytest.fixture(scope="module")
def config() -> Iterator[Config]:
    with exchange() as address:
        yield Config(venues={venue: VenueSettings(rest=address) for venue in ACCOUNTS})


def _mine(venue: str, **other: str) -> Credential:
    return msgspec.structs.replace(Credential("mine", venue, KEY, SECRET), **other)


@pytest.mark.parametrize("venue", sorted(ACCOUNTS))
async def test_a_good_key_shows_what_the_account_holds(config: Config, venue: str) -> None:
    assert await balances(config, _mine(venue), time.time_ns()) == HELD[venue]


@pytest.mark.parametrize(
    ("venue", "other", "late_s", "said"),
    [
        ("bybit", {"key": "unknown"}, 0, "10003: API key is invalid"),
        ("bybit", {"secret": "wrong"}, 0, "10004: Error sign"),
        ("bybit", {}, 60, "10002: .*timestamp"),
        ("binance", {"key": "unknown"}, 0, "-2015: Invalid API-key"),
        ("binance", {"secret": "wrong"}, 0, "-1022: Signature"),
        ("binance", {}, 60, "-1021: Timestamp"),
    ],
)
async def test_a_refusal_is_told_in_the_venues_words(
    config: Config, venue: str, other: dict[str, str], late_s: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=f"{venue} refuses the key 'mine': {said}") as caught:
        await balances(config, _mine(venue, **other), time.time_ns() - late_s * 1_000_000_000)
    for word in (SECRET, KEY):
        assert word not in str(caught.value)


async def test_a_venue_without_signed_requests_is_named(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"venue: 'okx' has no signed requests here; allowed: .*bybit"):
        await balances(config, _mine("okx"), time.time_ns())


async def test_nobody_there_is_no_fault_of_the_key() -> None:
    config = Config(venues={"binance": VenueSettings(rest="http://127.0.0.1:9")}, feeds=FeedSettings())
    with pytest.raises(StoreError, match=r"^127\.0\.0\.1 did not answer: ") as caught:
        await balances(config, _mine("binance"), time.time_ns())
    assert "signature" not in str(caught.value)


@pytest.mark.parametrize("venue", sorted(ACCOUNTS))
@given(body=st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b'{"balances":[{"asset":"a","free":"x","locked":"1"}]}',
       b'{"retCode":0,"result":{"list":[{"coin":[{"coin":"a","walletBalance":"x"}]}]}}']))  # fmt: skip
def test_nonsense_is_a_wire_error_or_a_refusal(venue: str, body: bytes) -> None:
    account = ACCOUNTS[venue]
    account.refusal(500, body)
    with contextlib.suppress(WireError):
        assert isinstance(account.read(body), list)


def test_a_signature_is_not_shown() -> None:
    for venue, account in ACCOUNTS.items():
        signed = account.sign(account.balances, _mine(venue), 1)
        assert repr(signed) == f"Signed({account.balances.path!r})"


def test_a_vault_without_a_passphrase_says_what_to_set(tmp_path: Path) -> None:
    config = Config(data=str(tmp_path), vault=VaultSettings())
    with pytest.raises(ConfigError, match=r"set CROSSTAPE_PASSPHRASE or vault\.key_file"):
        open_vault(config, environment={})
