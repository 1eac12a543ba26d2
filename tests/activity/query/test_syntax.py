"""Expressions as text and as JSON: what is read, what is written again, and what is refused where."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from donebit.activity.query import as_json, text
from donebit.activity.query.tree import (
    DEEPEST,
    MOST_LEAVES,
    Combination,
    EventUsers,
    Expression,
    FlagUsers,
    Not,
    leaves_of,
)
from donebit.activity.sets.algebra import Operation
from donebit.errors import InvalidInput
from donebit.names import is_name

AND, OR, XOR, MINUS = Operation.AND, Operation.OR, Operation.XOR, Operation.MINUS
A, B, C, D = (EventUsers(name) for name in "abcd")
NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,12}", fullmatch=True).filter(is_name) | st.sampled_from(
    ["and", "OR", "not", "xor", "minus", "-", "--", "-a", "a-b", "7d", "all", "...", "event", "flag"]
)
WHENS = st.sampled_from(
    [
        *("all", "today", "yesterday", "7d", "400d", "2026-11-21", "2026-11-21T03", "2026-W47", "2026-11"),
        *("2026-11-01..2026-11-15", "2026-11-01..", "2026-11-01T03..2026-11-02T04"),
    ]
)
LEAVES: st.SearchStrategy[Expression] = st.builds(EventUsers, NAMES, WHENS) | st.builds(FlagUsers, NAMES)


def larger(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    many = st.lists(parts, min_size=2, max_size=4).map(tuple)
    return st.builds(Combination, st.sampled_from(Operation), many) | st.builds(Not, parts)


EXPRESSIONS = st.recursive(LEAVES, larger, max_leaves=12)


@settings(deadline=None)
@given(EXPRESSIONS)
def test_what_is_written_is_read_as_the_same_expression_again(expression: Expression) -> None:
    assert text.parse(text.render(expression)) == expression
    assert as_json.parse(json.loads(json.dumps(as_json.render(expression)))) == expression


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("a", A),
        (" a\t", A),
        ("a@all", A),
        ("a@2026-11-21", EventUsers("a", "2026-11-21")),
        ("a&b|c", Combination(OR, (Combination(AND, (A, B)), C))),
        ("a | b - c", Combination(OR, (A, Combination(MINUS, (B, C))))),
        ("a & b - c", Combination(AND, (A, Combination(MINUS, (B, C))))),
        ("a ^ b & c | d", Combination(OR, (Combination(XOR, (A, Combination(AND, (B, C)))), D))),
        ("a - b - c", Combination(MINUS, (A, B, C))),
        ("a - (b - c)", Combination(MINUS, (A, Combination(MINUS, (B, C))))),
        ("!a & b", Combination(AND, (Not(A), B))),
        ("!(a & b)", Not(Combination(AND, (A, B)))),
        ("not a AND b Or c xor d MINUS a", text.parse("!a & b | c ^ d - a")),
        ("((a))", A),
        ("a-b", EventUsers("a-b")),
        ("and@today", EventUsers("and", "today")),
        ("event:and", EventUsers("and")),
        ("event:- - flag:-", Combination(MINUS, (EventUsers("-"), FlagUsers("-")))),
        ("flag", EventUsers("flag")),
        ("flag:a|flag:b", Combination(OR, (FlagUsers("a"), FlagUsers("b")))),
    ],
)
def test_a_text_is_read_as(said: str, meant: Expression) -> None:
    assert text.parse(said) == meant


@pytest.mark.parametrize(
    ("said", "character", "why"),
    [
        ("", 1, "an event, flag:<name>, ! or ( must stand here, not the end: <here>"),
        ("a &", 4, "must stand here, not the end: a &<here>"),
        ("a & ) b", 5, "must stand here, not ')': a & <here>) b"),
        ("(a | b", 7, "the ( of character 1 must be closed here, not the end"),
        ("a)", 2, "no ( is open for this )"),
        ("a b", 3, "one of & | - ^ must stand here, not 'b': a <here>b"),
        ("a -b", 3, "not '-b'; a minus has spaces on both sides"),
        ("a@nonsense", 3, "'nonsense' is no period; it must be a day 2026-11-21, an hour"),
        ("a@", 3, "'' is no period"),
        ("a@0d", 3, "'0d' is no period"),
        ("flag:x@today", 7, "a flag has no periods, and so no @"),
        ("a | b~c", 5, "'b~c' is no name; it must be 1 to 100 of"),
        ("x" * 101, 1, "is no name"),
        ("other:x", 1, "'other:x' is no name"),
        ("a" * 10_001, 0, "10001 characters; at most 10000"),
        ("!" * (DEEPEST + 1) + "a", DEEPEST + 1, "nested more than 32 deep"),
        ("(" * (DEEPEST + 1) + "a", DEEPEST + 1, "nested more than 32 deep"),
        ("a|" * MOST_LEAVES + "a", 2 * MOST_LEAVES + 1, "more than 256 events and flags"),
    ],
)
def test_a_text_that_is_no_expression_is_refused_at_its_character(
    said: str, character: int, why: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        text.parse(said)

    assert why in refused.value.detail
    assert position_of(refused.value) == character
    assert refused.value.field == "text"


def position_of(refused: InvalidInput) -> int:
    found = re.match(r"text, character (\d+): ", refused.detail)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("deep", ["!" * DEEPEST + "a", "(" * DEEPEST + "a" + ")" * DEEPEST])
def test_an_expression_may_be_as_deep_as_the_limit_says(deep: str) -> None:
    assert list(leaves_of(text.parse(deep))) == [A]


def test_an_expression_may_be_as_wide_as_the_limit_says() -> None:
    assert len(list(leaves_of(text.parse("|".join(["a"] * MOST_LEAVES))))) == MOST_LEAVES


PIECES = ["a", "b-", "-", " ", "&", "|", "^", "!", "(", ")", "@", "@today", "@2026-W47", "..", "flag:", "and"]


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("\x00")
@example("\ud800")
@example("a@٢٠٢٦-11-21")
def test_any_text_is_an_expression_or_refused_at_a_character_of_it(said: str) -> None:
    try:
        read = text.parse(said)
    except InvalidInput as refused:
        assert 1 <= position_of(refused) <= len(said) + 1  # noqa: PT017 - both ends of the fuzzing are right
        return
    assert text.parse(text.render(read)) == read


def test_not_of_a_roster_is_the_roster_less_the_rest() -> None:
    assert as_json.parse({"not": {"event": "a"}, "of": {"flag": "r"}}) == text.parse("flag:r - a")


def test_one_part_alone_is_itself() -> None:
    assert as_json.parse({"and": [{"or": [{"event": "a"}]}]}) == A


NESTED: Any = {"event": "a"}
for _ in range(DEEPEST + 1):
    NESTED = {"not": NESTED}


@pytest.mark.parametrize(
    ("value", "field", "why"),
    [
        (5, "query", 'it must be an object with one of "event", "flag", "and"'),
        ([], "query", "it must be an object"),
        ({}, "query", "it must be an object"),
        ({"event": "a", "flag": "b"}, "query", "with one of"),
        ({"event": "a", "att": "today"}, "query", "'att' is unknown beside 'event'"),
        ({"flag": "a", "at": "today"}, "query", "'at' is unknown beside 'flag'"),
        ({"event": 7}, "query.event", "of type int is no name"),
        ({"event": "a b"}, "query.event", "'a b' is no name"),
        ({"event": "a", "at": "2026-13-45-1"}, "query.at", "'2026-13-45-1' is no period"),
        ({"event": "a", "at": "2026-11-01..2026-11-02"}, "query.at", "is no period"),
        ({"event": "a", "at": None}, "query.at", "of type NoneType is no period"),
        ({"event": "a", "to": "2026-11-02"}, "query.from", "to needs from"),
        ({"event": "a", "from": None}, "query.from", "of type NoneType; it must be a day 2026-11-21"),
        ({"event": "a", "from": "2026-11", "to": "2026-11-02"}, "query.from", "'2026-11'; it must be a day"),
        (
            {"event": "a", "from": "2026-11-01", "at": "today"},
            "query.at",
            "from/to cannot be combined with at",
        ),
        ({"and": []}, "query.and", "a list of 1 to 256"),
        ({"or": {"event": "a"}}, "query.or", "a list of 1 to 256"),
        ({"or": [{"event": "a"}, {"minus": [{"flag": 1}]}]}, "query.or.1.minus.0.flag", "is no name"),
        ({"not": {"event": "a"}, "of": 1}, "query.of", "it must be an object"),
        ({"or": [{"or": [{"event": "a"}] * 200}] * 2}, "query.or.1.or.56", "more than 256 events and flags"),
        (NESTED, "query" + ".not" * (DEEPEST + 1), "nested more than 32 deep"),
    ],
)
def test_a_value_that_is_no_expression_is_refused_where_it_is_wrong(
    value: object, field: str, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        as_json.parse(value)

    assert refused.value.field == field
    assert refused.value.detail.startswith(f"{field}: ")
