"""The configuration: defaults, file, environment; an unknown key names the nearest, secrets stay hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstape.app.known import venues_of
from crosstape.config import HIDDEN, Config, load, shown
from crosstape.model.errors import ConfigError
from crosstape.model.instrument import Instrument, InstrumentKind


def write(folder: Path, text: str) -> Path:
    path = folder / "crosstape.toml"
    path.write_text(text)
    return path


def test_defaults_are_those_that_were_asked_for() -> None:
    config = load(None, {})
    assert config == Config()
    feeds = config.feeds
    assert (feeds.total_timeout_s, feeds.connect_timeout_s, feeds.read_timeout_s) == (60.0, 20.0, 30.0)
    assert (feeds.connections, feeds.connections_per_host, feeds.keepalive_s) == (150, 40, 30.0)
    assert (feeds.retries, feeds.retry_factor) == (3, 2.0)
    universe = config.engine.universe
    assert (universe.top, universe.min_24h_volume) == (50, 1_000_000.0)
    assert universe.preferred_quote_currencies[:3] == ("USDT", "USDC", "BTC")
    assert (config.api.host, config.tape.retention_gb) == ("127.0.0.1", 20.0)


def test_file_then_environment(tmp_path: Path) -> None:
    path = write(
        tmp_path, "[api]\nport = 9000\n[engine.universe]\ntop = 7\n[engine.markets.bybit-spot]\nenabled = false\n"
    )
    environment = {
        "CROSSTAPE_API__PORT": "9001",
        "CROSSTAPE_ENGINE__UNIVERSE__EXCLUDE_SYMBOLS": "AUSDT,BUSDT",
        "OTHER": "x",
    }
    config = load(path, environment)
    assert (config.api.port, config.engine.universe.top) == (9001, 7)
    assert config.engine.universe.exclude_symbols == ("AUSDT", "BUSDT")
    assert not config.engine.of("bybit-spot").enabled
    assert config.engine.of("bybit-linear").top == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[api]\nprot = 1\n", r"unknown key api\.prot; did you mean api\.port\?"),
        (
            "[engine.universe]\ntopp = 1\n",
            r"unknown key engine\.universe\.topp; did you mean engine\.universe\.top\?",
        ),
        ("zzz = 1\n", r"unknown key zzz; allowed: data, "),
        ("[api]\nport = 'many'\n", r"api\.port: expected int, got str"),
        ("[venues.bybit]\nrset = ''\n", r"unknown key venues\.bybit\.rset; did you mean venues\.bybit\.rest\?"),
        ("[api\n", r"crosstape\.toml: "),
    ],
)
def test_bad_keys_say_which(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(write(tmp_path, text), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[api]\nport = 99999\n", r"api\.port: expected int <= 65535"),
        ("[engine.universe]\ntop = -4\n", r"engine\.universe\.top: expected int >= 0"),
        ("[engine]\nmode = 'banana'\n", r"engine\.mode: invalid enum value 'banana'"),
        ("[tape]\nsegment_minutes = 0\n", r"tape\.segment_minutes: expected float > 0"),
        ("log_level = 'loud'\n", r"log_level: invalid enum value 'loud'"),
    ],
)
def test_values_out_of_range_say_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(write(tmp_path, text), {})


def test_names_of_nothing_are_refused(tmp_path: Path) -> None:
    for text in (
        "[engine]\nprimary = ['nope']\n",
        "[engine.markets.nope]\ntop = 1\n",
        "[engine.fees.nope]\ntaker_bps = 1\n",
    ):
        with pytest.raises(ConfigError, match="'nope' is not known; allowed: "):
            venues_of(load(write(tmp_path, text), {}))
    own = load(write(tmp_path, "[engine.fees.bybit-linear]\ntaker_bps = 3\n"), {})
    assert own.engine.fees["bybit-linear"].taker_bps == 3.0
    venues_of(own)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        load(tmp_path / "none.toml", {})


def test_an_unknown_environment_variable_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"unknown key api\.prt; did you mean api\.port"):
        load(None, {"CROSSTAPE_API__PRT": "1"})


def test_a_venue_is_narrowed(tmp_path: Path) -> None:
    text = """
    [venues.bybit]
    rest = "https://api-testnet.bybit.com/"
    stream = "wss://stream-testnet.bybit.com"
    markets = ["bybit-linear"]
    without = ["allLiquidation", "orderbook.200"]
    """
    (bybit,) = [v for v in venues_of(load(write(tmp_path, text), {})) if v.id == "bybit"]
    (stream,) = bybit.streams
    perp = Instrument("bybit-linear", "BTCUSDT", InstrumentKind.PERP, "BTC", "USDT", "USDT")
    assert bybit.rest == "https://api-testnet.bybit.com"
    assert stream.url == "wss://stream-testnet.bybit.com/v5/public/linear"
    assert stream.topics(perp, "A") == ("publicTrade.BTCUSDT", "tickers.BTCUSDT", "orderbook.1.BTCUSDT")
    assert stream.book_topics(perp, "A") == ()
    assert {poll.market for poll in bybit.polls} == {"bybit-linear"}
    with pytest.raises(ConfigError, match=r"venues\.bybti: no such venue; allowed: bybit"):
        venues_of(load(write(tmp_path, "[venues.bybti]\nenabled = false\n"), {}))
    off = load(write(tmp_path, "[venues.bybit]\nenabled = false\n"), {})
    assert all(v.id != "bybit" for v in venues_of(off))


def test_secrets_are_hidden(tmp_path: Path) -> None:
    path = write(tmp_path, '[ledger]\nurl = "postgresql://me:swordfish@db/crosstape"\n')
    config = load(path, {})
    assert "swordfish" in config.ledger_url
    assert shown(config)["ledger"]["url"] == HIDDEN
    assert "swordfish" not in str(shown(config))
