"""The configuration: one frozen Struct out of defaults, a TOML file and the environment."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from crosstape.api.settings import ApiSettings
from crosstape.engine.settings import EngineSettings
from crosstape.feeds.exchanges import ExchangeSettings
from crosstape.feeds.settings import FeedSettings
from crosstape.model.errors import ConfigError
from crosstape.store.cache.settings import CacheSettings
from crosstape.store.history.settings import HistorySettings
from crosstape.store.sql.settings import SqlSettings

PREFIX = "CROSSTAPE_"
HIDDEN = "•••"
# Variables with our prefix that are no settings: which file to read, a client's key, the vault's passphrase,
# where tests find captures.
NOT_SETTINGS = ("CONFIG", "KEY", "PASSPHRASE", "SHARED")
SECRET_WORDS = ("secret", "password", "token", "private", "passphrase", "api_key")


class TapeSettings(msgspec.Struct, frozen=True):
    """Recording and restart.

    record            keep a tape; without one there is no restart and no replay
    folder            "" = "tape" in the data folder
    retention_gb      what the folder may hold; the oldest segments go first
    segment_minutes   a segment, and with it a checkpoint, begins at least this often
    segment_mb        and at this size
    segment_frames    and after so many frames: what a restart may have to fold
    stalled_s         a disk that does not answer for so long ends the recording
    checkpoints       let segments begin with a checkpoint
    library           tapes to replay beside the recording: its subfolders; "" = "tapes" in the data folder
    """

    record: bool = True
    folder: str = ""
    retention_gb: Annotated[float, Meta(gt=0)] = 20.0
    segment_minutes: Annotated[float, Meta(gt=0)] = 5.0
    segment_mb: Annotated[int, Meta(gt=0)] = 256
    segment_frames: Annotated[int, Meta(gt=0)] = 2_000_000
    stalled_s: Annotated[float, Meta(gt=0)] = 30.0
    checkpoints: bool = True
    library: str = ""


class DemoSettings(msgspec.Struct, frozen=True):
    """The simulated world of `crosstape demo`.

    venues       which venues its assets trade on
    seed         the same seed is the same world
    assets       how many it has; some have several instruments
    rate         messages a second it aims at, over all subscriptions
    faults       faults of its venues, in the chaos lab's language, from the start
    account      follow the accounts that its venues have: an own account, live, of nobody's
    """

    venues: tuple[str, ...] = ("bybit", "binance", "okx", "hyperliquid")
    seed: int = 7
    assets: Annotated[int, Meta(ge=10, le=2000)] = 200
    rate: Annotated[float, Meta(gt=0)] = 3_000.0
    faults: tuple[str, ...] = ()
    account: bool = True


class VenueSettings(msgspec.Struct, frozen=True):
    """One venue.

    enabled   take it at all
    rest      address of its REST API, such as a testnet's; "" = its own
    stream    address of its sockets, without the path; "" = its own
    markets   only these of its markets; none = all
    without   channels that are not taken: topics that begin with one of these words
    """

    enabled: bool = True
    rest: str = ""
    stream: str = ""
    markets: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class LedgerSettings(msgspec.Struct, frozen=True):
    """What is kept in tables: preferences, keys, completeness.

    url   sqlite:///… or postgresql://…; "" = SQLite in the data folder
    """

    url: str = ""


class VaultSettings(msgspec.Struct, frozen=True):
    """Where exchange keys are kept, encrypted.

    file       "" = "vault.json" in the data folder
    key_file   a file (mode 0600) that holds the passphrase; "" = $CROSSTAPE_PASSPHRASE or the system's keyring
    """

    file: str = ""
    key_file: str = ""


class AccountSettings(msgspec.Struct, frozen=True):
    """Own accounts, followed live.

    credentials   names of keys in the vault; keys that may only read are enough. None = no account, and the vault
                  stays shut
    """

    credentials: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True):
    """Everything that can be set.

    data        the folder for all that is kept
    stop_s      told to end it drains; after so long it ends whatever a disk or a server still owes it
    log_level   debug, info, warning or error
    log_json    one JSON object a line instead of plain text
    """

    data: str = "~/.local/share/crosstape"
    stop_s: Annotated[float, Meta(gt=0)] = 80.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False
    engine: EngineSettings = EngineSettings()
    feeds: FeedSettings = FeedSettings()
    api: ApiSettings = ApiSettings()
    tape: TapeSettings = TapeSettings()
    demo: DemoSettings = DemoSettings()
    ledger: LedgerSettings = LedgerSettings()
    cache: CacheSettings = CacheSettings()
    vault: VaultSettings = VaultSettings()
    account: AccountSettings = AccountSettings()
    history: HistorySettings = HistorySettings()
    sql: SqlSettings = SqlSettings()
    venues: dict[str, VenueSettings] = {}
    ccxt: dict[str, ExchangeSettings] = {}

    @property
    def folder(self) -> Path:
        """The data folder."""
        return Path(self.data).expanduser()

    @property
    def tape_folder(self) -> Path:
        """Where the tape is."""
        return Path(self.tape.folder).expanduser() if self.tape.folder else self.folder / "tape"

    @property
    def library_folder(self) -> Path:
        """Where further tapes are."""
        return Path(self.tape.library).expanduser() if self.tape.library else self.folder / "tapes"

    @property
    def vault_file(self) -> Path:
        """Where exchange keys are."""
        return Path(self.vault.file).expanduser() if self.vault.file else self.folder / "vault.json"

    @property
    def history_folder(self) -> Path:
        """Where the history is."""
        return Path(self.history.folder).expanduser() if self.history.folder else self.folder / "history"

    @property
    def ledger_url(self) -> str:
        """Where the ledger is."""
        return self.ledger.url or f"sqlite:///{self.folder / 'ledger.db'}"


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Defaults, then the file (default: `crosstape.toml` here, if there is one), then CROSSTAPE_A__B variables.

    ConfigError names the key, and for an unknown one the nearest that exists.
    """
    values = _read(path)
    for name, text in (os.environ if environment is None else environment).items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in NOT_SETTINGS:
            _set(values, name.removeprefix(PREFIX).lower().split("__"), text, name)
    _known(values, Config, "")
    try:
        return msgspec.convert(values, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_plain(str(error))) from error


