"""How the vault is sealed: scrypt of a passphrase wraps a random key, AES-256-GCM under that seals the content."""

from __future__ import annotations

import os

import msgspec

from crosstape.model.errors import ConfigError

FORMAT = 1
# 2^17 × 8 × 128 bytes: 128 MB and some tenths of a second a guess.
COST_LOG2 = 17
MOST_LOG2 = 20
BLOCK, LANES = 8, 1
NONCE = 12


class Sealed(msgspec.Struct, frozen=True):
    """The file. Everything but the two sealed parts is public, and authenticated with them."""

    format: int
    kdf: str
    cost_log2: int
    salt: bytes
    key: bytes
    content: bytes

    def public(self) -> bytes:
        """What the seals stand for beside their content."""
        return b"crosstape vault\0" + msgspec.json.encode((self.format, self.kdf, self.cost_log2, self.salt))


def seal(content: bytes, passphrase: str, cost_log2: int = COST_LOG2) -> bytes:
    """The file's bytes, under a fresh salt and a fresh key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    fresh = Sealed(FORMAT, "scrypt", cost_log2, os.urandom(16), b"", b"")
    key, public = AESGCM.generate_key(256), fresh.public()
    nonce, other = os.urandom(NONCE), os.urandom(NONCE)
    wrapped = nonce + AESGCM(_derived(passphrase, fresh)).encrypt(nonce, key, public)
    sealed = other + AESGCM(key).encrypt(other, content, public)
    return msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(fresh, key=wrapped, content=sealed)))


def unseal(file: bytes, passphrase: str) -> bytes:
    """The content; ConfigError says whether the passphrase is wrong or the file is damaged."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        sealed = msgspec.json.decode(file, type=Sealed)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError("the vault is damaged: it is no vault file") from error
    if sealed.format != FORMAT or sealed.kdf != "scrypt":
        raise ConfigError(f"the vault has format {sealed.format}, of a newer crosstape; this one knows {FORMAT}")
    if not 10 <= sealed.cost_log2 <= MOST_LOG2:
        raise ConfigError(f"the vault is damaged: cost_log2 {sealed.cost_log2}; allowed: 10 to {MOST_LOG2}")
    public = sealed.public()
    try:
        key = AESGCM(_derived(passphrase, sealed)).decrypt(sealed.key[:NONCE], sealed.key[NONCE:], public)
    except (InvalidTag, ValueError) as error:
        raise ConfigError("the passphrase of the vault is wrong") from error
    try:
        return AESGCM(key).decrypt(sealed.content[:NONCE], sealed.content[NONCE:], public)
    except (InvalidTag, ValueError) as error:
        raise ConfigError("the vault is damaged: its content was changed") from error


def _derived(passphrase: str, sealed: Sealed) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    kdf = Scrypt(salt=sealed.salt, length=32, n=1 << sealed.cost_log2, r=BLOCK, p=LANES)
    return kdf.derive(passphrase.encode("utf-8", "surrogatepass"))
