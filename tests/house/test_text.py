"""What no file of the repository may say. The words are put together here, so that this file does not say them."""

from __future__ import annotations

import re
from pathlib import Path

from house.tree import ROOT, files

CODE = {".py", ".ts", ".svelte", ".css", ".html", ".sh", ".toml", ".yml", ".yaml", ".md", ""}
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
UNWRITTEN = "NotImplemented" + "Error"
MACHINES = tuple("/" + name + "/" for name in ("work", "root", "home/user", "Users"))
REGISTRIES = (
    "pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "registry." + "yarnpkg", "index" + "-url",
    "trusted" + "-host", "proxy." + "golang", "deb." + "debian", "archive." + "ubuntu", "npm." + "pkg",
)  # fmt: skip


def _lines(kinds: set[str] | None = None) -> list[tuple[str, str]]:
    found = []
    for path in files():
        if kinds is not None and path.suffix not in kinds:
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [(f"{path.relative_to(ROOT)}:{n}", line) for n, line in enumerate(text.splitlines(), 1)]
    return found


def test_nothing_is_left_for_later() -> None:
    left = [at for at, line in _lines(CODE) if UNFINISHED.search(line) or UNWRITTEN in line]
    assert not left, "\n".join(left)


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    known = [f"{at}: {word}" for at, line in _lines() for word in MACHINES if word in line]
    assert not known, "\n".join(known)


def test_no_file_names_a_package_registry() -> None:
    named = [f"{at}: {word}" for at, line in _lines() for word in REGISTRIES if word in line]
    assert not named, "\n".join(named)


def test_requirements_are_pinned_by_hash() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        for entry in _entries(path):
            assert "==" in entry, f"{path.name}: {entry[:60]}"
            assert "--hash=sha256:" in entry, f"{path.name}: {entry[:60]}"


def _entries(path: Path) -> list[str]:
    joined = path.read_text("utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def test_the_small_requirement_files_agree_with_the_whole() -> None:
    pins = {name: set(re.findall(r"^([a-zA-Z0-9_.-]+==\S+)", _text(name), re.M)) for name in ("run", "dev", "all")}
    assert pins["run"] <= pins["dev"]
    assert pins["dev"] <= pins["all"]


def _text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