def _read(path: Path | None) -> dict[str, Any]:
    chosen = path or Path(os.environ.get(f"{PREFIX}CONFIG", "crosstape.toml"))
    if not chosen.exists():
        if path is not None or f"{PREFIX}CONFIG" in os.environ:
            raise ConfigError(f"no configuration file at {chosen}")
        return {}
    try:
        return tomllib.loads(chosen.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{chosen}: {error}") from error


def _set(values: dict[str, Any], keys: list[str], text: str, name: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{name}: {key} is no section")
    values[keys[-1]] = [part.strip() for part in text.split(",")] if "," in text else text


def _known(values: Any, kind: Any, where: str) -> None:
    """Refuse keys that the Struct does not have, all the way down."""
    if not isinstance(values, dict):
        return
    if get_origin(kind) is dict:
        for key, value in values.items():
            _known(value, get_args(kind)[1], f"{where}{key}.")
        return
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    hints = get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1, 0.5)
            hint = f"; did you mean {where}{near[0]}?" if near else f"; allowed: {', '.join(hints)}"
            raise ConfigError(f"unknown key {where}{key}{hint}")
        _known(value, hints[key], f"{where}{key}.")


def _plain(message: str) -> str:
    """msgspec's "Expected `int`, got `str` - at `$.api.port`" as "api.port: expected int, got str"."""
    what, _, where = message.partition(" - at ")
    key = where.strip("`").removeprefix("$.")
    return f"{key}: {what[:1].lower()}{what[1:]}".replace("`", "") if key else message


def shown(config: Config) -> dict[str, Any]:
    """The configuration as plain values, secrets hidden."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    return _hide(plain)


def _hide(values: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            out[key] = _hide(value)
        elif isinstance(value, str) and value and _secret(key, value):
            out[key] = HIDDEN
        else:
            out[key] = value
    return out


def _secret(key: str, value: str) -> bool:
    """A secret by its name, or an address that carries a password."""
    return any(word in key for word in SECRET_WORDS) or ("://" in value and "@" in value)
