"""The vault: exchange keys in one sealed file that only its owner may read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from crosstape.model.credential import Credential
from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.sealing import COST_LOG2, seal, unseal

LONGEST_NAME = 100
SHORTEST_PASSPHRASE = 8
MOST = 1_000


class Vault:
    """One file, mode 0600, replaced whole. Every method may take some tenths of a second: call it in a thread.

    ConfigError: a wrong passphrase, a file that others may read, a damaged one. StoreError: the disk.
    """

    def __init__(self, path: Path, passphrase: str, cost_log2: int = COST_LOG2) -> None:
        self._path, self._passphrase, self._cost = path, passphrase, cost_log2

    def __repr__(self) -> str:
        """Where it is, and nothing of what is in it."""
        return f"Vault({str(self._path)!r})"

    def all(self) -> list[Credential]:
        """By name; none where there is no file."""
        return sorted(self._read().values(), key=lambda credential: credential.name)

    def get(self, name: str) -> Credential | None:
        """None when there is none of that name."""
        return self._read().get(name)

    def add(self, credential: Credential) -> None:
        """A new one; ConfigError where the name is taken."""
        if not 0 < len(credential.name) <= LONGEST_NAME:
            raise ConfigError(f"name: 1 to {LONGEST_NAME} characters, not {len(credential.name)}")
        for field in ("venue", "key", "secret"):
            if not getattr(credential, field).strip():
                raise ConfigError(f"{field}: must not be empty")

        def put(known: dict[str, Credential]) -> None:
            if credential.name in known:
                raise ConfigError(f"name: there is a key {credential.name!r} already; remove or replace it")
            if len(known) >= MOST:
                raise ConfigError(f"there are {MOST} keys already: remove some")
            known[credential.name] = credential

        self._change(put)

    def replace(self, credential: Credential) -> bool:
        """Another key and secret under the same name; False when there is none of that name."""

        def put(known: dict[str, Credential]) -> bool:
            if credential.name not in known:
                return False
            known[credential.name] = credential
            return True

        return bool(self._change(put))

    def remove(self, name: str) -> bool:
        """False when there is none of that name."""
        return self._change(lambda known: known.pop(name, None)) is not None

    def rotate(self, passphrase: str) -> None:
        """Seal everything anew under another passphrase; the old one opens nothing any more."""
        strong(passphrase)
        with self._alone():
            known = self._read()
            self._passphrase = passphrase
            self._write(known)

    def _change(self, change: Callable[[dict[str, Credential]], Any]) -> Any:
        if not self._path.exists():
            strong(self._passphrase)
        with self._alone():
            known = self._read()
            before = dict(known)
            outcome = change(known)
            if known != before:
                self._write(known)
            return outcome

    def _read(self) -> dict[str, Credential]:
        try:
            mode = stat.S_IMODE(self._path.stat().st_mode)
            if mode & 0o077:
                raise ConfigError(f"others may read the vault {self._path} (mode {mode:04o}); chmod 600 it")
            file = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"the vault cannot be read: {error.strerror}") from error
        rows = msgspec.json.decode(unseal(file, self._passphrase), type=list[Credential])
        return {row.name: row for row in rows}

    def _write(self, known: dict[str, Credential]) -> None:
        file = seal(msgspec.json.encode(list(known.values())), self._passphrase, self._cost)
        try:
            handle, name = tempfile.mkstemp(prefix=".vault-", dir=self._path.parent)
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(file)
                    out.flush()
                    os.fsync(out.fileno())
                os.replace(name, self._path)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            raise StoreError(f"the vault cannot be written: {error.strerror}") from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One change at a time, over all processes."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(f"{self._path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreError(f"the vault cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def strong(passphrase: str) -> None:
    """ConfigError for one that is too short to be any use."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ConfigError(f"passphrase: at least {SHORTEST_PASSPHRASE} characters, not {len(passphrase)}")
