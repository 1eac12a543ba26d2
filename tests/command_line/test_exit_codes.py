"""How a command ends where something is missing: a sentence, an exit code, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from donebit.command_line.commands import donebit as group
from donebit.command_line.exit_codes import MEANINGS
from tests.command_line.command import ANSI, IN_TIME, Donebit, nowhere
from tests.servers import running, valkey_binary
from tests.started import REPOSITORY
from tests.web.real import running_services

TOKEN = "a-token-that-nobody-guesses"
EACH: dict[str, list[tuple[str, ...]]] = {
    "trigger_app": [
        ("trigger", "1"),
        ("tokens", "list"),
        ("audit",),
        ("rerun", "some"),
        ("jobs",),
        ("history",),
        ("schedules", "list"),
        ("expectations", "list"),
        ("trigger", "--job", "a", "--lines", "visits.csv"),
    ],
    "done_app": [
        ("watch", "some"),
        ("tasks",),
        ("show", "some"),
        ("resume", "some"),
        ("pause", "some"),
        ("cancel", "some"),
        ("extend", "some", "9"),
        ("close", "some"),
        ("delete", "some"),
        ("logs",),
        ("pause", "some"),
        ("act", "pause", "--label", "some"),
        ("report", "some", "0"),
        ("fail", "some", "0"),
        ("why", "some"),
        ("errors", "some"),
        ("results", "some"),
        ("retry", "some", "0"),
        ("workers",),
    ],
    "distinct_app": [
        ("visit", "some", "7"),
        ("count", "some"),
        ("query", "some"),
        ("retention", "some"),
        ("load", "visits.csv", "--event", "some"),
    ],
}
CALLS = [(service, call) for service, calls in EACH.items() for call in calls]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Donebit]:
    """The command where no service is."""
    (tmp_path / "visits.csv").write_text("user,at\n7,2026-11-20\n")
    made = Donebit(nowhere(), tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize(("service", "call"), CALLS, ids=[call[0] for _, call in CALLS])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_service_that_is_not_there_is_one_sentence_and_exit_code_4(
    alone: Donebit, service: str, call: tuple[str, ...], form: tuple[str, ...]
) -> None:
    ended = alone(*call, *form)

    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith(f"error: {service} cannot be reached at http://127.0.0.1:")
    assert ended.err.count("\n") == 1


def test_every_command_is_among_those() -> None:
    # Three ask no service, the others are tested by themselves.
    others = {"migrate", "backup", "restore", "take-back", "health"}
    assert set(group.commands) - others == {call[0] for _, call in CALLS}


def test_a_service_whose_redis_is_away_is_exit_code_4_too(tmp_path: Path) -> None:
    with (
        running(valkey_binary(), tmp_path) as server,
        running_services(tmp_path, server.url, API_TOKEN="") as services,
    ):
        donebit = Donebit(services.ports, tmp_path)
        assert donebit("tasks").code == 0

        server.end()
        away = donebit("tasks")

    assert (away.code, away.out) == (4, "")
    assert "done_app at http://127.0.0.1:" in away.err
    assert "answered 503: " in away.err


def test_the_token_comes_from_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    with (
        running(valkey_binary(), tmp_path) as server,
        running_services(tmp_path, server.url, API_TOKEN=TOKEN) as services,
    ):
        donebit = Donebit(services.ports, tmp_path)

        without, wrong = donebit("tasks"), donebit("tasks", API_TOKEN=f"not-{TOKEN}")
        right = [
            donebit(*call, API_TOKEN=TOKEN) for call in (("tasks",), ("trigger", 1), ("visit", "some", 7))
        ]

    assert (without.code, wrong.code) == (3, 3)
    assert without.err == "error: done_app requires a token: set API_TOKEN in the environment\n"
    assert wrong.err == "error: done_app does not take the token in API_TOKEN: it is wrong or revoked\n"
    assert [ended.code for ended in right] == [0, 0, 0]
    assert not any(TOKEN in ended.out + ended.err for ended in (wrong, *right))


def test_services_elsewhere_are_found_by_their_addresses(
    services_alone: dict[str, str], alone: Donebit
) -> None:
    assert alone("tasks", **services_alone).code == 0
    assert alone("trigger", 1, **services_alone).code == 0
    assert alone("count", "some", **services_alone).code == 0


@pytest.fixture
def services_alone(donebit: Donebit) -> dict[str, str]:
    """The addresses of services, and no ports."""
    ports = {name: donebit.environment[f"{name}_PORT"] for name in ("TRIGGER", "DONE", "DISTINCT")}
    return {f"{name}_URL": f"http://localhost:{port}/" for name, port in ports.items()}


@pytest.mark.parametrize(
    ("variable", "value"), [("DONE_PORT", "eighty"), ("DONE_PORT", "70000"), ("DISTINCT_PORT", "-1")]
)
def test_a_wrong_setting_is_named(alone: Donebit, variable: str, value: str) -> None:
    ended = alone("tasks", **{variable: value})

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: settings: {variable}: ")


def test_settings_that_only_a_worker_needs_may_be_wrong(alone: Donebit) -> None:
    assert alone("tasks", WEBHOOK_HOSTS="hooks.example.org", MAX_STEPS="none").code == 4


@pytest.mark.parametrize(
    "address", ["http://", "nonsense", "http://[", "http://127.0.0.1:99999", "http://127.0.0.1:1/?of=a"]
)
def test_an_address_that_is_no_url_is_refused(alone: Donebit, address: str) -> None:
    ended = alone("tasks", DONE_URL=address)

    assert ended.code == 2
    assert ended.err.startswith(f"error: DONE_URL is {address!r}; ")
    assert ended.err.count("\n") == 1


def test_a_wrong_address_of_another_service_is_refused_first(donebit: Donebit, name: str) -> None:
    """`--watch` asks done_app of the task that trigger_app has started."""
    ended = donebit("trigger", 1, "--task-id", name, "--watch", DONE_URL="ftp://some")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: DONE_URL is 'ftp://some'; ")
    assert donebit("show", name).code == 3


def test_a_service_without_tls_at_an_https_address_is_said_to_be_so(donebit: Donebit) -> None:
    ended = donebit("tasks", DONE_URL=f"https://127.0.0.1:{donebit.environment['DONE_PORT']}")

    assert ended.code == 4
    assert "failed the TLS handshake" in ended.err
    assert ended.err.count("\n") == 1


class Page(BaseHTTPRequestHandler):
    """A server that answers every address with a page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is its own."""


def test_another_server_at_the_address_is_recognised(alone: Donebit) -> None:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.handle_request, daemon=True).start()
        ended = alone("tasks", DONE_URL=f"http://127.0.0.1:{server.server_port}")

    assert ended.code == 4
    assert "is not done_app: it sent text/html" in ended.err


@pytest.mark.parametrize(
    "wrong",
    [("task",), ("trigger",), ("trigger", "many"), ("tasks", "--limit", "0"), ("load", "not-there.csv")],
)
def test_a_wrong_command_line_is_exit_code_2(alone: Donebit, wrong: tuple[str, ...]) -> None:
    ended = alone(*wrong)

    assert (ended.code, ended.out) == (2, "")
    assert "Error: " in ended.err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("trigger", "1", "--param", "x=1", "--param", "x=2"), "--param x= is given 2 times"),
        (("trigger", "1", "--param", 'x={"a": 1, "a": 2}'), "a is given twice in one object"),
        (("visit", "some", "9" * 5000), "has 5000 digits"),
    ],
)
def test_what_would_be_dropped_or_misread_is_refused(
    alone: Donebit, wrong: tuple[str, ...], said: str
) -> None:
    ended = alone(*wrong)

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_parameter_that_is_nested_too_deeply_leaves_no_traceback(donebit: Donebit) -> None:
    deep = "[" * 20_000

    started = donebit("trigger", "1", "--param", f"x={deep}", "--json")

    assert started.code == 3
    assert "Traceback" not in started.err


@pytest.mark.parametrize(
    "wrong",
    [
        ("visit", "a\udcff", "7"),
        ("visit", "some", "b\udcff"),
        ("tasks", "--label", "\udcff"),
        ("query", "\udcff"),
    ],
)
def test_arguments_that_are_not_utf8_are_refused(alone: Donebit, wrong: tuple[str, ...]) -> None:
    ended = alone(*wrong)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: an argument is not UTF-8: it has the bytes ff\n"


@pytest.mark.parametrize("name", ["", ".", "..", "/", "some/items"])
@pytest.mark.parametrize("command", ["show", "watch", "count", "cancel", "retention"])
def test_a_name_that_is_another_path_is_refused(alone: Donebit, command: str, name: str) -> None:
    ended = alone(command, name)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {name!r} is not a name: ")


def test_help_lists_commands_exit_codes_and_variables(alone: Donebit) -> None:
    help_text = alone("--help")

    assert help_text.code == 0
    assert all(f"\n  {name} " in help_text.out for name in group.commands)
    assert all(meaning in help_text.out for meaning in MEANINGS.values())
    assert all(one in help_text.out for one in ("API_TOKEN", "HOST"))


def test_the_page_lists_the_same_exit_codes() -> None:
    page = (REPOSITORY / "docs/command-line.md").read_text()

    assert re.findall(r"^\| (\d+) \| (.+) \|$", page, re.M) == [
        (str(code.value), meaning) for code, meaning in MEANINGS.items()
    ]


@pytest.mark.parametrize("command", sorted(group.commands))
def test_the_help_of_each_command_has_examples_that_it_understands(alone: Donebit, command: str) -> None:
    help_text = alone(command, "--help", COLUMNS="60")

    assert help_text.code == 0
    assert f"\n  donebit {command} " in help_text.out.replace("    donebit", "  donebit")
    assert ("--json" in help_text.out) is (command != "migrate")  # which prints a table of counts alone
    assert "..." not in group.commands[command].get_short_help_str(80)


def test_a_closed_pipe_is_no_error_message(donebit: Donebit, name: str) -> None:
    for _ in range(3):
        donebit("trigger", 1, "--label", name)
    process = donebit.start("tasks", "--label", name, "--json")
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdout.close()  # long before anything can have been written

    assert process.wait(IN_TIME) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("command", ["watch", "trigger", "logs"])
def test_the_old_name_of_retry_for_is_refused_with_the_new_one(alone: Donebit, command: str) -> None:
    ended = alone(command, "1", "--patience", "5")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: --patience is now called --retry-for\n"


def test_the_host_of_the_services_comes_from_the_environment(donebit: Donebit, alone: Donebit) -> None:
    assert donebit("tasks", HOST="localhost").code == 0
    assert "at http://localhost:" in alone("tasks", HOST="localhost").err


@pytest.mark.parametrize("columns", [20, 40, 100])
def test_a_table_fits_its_terminal(donebit: Donebit, name: str, columns: int) -> None:
    donebit("trigger", 1_000_000, "--label", name, "--task-id", f"{name}-{'long' * 10}")

    table = donebit.at_terminal("tasks", "--label", name, columns=columns)

    assert table.exit_code() == 0
    assert max(map(len, table.seen.splitlines())) <= columns
    assert name[:3] in table.seen


def test_colours_are_for_terminals_that_want_them(donebit: Donebit, name: str) -> None:
    donebit("trigger", 1, "--label", name)
    asked = ("tasks", "--label", name)

    coloured, plain = donebit.at_terminal(*asked), donebit.at_terminal(*asked, NO_COLOR="1")
    assert (coloured.exit_code(), plain.exit_code()) == (0, 0)

    assert "\x1b[36m" in coloured.raw
    assert "\x1b[3" not in plain.raw
    assert not ANSI.search(donebit(*asked).out)


def test_ctrl_c_at_a_question_changes_nothing_and_is_exit_code_130(donebit: Donebit, name: str) -> None:
    donebit("trigger", 1, "--task-id", name)
    asked = donebit.at_terminal("delete", name)
    asked.wait_for("[y/N]")

    asked.interrupt()

    assert asked.exit_code() == 130
    assert "Traceback" not in asked.seen
    assert donebit("show", name).code == 0


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_a_time_to_retry_for_that_is_none_is_refused(alone: Donebit, seconds: str) -> None:
    ended = alone("watch", "1", f"--retry-for={seconds}")

    assert (ended.code, ended.out) == (2, "")
    assert seconds in ended.err
