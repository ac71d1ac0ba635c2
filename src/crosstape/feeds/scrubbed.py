"""The way into the intake for whoever holds secrets: none gets through."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from crosstape.model.credential import HIDDEN
from crosstape.model.frame import Kind
from crosstape.model.ports import Intake

PASSING = 8


class Scrubbed:
    """An intake that blots out secrets, wherever a venue or an error repeats them. Full = as the intake behind.

    heard   told every message of a socket
    """

    def __init__(self, intake: Intake, secrets: tuple[str, ...], heard: Callable[[bytes], None]) -> None:
        self._intake, self._heard = intake, heard
        self._lasting = tuple(dict.fromkeys(secret for secret in secrets if secret))
        self._passing: deque[str] = deque(maxlen=PASSING)
        self._secrets = [(secret, secret.encode()) for secret in self._lasting]

    def hide(self, passing: str) -> None:
        """This one too; of those that pass the newest few are remembered."""
        self._passing.append(passing)
        self._secrets = [(word, word.encode()) for word in (*self._lasting, *self._passing) if word]

    def clean(self, text: str) -> str:
        """A text without them."""
        for word, _ in self._secrets:
            text = text.replace(word, HIDDEN)
        return text

    def put(
        self,
        ts_recv: int,
        source: str,
        conn: int,
        kind: Kind,
        payload: bytes,
        request: str = "",
        status: int = 0,
        headers: str = "",
    ) -> bool:
        """As the intake, without the secrets."""
        if kind is Kind.DATA:
            self._heard(payload)
        for word, raw in self._secrets:
            if raw in payload:
                payload = payload.replace(raw, HIDDEN.encode())
            request, headers = request.replace(word, HIDDEN), headers.replace(word, HIDDEN)
        return self._intake.put(ts_recv, source, conn, kind, payload, request, status, headers)

    async def drained(self) -> None:
        """As the intake."""
        await self._intake.drained()
