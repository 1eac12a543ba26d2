"""`install.py` with real virtual environments, and a package made here: no network is asked for anything."""

from __future__ import annotations

import ast
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.demo.checkout import INSTALL, UV, Checkout, wheel
from tests.demo.conftest import Start
from tests.started import REPOSITORY, eventually

# install.py as the Python of another machine would run it.
ELSEWHERE = """
import runpy, sys
{change}
sys.argv = ["install.py", "demo"]
runpy.run_path("{file}", run_name="__main__")
"""


def test_the_second_run_does_nothing(checkout: Checkout) -> None:
    first = checkout.install()
    checkout.put_uv("echo should not be called; exit 1")

    second = checkout.install()

    assert first == "making .venv\ninstalling locks/demo.txt into .venv\n"
    assert second == ""
    assert checkout.value_of("core") == "1.0"


@pytest.mark.timeout(300)  # four installations by pip, each of which takes ten seconds on a busy machine
def test_without_uv_pip_installs_and_of_what_it_says_only_errors_are_shown(checkout: Checkout) -> None:
    (checkout.programs / "uv").unlink()
    checkout.install()
    first, again = checkout.value_of("core"), checkout.install()
    (packages,) = (checkout.folder / ".venv/lib").glob("python*/site-packages")
    (packages / "~ore-1.0.dist-info").mkdir()  # pip warns of it: "Ignoring invalid distribution"
    checkout.lock("demo", wheel(checkout.folder, "core", "2.0"))

    warned = checkout.install()
    (checkout.folder / "locks/demo.txt").write_text("core @ file:///nowhere/core-3.0-py3-none-any.whl\n")
    refused = checkout.install(exit_code=1)

    assert (first, again) == ("1.0", "")
    assert warned == "installing locks/demo.txt into .venv\n"
    assert "ERROR: " in refused
    assert "Installing failed; the lines above say why." in refused


def test_a_changed_lock_is_installed(checkout: Checkout) -> None:
    checkout.install()
    checkout.lock("demo", wheel(checkout.folder, "core", "2.0.1"))

    again = checkout.install()

    assert again == "installing locks/demo.txt into .venv\n"
    assert checkout.value_of("core") == "2.0.1"


def test_what_serves_the_developer_serves_the_demo(checkout: Checkout) -> None:
    checkout.install("dev")

    assert checkout.install("demo") == ""
    assert checkout.value_of("extra") == "1.0"


def test_the_bench_lock_is_the_dev_lock_and_the_peers(
    checkout: Checkout,
) -> None:
    checkout.install("dev")

    assert checkout.install("bench") == "installing locks/bench.txt into .venv\n"
    assert checkout.install("dev") == ""
    assert checkout.value_of("peer") == "1.0"


def test_the_lock_of_the_benchmarks_is_the_developers_and_more() -> None:
    dev, bench = (pins(REPOSITORY / "locks" / f"{level}.txt") for level in ("dev", "bench"))

    assert dev < bench


def test_what_serves_the_demo_does_not_serve_the_developer(checkout: Checkout) -> None:
    checkout.install("demo")

    assert checkout.install("dev") == "installing locks/dev.txt into .venv\n"


@pytest.mark.parametrize(
    "gone", ["bin/python", "installed.txt", "lib/python*/site-packages/core-1.0.dist-info"]
)
def test_a_broken_environment_is_made_again(checkout: Checkout, gone: str) -> None:
    checkout.install()
    (part,) = (checkout.folder / ".venv").glob(gone)
    shutil.move(part, checkout.folder / "elsewhere")

    repair = checkout.install()

    assert repair.startswith("making .venv\n")
    assert checkout.value_of("core") == "1.0"
    assert checkout.install() == ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_install_is_repaired_by_the_next(checkout: Checkout, number: signal.Signals) -> None:
    checkout.put_uv(f'[ "$1" = pip ] && touch half && exec sleep 5\nexec {UV} "$@"')
    interrupted = checkout.start()
    eventually((checkout.folder / "half").exists)

    interrupted.send(number)
    interrupted.exit_code()
    if number != signal.SIGKILL:  # which leaves it no time to stop uv
        assert interrupted.is_gone()
    checkout.put_uv(f'exec {UV} --offline --no-config "$@"')

    assert checkout.install().startswith("making .venv\n")
    assert checkout.value_of("core") == "1.0"


def test_an_interrupted_change_is_repaired_by_the_next(checkout: Checkout) -> None:
    checkout.install()
    checkout.lock("demo", wheel(checkout.folder, "core", "2.0.1"))
    checkout.put_uv("touch half && exec sleep 5")
    interrupted = checkout.start()
    eventually((checkout.folder / "half").exists)

    interrupted.send(signal.SIGTERM)
    interrupted.exit_code()
    checkout.put_uv(f'exec {UV} --offline --no-config "$@"')

    # From nothing: a half-replaced environment looks like a complete one.
    assert checkout.install().startswith("making .venv\n")
    assert checkout.value_of("core") == "2.0.1"


def test_a_package_that_is_not_what_the_lock_says_is_refused(checkout: Checkout) -> None:
    lock = checkout.folder / "locks/demo.txt"
    right = lock.read_text()
    lock.write_text(right[:-5] + "0000\n")

    refusal = checkout.install(exit_code=1)
    lock.write_text(right)

    assert refusal.endswith("Installing failed; the lines above say why. The next run starts over.\n")
    checkout.install()
    assert checkout.value_of("core") == "1.0"


def test_two_at_once_install_once(checkout: Checkout) -> None:
    both = [checkout.start(), checkout.start()]

    codes = [installer.exit_code(60) for installer in both]

    assert codes == [0, 0]
    assert sorted(installer.out.count("making .venv") for installer in both) == [0, 1]


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_without_venv_the_missing_package_is_named(checkout: Checkout, start: Start, missing: str) -> None:
    code = ELSEWHERE.format(change=f"sys.modules[{missing!r}] = None", file=INSTALL)

    installer = start(sys.executable, "-c", code, PATH="/nowhere")

    assert installer.exit_code() == 1
    assert installer.err.startswith(
        "Python cannot make virtual environments here: install the Debian package python3-venv"
    )
    assert installer.err.count("\n") == 1
    assert not (checkout.folder / ".venv").exists()


@pytest.mark.usefixtures("checkout")
def test_too_old_a_python_is_one_sentence(start: Start) -> None:
    code = ELSEWHERE.format(change="sys.version_info = (3, 10, 4)", file=INSTALL)

    installer = start(sys.executable, "-c", code)

    assert installer.exit_code() == 1
    assert (
        installer.err
        == "Donebit needs Python 3.11 or newer, and this is 3.10.4: use `make PYTHON=...` with another.\n"
    )


def test_too_old_a_python_can_read_as_far_as_that() -> None:
    ast.parse((REPOSITORY / INSTALL).read_text(), feature_version=(3, 7))


def pins(lock: Path) -> set[str]:
    return {line.split()[0] for line in lock.read_text().splitlines() if "==" in line.split(" ")[0]}
