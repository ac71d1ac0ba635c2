"""What holds for the dashboard's sources: a lock file without addresses, for every platform, and small files."""

from __future__ import annotations

import json
from typing import Any

from house.tree import ROOT, files

WEB = ROOT / "web"
MOST_LINES = 400
PLATFORMS = {"linux-x64-gnu", "linux-arm64-gnu", "linux-x64-musl", "darwin-x64", "darwin-arm64", "win32-x64-msvc"}


def _lock() -> dict[str, Any]:
    return dict(json.loads((WEB / "package-lock.json").read_text())["packages"])


def test_the_lock_file_holds_hashes_and_no_address() -> None:
    text = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in text
    for name, entry in _lock().items():
        if name and not entry.get("link"):
            assert entry.get("integrity", "").startswith("sha512-"), name


def test_no_package_runs_a_script_when_it_is_installed() -> None:
    assert "ignore-scripts=true" in (WEB / ".npmrc").read_text()
    assert not [
        name for name, entry in _lock().items() if entry.get("hasInstallScript") and "fsevents" not in name
    ]


def test_the_lock_file_serves_every_platform() -> None:
    for tool in ("@rolldown/binding", "lightningcss"):
        names = {name.rpartition("node_modules/")[2] for name in _lock()}
        for platform in PLATFORMS:
            assert f"{tool}-{platform}" in names, f"{tool}-{platform}"


def test_versions_are_exact() -> None:
    package = json.loads((WEB / "package.json").read_text())
    for group in ("dependencies", "devDependencies"):
        for name, version in package[group].items():
            assert version[0].isdigit(), f"{name} {version}"


def test_sources_are_short() -> None:
    for path in files():
        if path.is_relative_to(WEB) and path.suffix in (".ts", ".svelte", ".css", ".js", ".html"):
            lines = path.read_text("utf-8").count("\n")
            assert lines <= MOST_LINES, f"{path.relative_to(ROOT)}: {lines} lines"


def test_nothing_is_asked_of_another_host() -> None:
    for path in files():
        if path.is_relative_to(WEB / "src") or path == WEB / "index.html":
            text = path.read_text("utf-8")
            for word in ("http" + "://", "https" + "://"):
                rest = text.replace('xmlns="http://www.w3.org/2000/svg"', "").replace(
                    "https://www.tradingview.com/", ""
                )
                assert word not in rest, path.relative_to(ROOT)


def test_the_lock_names_no_address() -> None:
    """npm writes where packages take donations; that is cut out, so that any address at all is a mistake."""
    assert "://" not in (WEB / "package-lock.json").read_text()
