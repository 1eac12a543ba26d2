"""`query`, against real services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from donebit.command_line.sets import marked
from donebit.utf8 import one_line
from tests.command_line.command import Donebit
from tests.web.real import RealServices


@pytest.fixture
def staff(services: RealServices, name: str) -> str:
    """A flag of 2, and visits of 1, 2, 3, 4 and 5 today."""
    answer = services.ask("distinct", "POST", f"/events/{name}", {"users": [1, 2, 3, 4, 5]})
    assert answer.status == 200, answer
    services.ask("distinct", "PUT", f"/flags/{name}/users/2")
    return name


def held(services: RealServices, flag: str) -> list[int]:
    users: list[int] = services.ask("distinct", "GET", f"/flags/{flag}/users").json["users"]
    return users


def test_the_users_of_a_set_are_counted(donebit: Donebit, staff: str) -> None:
    counted = donebit("query", f"{staff}@today  -  flag:{staff}")

    assert (counted.code, counted.err) == (0, "")
    assert counted.out == f"4 distinct users of {staff}@today - flag:{staff}\n"


def test_an_expression_may_be_several_words(donebit: Donebit, staff: str) -> None:
    counted = donebit("query", staff, "and", "not", f"flag:{staff}", "-", "nobody")

    assert counted.out == f"4 distinct users of {staff} & (!flag:{staff} - nobody)\n"


def test_json_is_what_the_service_answers(donebit: Donebit, services: RealServices, staff: str) -> None:
    text = f"{staff} & flag:{staff}"

    counted, listed = donebit("query", text, "--json"), donebit("query", text, "--members", "--json")

    assert counted.json == services.ask("distinct", "POST", "/query", {"text": text}).json
    assert counted.json["count"] == 1
    assert listed.json == services.ask("distinct", "POST", "/query/members", {"text": text}).json
    assert listed.json["users"] == [2]


def test_unknown_names_are_noted_beside_the_answer(donebit: Donebit, name: str) -> None:
    for options in ((), ("--members",), ("--save", name)):
        asked = donebit("query", name, *options)

        assert (asked.code, asked.err) == (0, "none of these events and flags exists\n")
    assert donebit("query", name).out == f"0 distinct users of {name}\n"
    assert donebit("query", name, "--members").out == ""


def test_members_are_listed_a_user_a_line_a_page_at_a_time(donebit: Donebit, staff: str) -> None:
    first = donebit("query", staff, "--members", "--limit", 3)
    second = donebit("query", staff, "--members", "--limit", 3, "--after", first.err.split()[-1])

    assert (first.out, first.err) == ("1\n2\n3\n", "more users: --after 3\n")
    assert (second.out, second.err) == ("4\n5\n", "")


def test_all_members_are_listed_in_as_many_pages_as_it_takes(donebit: Donebit, staff: str) -> None:
    asked = ("query", staff, "--members", "--all", "--limit", 2)

    listed, from_two = donebit(*asked), donebit(*asked, "--after", 2)

    assert (listed.out, listed.err) == ("1\n2\n3\n4\n5\n", "")
    assert from_two.out == "3\n4\n5\n"
    assert [page["users"] for page in donebit(*asked, "--json").lines] == [[1, 2], [3, 4], [5]]


def test_a_member_whose_name_a_terminal_would_obey_is_one_harmless_line(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    users = ["ada", "bad\n\x1b[31mname"]
    assert services.ask("distinct", "POST", f"/events/{name}", {"users": users}).status == 200

    listed = donebit("query", name, "--members")

    assert listed.out == "ada\nbad\\n\\x1b[31mname\n"
    assert donebit("query", name, "--members", "--json").json["users"] == users


@pytest.mark.parametrize(
    "options",
    [
        ("--limit", "3"),
        ("--after", "0"),
        ("--all",),
        ("--members", "--save", "some"),
        ("--members", "--limit", "0"),
        ("--members", "--limit", "10001"),
    ],
)
def test_options_that_say_nothing_together_are_misused(
    donebit: Donebit, name: str, options: tuple[str, ...]
) -> None:
    refused = donebit("query", name, *options)

    assert (refused.code, refused.out) == (2, "")
    assert "rror: " in refused.err


def test_a_set_is_saved_as_a_flag(donebit: Donebit, services: RealServices, staff: str) -> None:
    flag = f"{staff}-others"

    saved = donebit("query", f"{staff} - flag:{staff}", "--save", flag)

    assert saved.out == f"flag {flag} is 4 distinct users of {staff} - flag:{staff}\n"
    assert held(services, flag) == [1, 3, 4, 5]
    assert donebit("query", f"flag:{flag}", "--save", flag, "--json").json["count"] == 4


def test_replacing_the_users_of_a_flag_asks_first_at_a_terminal(
    donebit: Donebit, services: RealServices, staff: str
) -> None:
    ask = ("query", f"{staff} - flag:{staff}", "--save", staff)

    no = donebit.at_terminal(*ask)
    no.wait_for(f"Flag {staff} has 1 user. Replace them? [y/N]")
    no.type("n\n")

    assert no.exit_code() == 0
    assert held(services, staff) == [2]
    assert donebit.at_terminal(*ask, "--yes").exit_code() == 0
    assert held(services, staff) == [1, 3, 4, 5]


def test_a_flag_that_nobody_has_is_saved_without_asking(
    donebit: Donebit, services: RealServices, staff: str
) -> None:
    asked = donebit.at_terminal("query", staff, "--save", f"{staff}-all")

    assert asked.exit_code() == 0
    assert "[y/N]" not in asked.seen
    assert held(services, f"{staff}-all") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("expression", "why", "shown"),
    [
        ("a & & b", "an event, flag:<name>, ! or ( must stand here", ["  a & & b", "      ^"]),
        ("a & (b | c", "must be closed here", ["  a & (b | c", "            ^"]),
        ("a@monday", "'monday' is no period", ["  a@monday", "    ^"]),
        ("", "not the end", ["  ", "  ^"]),
        ("a &\nb@20", "'20' is no period", ["  b@20", "    ^"]),
        ("a\t&\x1b[1m b", "is no name", [r"  a\t&\x1b[1m b", "      ^"]),
        ("日本 & b", "is no name", ["  日本 & b", "  ^"]),
        ("a & 日本", "is no name", ["  a & 日本", "      ^"]),
        ("a@1999-01-01", "no longer kept", ["  a@1999-01-01", "  ^"]),
    ],
)
def test_a_mistake_in_an_expression_is_marked_at_its_position(
    donebit: Donebit, expression: str, why: str, shown: list[str]
) -> None:
    refused = donebit("query", expression)

    assert (refused.code, refused.out) == (3, "")
    assert refused.err.startswith("error: text, character ")
    assert why in refused.err
    assert refused.err.splitlines()[-2:] == shown


@pytest.mark.parametrize("options", [("--members",), ("--save", "some"), ("--json",)])
def test_a_mistake_is_marked_whatever_was_asked_for(donebit: Donebit, options: tuple[str, ...]) -> None:
    refused = donebit("query", "a b", *options)

    assert refused.code == 3
    assert refused.err.endswith("  a b\n    ^\n")


def test_a_refusal_that_is_about_no_place_is_the_sentence_alone(donebit: Donebit, staff: str) -> None:
    refused = donebit("query", staff, "--save", "no name")

    assert refused.code == 3
    assert "flag" in refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("width", [20, 60, 81])
@pytest.mark.parametrize("character", [1, 8, 9, 41, 42, 100, 397, 399])
def test_of_a_long_line_it_is_the_part_around_the_mistake(character: int, width: int) -> None:
    expression = " | ".join(f"e{number}" for number in range(10, 90))

    shown, mark = marked(expression, character, width).split("\n")

    assert shown.strip() in expression
    assert shown[len(mark) - 1] == expression[character - 1]
    assert width - 4 <= len(shown) <= width - 2
    assert len(mark) < width


@given(st.data())
def test_the_mark_stands_below_its_character_within_the_width(data: st.DataObject) -> None:
    expression = data.draw(st.text("ab &@\n", min_size=1, max_size=300))
    character = data.draw(st.integers(1, len(expression)))
    width = data.draw(st.integers(20, 200))

    shown, mark = marked(expression, character, width).split("\n")

    assert mark.strip() == "^"
    assert (shown + " ")[len(mark) - 1] == expression[character - 1].replace("\n", " ")
    assert shown.strip() in one_line(expression, "\n")
    assert max(cell_len(shown), len(mark)) <= width


def test_users_of_any_script_are_listed_as_they_are(donebit: Donebit, name: str) -> None:
    users = [
        "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}",
        "\N{CJK UNIFIED IDEOGRAPH-5C71}\N{IDEOGRAPHIC SPACE}\N{CJK UNIFIED IDEOGRAPH-592A}",
    ]
    donebit("visit", name, *users, PYTHONUTF8="1")

    assert donebit("query", name, "--members", PYTHONUTF8="1").out.splitlines() == users
    assert donebit("query", name, "--members", "--json", PYTHONIOENCODING="ascii").json["users"] == users
