"""Which kind of users a file is loaded as, and what a load says that skipped lines."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from donebit import clock
from tests.command_line.command import Donebit
from tests.web.real import RealServices

AT = clock.iso(clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2))


def kind(services: RealServices, event: str) -> object:
    return services.ask("distinct", "GET", f"/events/{event}").json["kind"]


def ndjson(donebit: Donebit, *users: object, **more: object) -> object:
    file = donebit.folder / "visits.ndjson"
    file.write_text("".join(json.dumps({"user": user, "at": AT, **more}) + "\n" for user in users))
    return file


def test_a_column_of_floats_is_an_event_of_integers(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7.0,{AT}\n8.0,{AT}\n")

    assert donebit("load", file, "--event", name).code == 0

    assert kind(services, name) == "integers"
    assert services.ask("distinct", "GET", f"/events/{name}/users/7").json["present"] is True


def test_ids_of_64_bits_are_texts_as_the_advice_says(donebit: Donebit, name: str) -> None:
    file = ndjson(donebit, 2**63 - 1, 2**53 + 1)

    advised = donebit("load", file, "--event", name)
    loaded = donebit("load", file, "--event", name, "--ids", "texts", "--json")

    assert (advised.code, "--ids texts reads all users as texts" in advised.err) == (1, True)
    assert (loaded.code, loaded.json["fresh"]) == (0, 2)


@pytest.mark.parametrize("by", ["a line", "an option"])
def test_sparse_integers_are_mapped_if_asked_for(
    donebit: Donebit, services: RealServices, name: str, by: str
) -> None:
    more = {"ids": "mapped"} if by == "a line" else {}
    file = ndjson(donebit, 4_000_000_000, 17, **more)

    loaded = donebit("load", file, "--event", name, *(() if more else ("--ids", "mapped")), "--json")

    assert (loaded.code, loaded.json["fresh"]) == (0, 2)
    assert kind(services, name) == "mapped"


def test_a_mapped_event_is_loaded_again_without_an_option(
    donebit: Donebit, services: RealServices, name: str
) -> None:
    assert donebit("visit", name, 4_000_000_000, "--ids", "mapped").code == 0

    assert donebit("load", ndjson(donebit, 17), "--event", name).code == 0

    assert kind(services, name) == "mapped"


def test_a_line_that_wants_another_kind_than_its_event_is_refused(donebit: Donebit, name: str) -> None:
    assert donebit("visit", name, 7).code == 0

    refused = donebit("load", ndjson(donebit, 8, ids="mapped"), "--event", name)
    unknown = donebit("load", ndjson(donebit, 8, ids="sparse"), "--event", f"{name}-new")

    assert (refused.code, unknown.code) == (1, 1)
    assert f"line 1: ids is 'mapped', and {name} holds integers" in refused.err
    assert "line 1: ids is 'sparse'; it must be integers, mapped or texts" in unknown.err


@pytest.mark.parametrize("options", [(), ("--ids", "texts")])
def test_a_null_user_in_the_first_line_does_not_decide_the_kind(
    donebit: Donebit, name: str, options: tuple[str, ...]
) -> None:
    file = ndjson(donebit, None, "ada", "joan")

    loaded = donebit("load", file, "--event", name, "--skip-bad", "--json", *options)

    assert loaded.code == 5
    assert (loaded.json["received"], loaded.json["fresh"], loaded.json["skipped"]) == (2, 2, 1)
    assert "skipped line 1: user is None" in loaded.err


def test_digits_are_texts_where_the_event_holds_texts(donebit: Donebit, name: str) -> None:
    assert donebit("visit", name, "ada").code == 0
    file = donebit.folder / "visits.csv"
    file.write_text(f"user,at\n7,{AT}\njoan,{AT}\n")

    loaded = donebit("load", file, "--event", name, "--json")

    assert (loaded.code, loaded.json["fresh"]) == (0, 2)
