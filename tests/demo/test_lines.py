"""Colour is for people at a terminal who did not decline it."""

from __future__ import annotations

import io

import pytest

from donebit.demo.lines import Lines, is_coloured


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_needs_a_terminal_and_no_objection(
    out: io.StringIO, environment: dict[str, str], coloured: bool
) -> None:
    assert is_coloured(out, environment) is coloured


def test_each_name_has_its_colour_and_the_line_itself_none() -> None:
    out = Terminal()
    lines = Lines(out, ("redis", "done"), coloured=True)

    lines.show("redis", "hello")
    lines.show("done", "hello")

    first, second = out.getvalue().splitlines()
    assert first.startswith("\x1b[36m")
    assert second.startswith("\x1b[33m")
    assert first.endswith("redis |\x1b[0m hello")
    assert second.endswith("done  |\x1b[0m hello")


def test_what_a_terminal_would_obey_is_shown_and_forges_no_prefix() -> None:
    out = Terminal()

    Lines(out, ("worker",), coloured=False).show("worker", "a\tb\r12:00:00 redis  | forged\x1b[2J")

    assert out.getvalue().endswith("worker | a\tb\\r12:00:00 redis  | forged\\x1b[2J\n")


def test_a_plain_line_has_nothing_before_it() -> None:
    out = Terminal()

    Lines(out, ("redis",), coloured=True).plain("ready: http://127.0.0.1:8098/")

    assert out.getvalue() == "ready: http://127.0.0.1:8098/\n"


@pytest.mark.parametrize(
    ("objects_bare", "line", "bare"),
    [(True, '{"level": "info"}', True), (True, "as it is", False), (False, '{"level": "info"}', False)],
)
def test_a_json_object_stands_bare_where_that_was_asked_for(
    *, objects_bare: bool, line: str, bare: bool
) -> None:
    out = Terminal()

    Lines(out, ("done",), coloured=False, objects_bare=objects_bare).show("done", line)

    assert out.getvalue().endswith(f"{line}\n")
    assert (out.getvalue() == f"{line}\n") is bare
