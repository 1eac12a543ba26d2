"""`load`: every visit of a file arrives, and is counted once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from donebit import clock
from donebit.command_line.load.batch import MOST_TEXTS, TIME_RULE, Group
from donebit.command_line.load.sending import RETRIES, BatchSender
from donebit.command_line.service import ServiceClient
from tests.command_line.command import Donebit, Ended
from tests.command_line.visits import Visit, counted, expected, fresh, some, write_csv, write_ndjson
from tests.lossy_proxy import lossy_way_to
from tests.web.real import RealServices

AT = clock.iso(clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2))


@pytest.mark.parametrize("text", [False, True], ids=["integers", "texts"])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_file_is_counted_exactly(donebit: Donebit, name: str, form: str, text: bool) -> None:
    visits = some(5000, seed=1, text=text)
    write = {"csv": write_csv, "ndjson": write_ndjson}[form]
    file = write(donebit.folder / f"visits.{form}", visits)

    loaded = donebit("load", file, "--event", name, "--json")
    again = donebit("load", file, "--event", name, "--json")

    assert (loaded.code, loaded.err) == (0, "")
    assert (loaded.json["received"], loaded.json["fresh"]) == (5000, fresh(visits))
    assert loaded.json["fresh_is_exact"] is True
    assert (again.json["received"], again.json["fresh"]) == (5000, 0)
    assert counted(donebit, name, visits) == expected(visits)
    assert [file.name for file in donebit.folder.iterdir()] == [f"visits.{form}"]  # no state is left


def test_each_hour_has_its_own_users(donebit: Donebit, name: str) -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    moments = [
        hour - timedelta(seconds=1),
        hour,
        hour + timedelta(minutes=59, seconds=59),
        hour + timedelta(hours=1),
    ]
    visits = [Visit(user, clock.iso(moment)) for user, moment in enumerate(moments)]

    donebit("load", write_csv(donebit.folder / "visits.csv", visits), "--event", name)

    counts = [
        donebit(
            "count", name, "--period", "hour", "--at", clock.iso(hour + timedelta(hours=h)), "--json"
        ).json["count"]
        for h in (-1, 0, 1)
    ]
    assert counts == [1, 2, 1]


def test_times_are_utc_unless_they_say_otherwise(donebit: Donebit, name: str) -> None:
    day = clock.now().date() - timedelta(days=10)
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    rows = {
        f"{day}T23:30:00Z": day,
        f"{day} 23:30:00": day,
        f"{day}": day,
        f"{day}T23:30:00-01:00": after,
        f"{day}T00:30:00+05:30": before,
        f"{day}T05:29:59.5+05:30": before,
    }
    file = write_csv(donebit.folder / "visits.csv", [Visit(user, at) for user, at in enumerate(rows)])

    assert donebit("load", file, "--event", name).code == 0

    counts = {
        one: donebit("count", name, "--period", "day", "--at", one, "--json").json["count"]
        for one in (before, day, after)
    }
    assert counts == {before: 2, day: 3, after: 1}


def test_columns_may_be_called_otherwise_and_stand_in_any_order(donebit: Donebit, name: str) -> None:
    file = donebit.folder / "hits.txt"
    file.write_text(f'\ufefftime;what;uid;x\n{AT};{name}-a;7;\n\n{AT};{name}-b;8;\n{AT};{name}-a;9;"a\n;b"\n')
    named = ("--user-column", "uid", "--at-column", "time", "--event-column", "what", "--delimiter", ";")

    loaded = donebit("load", file, *named)

    assert loaded.out.startswith("3 visits loaded from hits.txt: 3 new daily users, ")
    assert donebit("count", f"{name}-a", "--json").json["count"] == 2
    assert donebit("count", f"{name}-b", "--json").json["count"] == 1


def test_one_time_may_be_given_for_all(donebit: Donebit, name: str) -> None:
    file = donebit.folder / "users.jsonl"
    file.write_text('{"user": 7}\n{"user": 8, "at": 1}\n')

    assert donebit("load", file, "--event", name, "--at", AT, "--json").json["fresh"] == 2

    assert donebit("count", name, "--period", "hour", "--at", AT, "--json").json["count"] == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--event", "no name"), "--event is 'no name'"),
        (("--event", "some", "--at", "noon"), "--at is 'noon'"),
        (("--event", "some", "--delimiter", "tab"), "--delimiter is 'tab'"),
        (
            (),
            "has no column 'event', only 'user', 'at'; --event-column names another, or --event gives one",
        ),
        (
            ("--event", "some", "--user-column", "uid"),
            "has no column 'uid', only 'user', 'at'; --user-column",
        ),
    ],
)
def test_an_option_that_makes_every_line_invalid_is_refused(
    donebit: Donebit, wrong: tuple[str, ...], said: str
) -> None:
    file = write_csv(donebit.folder / "visits.csv", [Visit(7, AT)])

    refused = donebit("load", file, *wrong)

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


def test_a_line_that_is_no_visit_stops_it_and_all_before_it_is_loaded(donebit: Donebit, name: str) -> None:
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7,{AT}\n\n8,noon\n9,{AT}\n")

    stopped = donebit("load", file, "--event", name)
    before = donebit("count", name, "--json").json["count"]
    went_on = donebit("load", file, "--event", name, "--skip-bad", "--json")

    said = f"line 4: at is 'noon'; it must be {TIME_RULE}"
    assert (stopped.code, stopped.out) == (1, "")
    assert stopped.err == f"error: {said}. All lines before it are loaded; --skip-bad skips invalid lines\n"
    assert before == 1
    assert went_on.code == 5
    assert went_on.err == f"resuming after line 3: 1 visit already loaded\nskipped {said}\n"
    assert (went_on.json["received"], went_on.json["fresh"], went_on.json["skipped"]) == (2, 2, 1)


def load_twice(donebit: Donebit, name: str, lines: str) -> tuple[Ended, Ended]:
    """Load a CSV as it is, and then past its invalid lines."""
    file = donebit.folder / "visits.csv"
    file.write_text(lines)
    return donebit("load", file, "--event", name), donebit(
        "load", file, "--event", name, "--skip-bad", "--json"
    )


def test_every_line_that_an_open_quote_joins_counts_as_skipped(donebit: Donebit, name: str) -> None:
    lines = f'user,at,name\n6,{AT},x\n7,{AT},"Ann\n8,{AT},Bo\n9,{AT},Cy\n'

    stopped, went_on = load_twice(donebit, name, lines)

    assert stopped.code == 1
    assert "lines 3 to 5: unexpected end of data. All lines before them are loaded" in stopped.err
    assert (went_on.code, went_on.json["received"], went_on.json["skipped"]) == (5, 1, 3)


def test_digits_are_texts_if_asked_for(donebit: Donebit, name: str) -> None:
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7,{AT}\n007,{AT}\n")

    assert donebit("load", file, "--event", name, "--ids", "texts", "--json").json["fresh"] == 2

    assert "has texts" in donebit("visit", name, 7).err


def test_expired_visits_are_reported_by_the_first_line_of_their_hour(donebit: Donebit, name: str) -> None:
    lines = f"user,at\n7,{AT}\n8,1999-12-31T10:00:00Z\n9,1999-12-31T10:30:00Z\n"

    refused, skipped = load_twice(donebit, name, lines)

    assert refused.code == 3
    assert "line 3: the day 1999-12-31 is no longer kept" in refused.err
    assert skipped.code == 5
    assert (skipped.json["received"], skipped.json["skipped"]) == (1, 2)
    assert "(2 visits of this event and hour)" in skipped.err


def test_invalid_lines_are_counted_and_the_first_ten_shown(donebit: Donebit, name: str) -> None:
    file = donebit.folder / "visits.csv"
    file.write_text("user,at\n" + f"7,{AT}\n" + "8,noon\n" * 50)

    loaded = donebit("load", file, "--event", name, "--skip-bad", "--json")

    assert loaded.json["skipped"] == 50
    assert len(loaded.err.splitlines()) == 11
    assert loaded.err.splitlines()[-1] == "further invalid lines are counted but not shown"


def test_a_file_of_something_else_is_refused_in_bounded_memory(donebit: Donebit) -> None:
    file = donebit.folder / "visits.csv"
    file.write_bytes(b"user,at\n" + b"x" * (3 << 20))

    refused = donebit("load", file, "--event", "some")

    assert refused.code == 1
    assert "line 2: is longer than 1048576 bytes. All lines before it are loaded" in refused.err


def test_a_first_line_that_is_too_long_is_refused_in_a_sentence(donebit: Donebit) -> None:
    file = donebit.folder / "visits.csv"
    for length in (200_000, 3 << 20):
        file.write_bytes(b"x" * length + b"\n7,noon\n")

        refused = donebit("load", file, "--event", "some")

        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "is this a file of visits?" in refused.err


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_all_before_and_after_a_line_that_is_too_long_are_loaded(
    donebit: Donebit, name: str, form: str
) -> None:
    file = donebit.folder / f"visits.{form}"
    lines = [f"{user},{AT}" if form == "csv" else f'{{"user": {user}, "at": "{AT}"}}' for user in range(2000)]
    lines.insert(1500, "x" * (3 << 20))
    file.write_text(("user,at\n" if form == "csv" else "") + "\n".join(lines))
    line = 1501 + (form == "csv")

    stopped = donebit("load", file, "--event", name)
    counted = donebit("count", name, "--json").json["count"]
    skipped = donebit("load", file, "--event", name, "--skip-bad", "--json")

    assert (stopped.code, counted) == (1, 1500)
    assert f"line {line}: is longer than 1048576 bytes. All lines before it are loaded" in stopped.err
    assert (skipped.code, skipped.json["received"], skipped.json["skipped"]) == (5, 2000, 1)


@pytest.mark.parametrize("days", [30, 100])
def test_an_event_named_load_that_expires_soon_does_not_stop_a_load(
    donebit: Donebit, services: RealServices, name: str, days: int
) -> None:
    file = write_csv(donebit.folder / "visits.csv", some(10, seed=3, days=1))
    donebit("visit", "load", 7)
    assert services.ask("distinct", "PUT", "/events/load/expiry", {"day": days}).status == 200

    loaded = donebit("load", file, "--event", name, "--json")

    assert services.ask("distinct", "DELETE", "/events/load").status == 200
    assert (loaded.code, loaded.json["received"]) == (0, 10)


def test_a_load_whose_answer_was_lost_says_at_least(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    visits = some(10, seed=3, days=1)
    file = write_csv(donebit.folder / "visits.csv", visits)

    with lossy_way_to(services.url("distinct")) as way:
        way.lost_method, way.answers_to_lose = "POST", 1
        loaded = donebit("load", file, "--event", name, "--json", DISTINCT_URL=way.url)

    assert (loaded.code, loaded.json["received"], loaded.json["fresh_is_exact"]) == (0, 10, False)
    assert counted(donebit, name, visits) == expected(visits)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_load_whose_visits_arrived_once_has_an_exact_count(
    donebit: Donebit, services: RealServices, name: str, lost: int
) -> None:
    file = write_csv(donebit.folder / "visits.csv", some(10, seed=3, days=1))

    with lossy_way_to(services.url("distinct")) as way:
        way.lost_method, way.answers_to_lose = "GET", lost  # a question may be asked twice
        loaded = donebit("load", file, "--event", name, "--json", DISTINCT_URL=way.url)

    assert loaded.json["fresh_is_exact"] is True


def test_of_a_group_in_two_parts_only_the_refused_one_counts_as_refused(
    services: RealServices, name: str
) -> None:
    users = [f"u{number}" for number in range(MOST_TEXTS)] + ["x" * 201]
    group = Group(name, clock.now(), 1, "texts", users)
    refused = []

    distinct = ServiceClient("distinct_app", services.url("distinct"), None, retries=RETRIES)
    with ThreadPoolExecutor() as pool:
        sends = BatchSender(distinct, pool)
        sent = sends.end(
            sends.begin([group]), lambda _, error, visits: refused.append((error.status, visits))
        )

    assert (sent.received, sent.fresh, sent.refused) == (MOST_TEXTS, MOST_TEXTS, 1)
    assert refused == [(422, 1)]


@pytest.mark.parametrize("content", ["", "user,at\n", "\n"])
def test_an_empty_file_is_no_visits_or_names_no_columns(donebit: Donebit, content: str) -> None:
    file: Path = donebit.folder / "visits.csv"
    file.write_text(content)

    ended = donebit("load", file, "--event", "some")

    assert ended.code == (0 if content.startswith("user") else 2)
    assert ended.out.startswith("0 visits loaded from visits.csv" if ended.code == 0 else "")
