"""An account's key at an exchange, which shows itself to nobody."""

from __future__ import annotations

import msgspec

HIDDEN = "•••"
SHOWN = 4


class Credential(msgspec.Struct, frozen=True):
    """What signs an account's requests. `passphrase`: a third secret that some venues want; "" = none."""

    name: str
    venue: str
    key: str
    secret: str
    passphrase: str = ""
    created_ts: int = 0

    def __repr__(self) -> str:
        """Masked, so that no log and no traceback can carry it."""
        return f"Credential({self.name!r}, {self.venue!r}, key={self.masked!r}, secret={HIDDEN})"

    @property
    def masked(self) -> str:
        """The key's first letters, to tell keys apart; of a short key none."""
        return f"{self.key[:SHOWN]}{HIDDEN}" if len(self.key) >= 4 * SHOWN else HIDDEN
