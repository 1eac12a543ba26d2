"""The sites of docs/web-frameworks.md, each served as the page says, before a real stack."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from donebit.demo.ports import free_server_port
from tests.docs.examples import blocks
from tests.docs.pages import write_files
from tests.receiver import SECRET
from tests.stack import Stack
from tests.started import REPOSITORY, Started, eventually

PAGE = REPOSITORY / "docs/web-frameworks.md"
LINES = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("python -m granian")]


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
