"""The built dashboard as files to send: compressed where possible, hashed ones kept, one page for its routes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

BUILT = Path(__file__).parent.parent / "_web"
# The first word of an address, and the source of the page behind it.
SOURCES = {
    "": "Overview", "overview": "Overview", "boards": "Boards", "m": "Market", "assets": "Assets", "time": "Time",
    "liquidations": "Liquidations", "data": "Data", "system": "System", "settings": "Settings",
    "trading": "Trading", "explore": "Explore",
}  # fmt: skip
PAGES = frozenset(SOURCES)
KINDS = {
    ".html": b"text/html; charset=utf-8", ".js": b"text/javascript; charset=utf-8", ".svg": b"image/svg+xml",
    ".css": b"text/css; charset=utf-8", ".woff2": b"font/woff2",
}  # fmt: skip
ENCODINGS = ((b"br", ".br"), (b"gzip", ".gz"))
FOREVER = b"public, max-age=31536000, immutable"
EACH_TIME = b"no-cache"


class File(msgspec.Struct, frozen=True):
    """One file; `forms` = its compressed bytes by encoding, the best first; `links` = what it needs, a header."""

    body: bytes
    kind: bytes
    cache: bytes
    forms: tuple[tuple[bytes, bytes], ...]
    links: bytes = b""

    def form(self, accepted: bytes) -> tuple[bytes, bytes]:
        """Encoding ("" = none) and bytes, for an Accept-Encoding."""
        words = {
            part.partition(b";")[0].strip()
            for part in accepted.split(b",")
            if b"q=0" not in part.replace(b" ", b"")
        }
        for encoding, body in self.forms:
            if encoding in words:
                return encoding, body
        return b"", self.body


class Web:
    """Everything below a folder, read once; nothing when the dashboard was not built."""

    def __init__(self, folder: Path = BUILT) -> None:
        self._files: Mapping[str, File] = _read(folder) if (folder / "index.html").is_file() else {}
        index = self._files.get("/index.html")
        self._pages = {} if index is None else {
            page: msgspec.structs.replace(index, links=links) for page, links in _links(folder).items()
        }  # fmt: skip

    @property
    def built(self) -> bool:
        """Whether there is a dashboard."""
        return bool(self._files)

    def at(self, path: str) -> File | None:
        """The file of a path; the dashboard's own page for its routes; None for what it knows nothing of."""
        found = self._files.get(path)
        return self._pages.get(path.split("/", 2)[1]) if found is None else found


def _links(folder: Path) -> dict[str, bytes]:
    """What each page loads beside the index, so that a browser can fetch it at once; from Vite's manifest."""
    path = folder / "manifest.json"
    manifest = msgspec.json.decode(path.read_bytes()) if path.is_file() else {}

    def needs(key: str) -> dict[str, None]:
        entry = manifest.get(key, {})
        found = dict.fromkeys([*([entry["file"]] if "file" in entry else []), *entry.get("css", ())])
        for other in entry.get("imports", ()):
            found |= needs(other)
        return found

    have = needs("index.html")
    kinds = {".js": "modulepreload", ".css": "preload; as=style; crossorigin"}
    return {
        page: ", ".join(
            f"</{file}>; rel={kinds[Path(file).suffix]}"
            for file in needs(f"src/pages/{source}.svelte") if file not in have and Path(file).suffix in kinds
        ).encode()
        for page, source in SOURCES.items()
    }  # fmt: skip


def _read(folder: Path) -> dict[str, File]:
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = KINDS.get(path.suffix)
        if kind is None or not path.is_file():
            continue
        name = "/" + path.relative_to(folder).as_posix()
        forms = [
            (word, other.read_bytes()) for word, end in ENCODINGS if (other := Path(f"{path}{end}")).is_file()
        ]
        cache = FOREVER if name.startswith("/_/") else EACH_TIME
        found[name] = File(path.read_bytes(), kind, cache, tuple(forms))
    return found
