"""Valid lines become visits; an invalid one is reported with the reason, whatever it holds."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from donebit import clock
from donebit.command_line.exit_codes import UsageError
from donebit.command_line.load.batch import LoadContext, PendingBatch
from donebit.command_line.load.reading import BadLine, Columns, CsvRows, NdjsonRows
from donebit.command_line.load.source import Source
from donebit.command_line.load.users import BadValue, KindOfUsers

COLUMNS = Columns(("user",), "at", "event", "some", None)
AT = clock.iso(clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2))


def csv_rows(content: bytes, delimiter: str = ",") -> CsvRows:
    rows = CsvRows(Source(io.BytesIO(content)), COLUMNS, delimiter)
    rows.lines.go_to(rows.first_offset, rows.first_number)
    return rows


def ndjson_rows(content: bytes) -> NdjsonRows:
    return NdjsonRows(Source(io.BytesIO(content)), COLUMNS)


def taken(rows: CsvRows | NdjsonRows, ids: str = "auto") -> tuple[list[int | str], list[str]]:
    """The users whose visits are taken, and what is said of the other rows."""
    batch, refused = PendingBatch(LoadContext(KindOfUsers(ids))), []
    for row in rows:
        try:
            if isinstance(row, BadLine):
                raise BadValue(row.detail)
            if row is not None:
                batch.add(row, 1)
        except BadValue as error:
            refused.append(str(error))
    return [user for group in batch for user in group.users], refused


BAD_CSV = [
    ("eight,{at}", "user is 'eight', not an integer; --ids texts reads all users as texts"),
    ("007,{at}", "user is '007', not an integer"),
    ("-1,{at}", "user is '-1', not an integer"),
    ("7.5,{at}", "user is '7.5', not an integer"),
    ("7 8,{at}", "user is '7 8', not an integer"),
    ("\u0664,{at}", "not an integer"),
    (",{at}", "user is '', not an integer"),
    ("4294967296,{at}", "not in 0 to 4294967295; --ids texts reads all users as texts"),
    ("9" * 5000 + ",{at}", "not in 0 to 4294967295; --ids texts reads all users as texts"),
    ("8,noon", "at is 'noon'; it must be a time such as"),
    ("8,", "at is ''; it must be a time such as"),
    ("8,2999-01-01", "at is '2999-01-01', which is more than 5 minutes ahead"),
    ("8,0001-01-01T00:00:00+05:00", "which is out of range in UTC"),
    ("8", "has 1 columns, but the first line has 2"),
    ("8,{at},9", "has 3 columns, but the first line has 2"),
    ("8\udcff,{at}", "not an integer"),
    ("76561198000000000,{at}", "user is '76561198000000000', not in 0 to 4294967295"),
    ("76561198000000000.0,{at}", "user is '76561198000000000.0', not in 0 to 4294967295"),
    ("x" * (3 << 20), "is longer than 1048576 bytes"),
    ("8," + "x" * (1 << 20), "is longer than 1048576 bytes"),  # it ends in the second block that is read
    (",".join("x" * (1 << 20)), "is longer than 1048576 bytes"),
    ('"7' + "x" * (3 << 20) + '"', "is longer than 1048576 bytes"),
    ("8,{at}\r10,{at}", "a carriage return stands outside of quotes"),
]
BAD_JSON = [
    ("{}", "has no 'user'"),
    ('{"user": 7}', "has no 'at'"),
    ('{"at": "{at}"}', "has no 'user'"),
    ("[]", "is not a JSON object"),
    ("7", "is not a JSON object"),
    ("{", "is not JSON"),
    ("[" * 100_000, "is not JSON"),
    ('{"user": 8, "at": "{at}", "user": 9}', "user is given twice in one object"),
    ('{"user": 8, "at": "{at}", "more": [{"a": 1, "a": 2}]}', "a is given twice in one object"),
    ("[" * (3 << 20), "is longer than 1048576 bytes"),
    ('{"user": 76561198000000000, "at": "{at}"}', "user is 76561198000000000, not in 0 to"),
    ('{"user": true, "at": "{at}"}', "user is True; it must be an integer"),
    ('{"user": 7.5, "at": "{at}"}', "user is 7.5; it must be an integer"),
    ('{"user": -1, "at": "{at}"}', "not in 0 to 4294967295; --ids texts reads all users as texts"),
    ('{"user": null, "at": "{at}"}', "user is None; it must be an integer"),
    ('{"user": 7, "at": 1732190400}', "at is 1732190400; it must be a time such as"),
]


@pytest.mark.parametrize(("line", "said"), BAD_CSV)
def test_an_invalid_csv_line_is_reported_and_its_neighbours_are_loaded(line: str, said: str) -> None:
    text = f"user,at\n7,{AT}\n{line}\n9,{AT}\n".replace("{at}", AT)

    users, (refused,) = taken(csv_rows(text.encode(errors="surrogateescape")))

    assert users == [7, 9]
    assert said in refused


def test_separators_at_the_end_of_a_csv_line_shift_nothing() -> None:
    users, refused = taken(csv_rows(f"user,at\n7,{AT},\n9,{AT},,\n".encode()))

    assert (users, refused) == ([7, 9], [])


def test_no_part_of_a_user_with_a_separator_is_taken_for_the_user() -> None:
    users, (refused,) = taken(csv_rows(f"at,user\n{AT},7\n{AT},1,234\n".encode()))

    assert users == [7]
    assert "has 3 columns, but the first line has 2" in refused


@pytest.mark.parametrize(("separator", "option"), [(";", "';'"), ("\t", r"\$'\\t'"), ("|", "'\\|'")])
def test_a_file_with_another_separator_is_told_how_to_be_read(separator: str, option: str) -> None:
    with pytest.raises(UsageError, match=f"no column 'user', only .*: --delimiter {option} reads it"):
        csv_rows(f"user{separator}at\n7{separator}{AT}\n".encode())


@pytest.mark.parametrize(
    ("separator", "option"), [(";", "';'"), (",", None), ("\t", r"\$'\\t'"), ("|", "'\\|'")]
)
def test_a_first_line_for_excel_names_no_columns(separator: str, option: str | None) -> None:
    content = f"sep={separator}\r\nuser{separator}at\r\n7{separator}{AT}\r\n".encode()

    rows = csv_rows(content, separator)

    assert (rows.first_number, taken(rows)) == (2, ([7], []))
    if option:
        with pytest.raises(UsageError, match=f"--delimiter {option} reads it"):
            csv_rows(content)


@pytest.mark.parametrize(("line", "said"), BAD_JSON)
def test_the_same_of_a_line_of_json(line: str, said: str) -> None:
    good = [json.dumps({"user": user, "at": AT}) for user in (7, 9)]

    users, (refused,) = taken(ndjson_rows("\n".join([good[0], line.replace("{at}", AT), good[1]]).encode()))

    assert users == [7, 9]
    assert said in refused


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("x" * 201, "user has 201 characters; it must have 1 to 200"),
        ("", "user has 0 characters; it must have 1 to 200"),
        ("\ud800", "which is not UTF-8"),
        (7, "user is 7; it must be a text, like the other users of its event"),
    ],
)
def test_an_invalid_text_user_is_refused(user: object, said: str) -> None:
    lines = [json.dumps({"user": one, "at": AT}) for one in ("ada", user, "x" * 200)]

    users, (refused,) = taken(ndjson_rows("\n".join(lines).encode()))

    assert users == ["ada", "x" * 200]
    assert said in refused


@pytest.mark.parametrize("user", ["7.0", "7.", "7.000", " 7", "7 "])
def test_an_integer_that_a_program_wrote_as_a_float_is_that_integer(user: str) -> None:
    assert taken(csv_rows(f"user,at\n{user},{AT}\n8,{AT}\n".encode())) == ([7, 8], [])


def test_a_float_without_a_fraction_is_an_integer_in_json_too() -> None:
    line = json.dumps({"user": 7.0, "at": AT}).encode()

    assert taken(ndjson_rows(line)) == ([7], [])
    assert taken(ndjson_rows(line), "texts") == (["7"], [])


def test_ids_of_64_bits_are_texts_if_asked_for() -> None:
    lines = [json.dumps({"user": user, "at": AT}) for user in (2**63 - 1, "ada", 7)]

    assert taken(ndjson_rows("\n".join(lines).encode()), "texts") == ([str(2**63 - 1), "ada", "7"], [])


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (2.0**60, "user is 1.152921504606847e+18; it must be a text, as --ids texts says"),
        (7.5, "user is 7.5; it must be a text, as --ids texts says"),
        (True, "user is True; it must be a text, as --ids texts says"),
        (None, "user is None; it must be a text, as --ids texts says"),
    ],
)
def test_a_number_that_may_be_another_than_was_meant_is_no_text(user: object, said: str) -> None:
    assert taken(ndjson_rows(json.dumps({"user": user, "at": AT}).encode()), "texts") == ([], [said])


@pytest.mark.parametrize("user", ["null", '""', "true", '"  "', '"\\ud800"', "1e99", "-1", f'"{"x" * 201}"'])
def test_a_line_that_is_no_visit_does_not_decide_the_kind(user: str) -> None:
    good = [json.dumps({"user": user, "at": AT}) for user in ("ada", "joan")]
    first = f'{{"user": {user}, "at": "{AT}"}}'

    users, refused = taken(ndjson_rows("\n".join([first, *good]).encode()))

    assert (users, len(refused)) == (["ada", "joan"], 1)


NO_IDS = [
    "-1",
    "-7.0",
    "1e3",
    "1.23457E+11",
    "NaN",
    " nan ",
    "NULL",
    "null",
    "\\N",
    "N/A",
    "<NA>",
    "None",
    "none",
    "undefined",
    "-nan",
    "inf",
    "-Infinity",
]


@pytest.mark.parametrize("user", NO_IDS)
def test_a_number_that_is_no_id_does_not_make_texts_of_integers(user: str) -> None:
    users, (refused,) = taken(csv_rows(f"user,at\n{user},{AT}\n7,{AT}\n8,{AT}\n".encode()))

    assert users == [7, 8]
    assert refused == f"user is {user!r}, not an integer; --ids texts reads all users as texts"


@pytest.mark.parametrize("user", ["007", "+49151123456", "123.456", "-", "e3", "1e3f", "Nan", "0x10"])
def test_a_text_of_digits_and_more_is_a_text(user: str) -> None:
    assert taken(csv_rows(f"user,at\n{user},{AT}\n-1,{AT}\n".encode())) == ([user, "-1"], [])


@pytest.mark.parametrize("header", ["user,user,at", "user,at,at", "user, user ,at"])
def test_a_column_that_is_there_twice_is_refused(header: str) -> None:
    with pytest.raises(UsageError, match=r"the first line has 2 columns '(user|at)'"):
        csv_rows(f"{header}\n7,{AT},{AT}\n".encode())


def test_what_came_since_the_load_began_is_not_ahead() -> None:
    began = clock.now() - timedelta(hours=1)
    context = LoadContext(KindOfUsers("auto"), latest=began)

    assert context.moment(clock.iso(clock.now())) > began
    with pytest.raises(BadValue, match="more than 5 minutes ahead"):
        context.moment(clock.iso(clock.now() + timedelta(minutes=20)))


def test_what_an_event_holds_comes_before_the_first_line() -> None:
    context = LoadContext(KindOfUsers("auto", lambda _: "texts"))
    batch = PendingBatch(context)

    batch.add(("some", "7", AT, None), 1)

    assert [(group.kind, group.users) for group in batch] == [("texts", ["7"])]


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1])
def test_every_integer_that_can_be_one_is_taken(number: int) -> None:
    assert taken(csv_rows(f"user,at\n{number},{AT}".encode())) == ([number], [])
    assert taken(ndjson_rows(json.dumps({"user": number, "at": AT}).encode())) == ([number], [])


def test_texts_in_quotes_may_hold_anything() -> None:
    users = ["a,b", 'say "hi"', "two\nlines", "\u00e9\U0001f600"]
    rows = "".join('"{}",{}\n'.format(user.replace('"', '""'), AT) for user in users)

    assert taken(csv_rows(f"user,at\n{rows}".encode())) == (users, [])


def test_where_a_row_ends_is_known_after_each() -> None:
    content = f'user,at\r\na,{AT}\r\n\r\n"two\nlines",{AT}\nlast,{AT}'.encode()
    rows = csv_rows(content)

    places = [(rows.lines.offset, rows.lines.number) for _ in rows]

    ends = [content.index(b"\r\n\r\n") + 2, content.index(b'"two'), content.index(b"last"), len(content)]
    assert places == list(zip(ends, [2, 3, 5, 6], strict=True))


@pytest.mark.parametrize("rest", ["", f'8,{AT},"x"\n'])
def test_a_quote_that_nothing_closes_swallows_no_line_in_silence(rest: str) -> None:
    rows = CsvRows(Source(io.BytesIO(f'user,at,name\n7,{AT},"Ann\n{rest}'.encode())), COLUMNS, ",")

    assert [type(row) for row in rows] == [BadLine]


def test_where_a_line_that_is_too_long_ends_is_known() -> None:
    content = f"user,at\n{'x' * (5 << 19)}\n8,{AT}\n{'y' * (5 << 19)}".encode()
    rows = csv_rows(content)

    places = [(rows.lines.offset, rows.lines.number) for _ in rows]
    again = CsvRows(Source(io.BytesIO(content)), COLUMNS, ",")
    again.lines.go_to(*places[0])

    assert places == [(content.index(b"8,"), 2), (content.index(b"y"), 3), (len(content), 4)]
    assert taken(again) == ([8], ["is longer than 1048576 bytes"])


def test_visits_of_an_hour_are_grouped_however_times_are_written() -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    batch = PendingBatch(LoadContext(KindOfUsers("auto"), zone=ZoneInfo("UTC")))
    for minute in (0, 1, 59):
        batch.add(("some", "7", clock.iso(hour + timedelta(minutes=minute)), None), 1)

    (group,) = batch

    assert (group.at, len(group.users)) == (hour, 3)


def test_where_days_begin_at_half_past_visits_are_kept_apart_by_quarters() -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    batch = PendingBatch(LoadContext(KindOfUsers("auto"), zone=ZoneInfo("Asia/Kolkata")))
    for minute in (0, 14, 15, 29, 30, 59):
        batch.add(("some", "7", clock.iso(hour + timedelta(minutes=minute)), None), 1)

    assert {(group.at - hour) // timedelta(minutes=1): len(group.users) for group in batch} == {
        0: 2,
        15: 2,
        30: 1,
        45: 1,
    }


@pytest.mark.parametrize("written", ["{}T04:{}:00Z", "{} 04:{}:00"], ids=["plain", "otherwise"])
@pytest.mark.parametrize(
    ("zone", "day", "quarters"),
    [
        ("America/Caracas", "2015-06-10", [30, 45]),  # 4.5 hours behind UTC from 2007 to 2016
        ("America/Caracas", "2026-06-10", [0]),
        ("Australia/Lord_Howe", "2026-01-10", [0]),
        ("Australia/Lord_Howe", "2026-06-10", [30, 45]),  # half an hour later in winter alone
    ],
)
def test_whether_hours_are_split_is_decided_by_the_time_of_the_visit(
    zone: str, day: str, quarters: list[int], written: str
) -> None:
    batch = PendingBatch(LoadContext(KindOfUsers("auto"), zone=ZoneInfo(zone)))
    for user, minute in enumerate(("31", "46", "47")):
        batch.add(("some", user, written.format(day, minute), None), 1)

    minutes = [group.at.minute for group in batch if isinstance(group.at, datetime)]
    assert minutes == quarters
    assert sum(len(group.users) for group in batch) == 3
