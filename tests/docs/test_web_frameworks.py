"""The sites of docs/web-frameworks.md, each served as the page says, before a real stack."""

from __future__ import annotations

import ast
import shlex
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import urllib3
from packaging.requirements import Requirement

from donebit.demo.ports import free_server_port
from tests.docs.examples import blocks, files
from tests.docs.pages import write_files
from tests.receiver import SECRET
from tests.stack import Stack
from tests.started import REPOSITORY, Started, eventually

PAGE = REPOSITORY / "docs/web-frameworks.md"
LINES = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("python -m granian")]
INSTALLS = [line for line in LINES if line.startswith("pip install")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sites")
    write_files(PAGE, made)
    return made


@pytest.fixture(scope="module")
def site_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), JOBS="word_counts")
    try:
        for program in stack.programs():  # each runs in a folder of its own
            write_files(PAGE, stack.folder(program.name))
        stack.start()
        yield stack
    finally:
        stack.close()


def test_the_page_has_three_sites() -> None:
    assert [line.split()[-1].split(":")[0] for line in COMMANDS] == [
        "flask_site",
        "django_site",
        "fastapi_site",
    ]


def installed(wanted: Iterable[str]) -> set[str]:
    """The packages that pip installs for these requirements."""
    found, asked = set(), [Requirement(one) for one in wanted]
    while asked:
        one = asked.pop()
        if (named := (one.name, *sorted(one.extras))) in found:
            continue
        found.add(named)
        needs = map(Requirement, requires(one.name) or ())
        asked += [need for need in needs if is_needed(need, one.extras or {""})]
    return {name.lower() for name, *_ in found}


def is_needed(need: Requirement, extras: Iterable[str]) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)


def imported(source: str) -> set[str]:
    """The packages that a file imports."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [getattr(node, "module", None) or node.names[0].name for node in found]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("install", "command"),
    list(zip(INSTALLS, COMMANDS, strict=True)),
    ids=["Flask", "Django", "FastAPI"],
)
def test_what_a_site_needs_is_installed_by_its_first_line(install: str, command: str) -> None:
    words = command.split()
    server, site = words[2], words[-1]
    brought = installed(shlex.split(install)[2:])

    needed = imported(files(PAGE)[f"{site.partition(':')[0]}.py"]) | {server}

    of_modules = {**packages_distributions(), "donebit": ["donebit"]}  # here it is a folder
    assert {name for name in needed if not brought & {one.lower() for one in of_modules[name]}} == set()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda line: line.split()[-1].split(":")[0])
def test_a_site_counts_the_words_and_is_told_of_the_end(
    site_stack: Stack, folder: Path, command: str
) -> None:
    port = str(free_server_port())
    _, *arguments = command.replace("8000", port).split()
    site = Started(
        (sys.executable, *arguments),
        folder,
        WEBHOOK_SECRET=SECRET,
        TRIGGER_URL=site_stack.trigger,
        DONE_URL=site_stack.done,
        API_TOKEN="",
    )
    http, address = urllib3.PoolManager(retries=False), f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(http, address), 30, what="the site does not answer")
        lines = "\n".join(["one two three", "four", "", "five six"])
        started = http.request("POST", f"{address}/start", fields={"lines": lines}, encode_multipart=False)
        assert started.status in {302, 303}, started.data + site.err.encode()
        page = started.headers["Location"]
        eventually(
            lambda: b"<p>6 words</p>" in http.request("GET", address + page).data,
            30,
            what="the end was not told",
        )
        forged = http.request("POST", f"{address}/hooks/donebit", body=b'{"data": {"task_id": "x"}}')
    finally:
        site.end()

    assert forged.status >= 400


def answers(http: urllib3.PoolManager, address: str) -> bool:
    try:
        return http.request("GET", address).status == 200
    except urllib3.exceptions.HTTPError:
        return False
