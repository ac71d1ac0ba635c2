"""The vault: sealed on disk, opened by one passphrase, changed whole, masked everywhere."""

from __future__ import annotations

import contextlib
import logging
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosstape.model.credential import Credential
from crosstape.model.errors import ConfigError, StoreError
from crosstape.store.passphrase import find_passphrase
from crosstape.store.sealing import Sealed, seal, unseal
from crosstape.store.vault import Vault

CHEAP = 10
WORDS = "correct horse"
KEY, SECRET = "AKEYwhichisratherlong", "SECRETwhichisratherlong"
MINE = Credential("mine", "bybit", KEY, SECRET, "third-secret", 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "vault.json"


@pytest.fixture
def vault(path: Path) -> Vault:
    return Vault(path, WORDS, CHEAP)


def test_keys_are_kept_listed_and_removed(vault: Vault, path: Path) -> None:
    assert vault.all() == []
    other = Credential("also", "binance", "k", "s")
    vault.add(MINE)
    vault.add(other)
    again = Vault(path, WORDS)
    assert again.all() == [other, MINE]
    assert again.get("mine") == MINE
    assert again.get("no") is None
    assert vault.remove("also")
    assert not vault.remove("also")
    assert again.all() == [MINE]
    fresh = msgspec.structs.replace(MINE, secret="new")
    assert vault.replace(fresh)
    assert not vault.replace(msgspec.structs.replace(MINE, name="no"))
    assert again.all() == [fresh]


def test_the_file_is_its_owners_and_says_nothing(vault: Vault, path: Path) -> None:
    vault.add(MINE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    file = path.read_bytes()
    for word in (KEY, SECRET, "third-secret", "bybit", "mine", WORDS):
        assert word.encode() not in file
    first = file
    vault.replace(msgspec.structs.replace(MINE, created_ts=6))
    one, two = (msgspec.json.decode(text, type=Sealed) for text in (first, path.read_bytes()))
    assert one.salt != two.salt
    assert one.key[:12] != two.key[:12]
    assert sorted(p.name for p in path.parent.iterdir()) == ["vault.json", "vault.json.lock"]


def test_a_wrong_passphrase_says_so_and_changes_nothing(vault: Vault, path: Path) -> None:
    vault.add(MINE)
    before = path.read_bytes()
    wrong = Vault(path, "incorrect horse", CHEAP)
    for act in (wrong.all, lambda: wrong.get("mine"), lambda: wrong.add(MINE), lambda: wrong.remove("mine"),
                lambda: wrong.rotate("another one")):  # fmt: skip
        with pytest.raises(ConfigError, match=r"^the passphrase of the vault is wrong$"):
            act()
    assert path.read_bytes() == before


def test_a_vault_that_others_may_read_is_not_opened(vault: Vault, path: Path) -> None:
    vault.add(MINE)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 0640\); chmod 600"):
        vault.all()


def test_the_passphrase_is_rotated(vault: Vault, path: Path) -> None:
    vault.add(MINE)
    vault.rotate("battery staple")
    assert vault.all() == [MINE]
    assert Vault(path, "battery staple").all() == [MINE]
    with pytest.raises(ConfigError, match="wrong"):
        Vault(path, WORDS).all()
    with pytest.raises(ConfigError, match="at least 8 characters, not 5"):
        vault.rotate("short")


def test_what_is_no_key_is_refused(vault: Vault, path: Path) -> None:
    for field, value in (("name", ""), ("name", "x" * 101), ("venue", ""), ("key", " "), ("secret", "")):
        with pytest.raises(ConfigError, match=f"^{field}: "):
            vault.add(msgspec.structs.replace(MINE, **{field: value}))
    with pytest.raises(ConfigError, match="passphrase: at least 8 characters"):
        Vault(path, "short", CHEAP).add(MINE)
    assert not path.exists()
    vault.add(MINE)
    with pytest.raises(ConfigError, match="a key 'mine' already"):
        vault.add(MINE)


def test_a_key_never_shows_itself(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("x").warning("%s %r %s", MINE, [MINE], vault)
    try:
        raise ValueError(MINE)
    except ValueError:
        told = traceback.format_exc()
    for text in (repr(MINE), str(MINE), f"{MINE}", caplog.text, told, repr(vault)):
        assert SECRET not in text
        assert KEY not in text
        assert "third-secret" not in text
        assert WORDS not in text
    assert repr(MINE) == "Credential('mine', 'bybit', key='AKEY•••', secret=•••)"
    assert Credential("a", "b", "shortkey", "s").masked == "•••"


SEALED = seal(b'["content"]', WORDS, CHEAP)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_file_is_never_taken_for_a_good_one(at: int, flip: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= flip
    # White space, or the unused bits of a base64 letter: it says the same.
    with contextlib.suppress(ConfigError):
        assert unseal(bytes(changed), WORDS) == b'["content"]'


def test_a_newer_format_is_named() -> None:
    newer = msgspec.structs.replace(msgspec.json.decode(SEALED, type=Sealed), format=2)
    with pytest.raises(ConfigError, match="format 2, of a newer crosstape; this one knows 1"):
        unseal(msgspec.json.encode(newer), WORDS)


def test_no_file_makes_us_spend_gigabytes() -> None:
    costly = msgspec.structs.replace(msgspec.json.decode(SEALED, type=Sealed), cost_log2=40)
    with pytest.raises(ConfigError, match="cost_log2 40; allowed: 10 to 20"):
        unseal(msgspec.json.encode(costly), WORDS)


ADDING = """
import sys
from pathlib import Path
from crosstape.model.credential import Credential
from crosstape.store.vault import Vault
vault = Vault(Path(sys.argv[1]), "correct horse", 10)
for i in range(5):
    vault.add(Credential(f"{sys.argv[2]}-{i}", "bybit", "k", "s"))
"""


def test_two_processes_lose_nothing(vault: Vault, path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", ADDING, str(path), name]) for name in "ab"]
    assert [process.wait(60) for process in running] == [0, 0]
    assert [one.name for one in vault.all()] == [f"{name}-{i}" for name in "ab" for i in range(5)]


def test_a_folder_that_cannot_be_written_is_the_disks_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="the vault cannot be written"):
        Vault(tmp_path / "file" / "vault.json", WORDS, CHEAP).add(MINE)


KEYRING = """
class errors:
    class KeyringError(Exception):
        pass
def get_password(service, name):
    if service == "crosstape":
        return "from the keyring" if name == "vault" else None
"""


def test_where_a_passphrase_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.write_text("from the file\n")
    file.chmod(0o600)
    assert find_passphrase(str(file), {"CROSSTAPE_PASSPHRASE": "from outside"}) == "from outside"
    assert find_passphrase(str(file), {}) == "from the file"
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert find_passphrase("", {}) == ""
    monkeypatch.delitem(sys.modules, "keyring")
    (tmp_path / "keyring.py").write_text(KEYRING)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_passphrase("", {}) == "from the keyring"
    monkeypatch.delitem(sys.modules, "keyring")


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [("", 0o600, "is empty"), ("words", 0o644, r"mode 0644\); chmod 600"), (None, 0, "cannot be read")],
)
def test_a_bad_key_file_is_named(tmp_path: Path, text: str | None, mode: int, said: str) -> None:
    file = tmp_path / "key"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    with pytest.raises(ConfigError, match=rf"vault\.key_file: .*{said}"):
        find_passphrase(str(file), {})
