"""Installs the packages of a lock file into `.venv`: `install.py run`, `demo`, `dev` or `bench`.

It also installs this folder itself, editable: `donebit` is imported from here and `.venv/bin/donebit` runs.

The system's Python runs it, before anything is installed. So it uses the standard library alone, and no
syntax newer than 3.6: too old a Python must get as far as printing that. If everything is installed it does
nothing.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

COMMAND = VENV / "bin" / "donebit"

# Lists what is installed, and by which Python. Removed first and written last, so a .venv without it is
# incomplete.
STAMP = VENV / "installed.txt"

LEVELS = ("run", "demo", "dev", "bench")  # each holds all of those before it

INTERRUPTED = 130

NO_VENV = (
    "Python cannot make virtual environments here: install the Debian package python3-venv "
    "(apt-get install python3-venv), then run this again."
)


def main(level: str) -> None:
    check_python()
    if not is_installed(level):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(INTERRUPTED))
        wait_for_turn()
        if not is_installed(level):  # by another `make` meanwhile
            install(level)


def check_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - the system's may be older
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Donebit needs Python 3.11 or newer, and this is {found}: use `make PYTHON=...` with another."
        )


def is_installed(level: str) -> bool:
    return {fingerprint(level), project()} <= stamped() and is_whole() and COMMAND.exists()


def install(level: str) -> None:
    if not (is_whole() and (shutil.which("uv") or (VENV / "bin" / "pip").exists())):
        make_venv(shutil.which("uv"))
    held = [one for one in LEVELS if fingerprint(one) in stamped()]
    STAMP.unlink(missing_ok=True)
    if level not in held:
        print(f"installing locks/{level}.txt into .venv", flush=True)
        pip_install("--require-hashes", "--requirement", f"locks/{level}.txt")
        held = list(LEVELS[: LEVELS.index(level) + 1])
    # Its build tools are in the lock and installed by now, so no index is asked.
    again = "--reinstall" if shutil.which("uv") else "--force-reinstall"
    pip_install(again, "--no-deps", "--no-build-isolation", "--editable", ".")
    write_stamp(held)


def pip_install(*what: str) -> None:
    uv = shutil.which("uv")
    # Without this, five processes would compile at once at the first start; pip compiles by itself.
    command = [uv, "pip", "install", "--python", PYTHON, "--compile-bytecode"]
    if not uv:
        # Quiet twice: warnings about the cache and such are of no use here; errors are still shown.
        command = [PYTHON, "-I", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    run(*command, "--quiet", *what)


def make_venv(uv: "str | None") -> None:
    print("making .venv", flush=True)
    if VENV.exists():
        shutil.rmtree(VENV)
    if uv:
        run(uv, "venv", "--quiet", "--python", sys.executable, VENV)
    else:
        check_venv()
        run(sys.executable, "-m", "venv", VENV)


def check_venv() -> None:
    """Exit with a sentence if venv is missing; on Debian it is a separate package."""
    try:
        import ensurepip  # noqa: F401, PLC0415 - only to see whether it is there
        import venv  # noqa: F401, PLC0415 - the same
    except ImportError:
        sys.exit(NO_VENV)


def is_whole() -> bool:
    """Whether .venv was made by this Python, finished, and no package was removed since."""
    wanted = {line for line in stamped() if line.endswith(".dist-info")}
    return python_version() in stamped() and PYTHON.exists() and wanted <= set(packages())


def stamped() -> "frozenset[str]":
    try:
        return frozenset(STAMP.read_text().splitlines())
    except OSError:
        return frozenset()


def write_stamp(held: "list[str]") -> None:
    lines = [python_version(), project(), *map(fingerprint, held), *packages()]
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(STAMP)


def packages() -> "list[str]":
    return sorted(path.name for path in VENV.glob("lib/python*/site-packages/*.dist-info"))


def python_version() -> str:
    return "python {}.{}.{}".format(*sys.version_info)


def project() -> str:
    """Return what an editable install depends on: this folder's path and the content of pyproject.toml."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return f"project {ROOT} {digest}"


def fingerprint(level: str) -> str:
    lock = ROOT / "locks" / f"{level}.txt"
    return f"{level} {hashlib.sha256(lock.read_bytes()).hexdigest()}"


def wait_for_turn() -> None:
    """Wait until no other install runs in this folder; the lock ends with this process."""
    fcntl.flock(os.open(ROOT, os.O_RDONLY), fcntl.LOCK_EX)


def run(*command: "str | Path | None") -> None:
    """Run a command to its end. If this process is stopped meanwhile, kill it and all that it started."""
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, start_new_session=True)
    try:
        if process.wait() != 0:
            sys.exit("Installing failed; the lines above say why. The next run starts over.")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()  # so that it is gone when this process is


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
