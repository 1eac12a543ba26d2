"""`logs`: each line once, in a pipe and at a terminal, over streams that break off after every line."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from donebit.addresses import LOOPBACK
from tests.command_line.command import IN_TIME, Donebit, nowhere
from tests.started import eventually


def line(number: int, text: str = "", level: str = "info") -> dict[str, object]:
    """A log line as done_app answers it."""
    return {
        "id": f"{number}-0",
        "at": "2026-11-21T03:04:05.678Z",
        "level": level,
        "worker": "box:17",
        "pid": 42,
        "task_id": "nightly",
        "text": text or f"line {number}",
    }


@dataclass
class Log:
    """Stands where done_app does, to cut its streams when no real one would: after every line."""

    lines: list[dict[str, object]]
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def after(self, query: dict[str, str]) -> list[dict[str, object]]:
        first = int(query["after"].split("-")[0]) if "after" in query else 0
        return [one for one in self.lines if int(str(one["id"]).split("-")[0]) > first]


def handler_on(log: Log) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            events = self.headers["Accept"] == "text/event-stream"
            log.asked.append({**query, "as": "events" if events else "json"})
            found = log.after(query)
            if events:
                body = b"retry: 1000\n\n: still here\n\n" + b"".join(
                    b"data: " + json.dumps(one).encode() + b"\n\n" for one in found[:1]
                )
            else:
                last = found[-int(query["limit"]) :]
                body = json.dumps({"lines": last, "next": last[-1]["id"] if last else "0-0"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    return Handler


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log([line(1), line(2), line(3, "ValueError: \x1b[2Jno such picture\n  in it", "error")])
    with ThreadingHTTPServer((LOOPBACK, 0), handler_on(made)) as server:
        made.url = f"http://{LOOPBACK}:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        server.shutdown()


@pytest.fixture
def donebit(log: Log, tmp_path: Path) -> Iterator[Donebit]:
    made = Donebit(nowhere(), tmp_path)
    made.environment["DONE_URL"] = log.url
    yield made
    made.end()


def test_the_last_lines_say_who_said_them_and_when(donebit: Donebit, log: Log) -> None:
    shown = donebit("logs", "-n", 2, "--task", "nightly", PYTHONIOENCODING="utf-8")

    said = "2026-11-21T03:04:05.678Z box:17/42 | "
    assert shown.code == 0
    assert shown.out == f"{said}line 2\n{said}ValueError: \\x1b[2Jno such picture\\n  in it\n"
    assert log.asked == [{"limit": "2", "task": "nightly", "as": "json"}]


def test_a_step_is_asked_for_at_first_and_as_its_lines_come(donebit: Donebit, log: Log) -> None:
    following = donebit.start("logs", "-f", "--task", "nightly", "--step", "3")
    eventually(lambda: len(log.asked) >= 2, IN_TIME)

    following.send_signal(signal.SIGINT)
    following.communicate(timeout=IN_TIME)

    assert [(one["task"], one["step"]) for one in log.asked[:2]] == [("nightly", "3")] * 2


def test_json_lines_are_those_of_the_service(donebit: Donebit, log: Log) -> None:
    assert donebit("logs", "--json").lines == log.lines


def test_lines_of_a_level_are_that_bad_or_worse(donebit: Donebit, log: Log) -> None:
    log.lines += [line(4, level="warning"), line(5), line(6, level="critical")]

    def ids(*options: str) -> list[str]:
        return [one["id"] for one in donebit("logs", *options, "--json").lines]

    assert ids("--level", "warning") == ["3-0", "4-0", "6-0"]
    assert ids("--level", "error", "-n", "1") == ["6-0"]
    assert log.asked[-1]["limit"] == "1000"
    assert ids("--level", "debug") == [str(one["id"]) for one in log.lines]


def test_followed_each_line_is_shown_once_however_often_the_stream_is_lost(
    donebit: Donebit, log: Log
) -> None:
    following = donebit.start("logs", "-f", "--json")
    eventually(lambda: len(log.asked) >= 2, IN_TIME)
    log.lines += [line(4), line(5)]  # the stream ends after each
    eventually(lambda: log.asked[-1].get("after") == "5-0", IN_TIME)

    following.send_signal(signal.SIGINT)
    out, err = following.communicate(timeout=IN_TIME)

    assert following.returncode == 130
    assert [json.loads(text)["id"] for text in out.splitlines()] == ["1-0", "2-0", "3-0", "4-0", "5-0"]
    assert b"connection lost, retrying: done_app ended the stream" in err
    assert b"Traceback" not in err


def test_errors_stand_out_at_a_terminal(donebit: Donebit) -> None:
    shown = donebit.at_terminal("logs")

    assert shown.exit_code() == 0
    assert "\x1b[31mValueError" in shown.raw
    assert "\x1b[2J" not in shown.raw
