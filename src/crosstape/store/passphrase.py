"""Where the vault's passphrase comes from: environment, key file, the system's keyring."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from crosstape.model.errors import ConfigError

VARIABLE = "CROSSTAPE_PASSPHRASE"
KEYRING = ("crosstape", "vault")


def find_passphrase(key_file: str, environment: Mapping[str, str] | None = None) -> str:
    """The first there is: $CROSSTAPE_PASSPHRASE, the key file, the keyring's (crosstape, vault); "" = none.

    ConfigError for a key file that is missing, empty, or that others may read.
    """
    given = (os.environ if environment is None else environment).get(VARIABLE, "")
    if given:
        return given
    return _of_file(Path(key_file).expanduser()) if key_file else _of_keyring()


def _of_file(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"vault.key_file: {path} cannot be read") from error
    if mode & 0o077:
        raise ConfigError(f"vault.key_file: others may read {path} (mode {mode:04o}); chmod 600 it")
    if not text:
        raise ConfigError(f"vault.key_file: {path} is empty")
    return text


def _of_keyring() -> str:
    try:
        import keyring
    except ImportError:
        return ""
    try:
        return keyring.get_password(*KEYRING) or ""
    except keyring.errors.KeyringError:
        # A machine without a desktop has the library and no keyring.
        return ""
