"""Makes `.venv` hold what a lock file names: `python3 shared/demo/install.py demo`, or `run`, `dev`, `bench`.

And the command `donebit`, which no lock names: it is this folder's own, and building a wheel of it would ask
the network for what builds wheels.

Run by the system's Python, before anything is installed. So it uses the standard library alone, and no syntax
newer than 3.6: too old a Python must get as far as being told so. When all is installed it does nothing.
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

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

COMMAND = VENV / "bin" / "donebit"
# First a shell's, which looks for the Python beside it: so it may be linked to, and its folder be moved or
# have blanks in its name. Then Python's, for which the shell's line is a text. Whatever folder it is called
# in, what it imports is this one's.
COMMAND_TEXT = """#!/bin/sh
'''exec' "$(dirname -- "$(readlink -f -- "$0")")/python" "$0" "$@"
' '''
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

try:
    from shared.command_line.main import main
except KeyboardInterrupt:  # while all that is read
    sys.exit(130)

sys.exit(main())
"""

# Says what was installed, and by which Python. Removed first and written last, so that a .venv without it is
# one left half made.
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
    put_command()


def check_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have any
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Donebit needs Python 3.11 or newer, and this is {found}: say `make PYTHON=...` with another."
        )


def is_installed(level: str) -> bool:
    return fingerprint(level) in stamped() and is_whole()


def install(level: str) -> None:
    uv = shutil.which("uv")
    if not (is_whole() and (uv or (VENV / "bin" / "pip").exists())):
        make_venv(uv)
    STAMP.unlink(missing_ok=True)
    print(f"installing locks/{level}.txt into .venv", flush=True)
    # uv would leave compiling to the first start, of five processes at once; pip compiles by itself.
    command = [uv, "pip", "install", "--python", PYTHON, "--compile-bytecode"]
    if not uv:
        # Once more quiet: its warnings, of a cache say, are about this machine; errors are still shown.
        command = [PYTHON, "-I", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    run(*command, "--quiet", "--require-hashes", "--requirement", f"locks/{level}.txt")
    write_stamp(level)


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
    """Debian keeps what a virtual environment needs in a package of its own."""
    try:
        import ensurepip  # noqa: F401, PLC0415 - only here, and only to learn whether it is there
        import venv  # noqa: F401, PLC0415 - the same
    except ImportError:
        sys.exit(NO_VENV)


def is_whole() -> bool:
    """Made by this Python, finished, and no package has gone since."""
    wanted = {line for line in stamped() if line.endswith(".dist-info")}
    return python_version() in stamped() and PYTHON.exists() and wanted <= set(packages())


def stamped() -> "frozenset[str]":
    try:
        return frozenset(STAMP.read_text().splitlines())
    except OSError:
        return frozenset()


def write_stamp(level: str) -> None:
    held = LEVELS[: LEVELS.index(level) + 1]
    lines = [python_version(), *map(fingerprint, held), *packages()]
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(STAMP)


def put_command() -> None:
    """Have `.venv/bin/donebit`, as this version writes it; also where everything else was there already."""
    with suppress(OSError):
        if COMMAND.read_bytes() == COMMAND_TEXT.encode() and os.access(COMMAND, os.X_OK):
            return
    unfinished = COMMAND.with_name(f"donebit.{os.getpid()}.new")
    unfinished.write_text(COMMAND_TEXT)
    unfinished.chmod(0o755)
    unfinished.replace(COMMAND)  # whole at once: a donebit may be starting right now


def packages() -> "list[str]":
    return sorted(path.name for path in VENV.glob("lib/python*/site-packages/*.dist-info"))


def python_version() -> str:
    return "python {}.{}.{}".format(*sys.version_info)


def fingerprint(level: str) -> str:
    lock = ROOT / "locks" / f"{level}.txt"
    return f"{level} {hashlib.sha256(lock.read_bytes()).hexdigest()}"


def wait_for_turn() -> None:
    """One at a time in this folder; the system gives the turn back when this process ends."""
    fcntl.flock(os.open(ROOT, os.O_RDONLY), fcntl.LOCK_EX)


def run(*command: "str | Path | None") -> None:
    """Run it to its end; should this be stopped meanwhile, stop it and all that it started."""
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, start_new_session=True)
    try:
        if process.wait() != 0:
            sys.exit("Installing failed; the lines above say why. The next run begins anew.")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()  # gone when this is


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
