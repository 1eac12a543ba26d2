"""`donebit history` against real services."""

from __future__ import annotations

from donebit.completion import counting
from donebit.completion.measures import FAILURES, STEPS, Tally
from donebit.store import Store
from tests.command_line.command import Donebit
from tests.servers import RunningServer


def test_what_was_done_and_failed_is_listed_by_time(donebit: Donebit, own_server: RunningServer) -> None:
    tally = Tally()
    tally.count(STEPS, "a", amount=1200)
    tally.count(FAILURES, "a", amount=3)
    counting.add_tally(Store.at(own_server.url), tally)

    listed = donebit("history")
    lines = donebit("history", "--range", "30d", "--json").lines

    assert listed.out.splitlines()[0].split("  ")[0] == "from"
    assert listed.out.splitlines()[-1].split()[1:3] == ["1,200", "3"]
    assert (lines[-1]["steps_done"], lines[-1]["steps_failed"]) == (1200, 3)


def test_a_range_that_there_is_not_is_refused(donebit: Donebit) -> None:
    assert "'7d' is not one of '24h', '30d'" in donebit("history", "--range", "7d").err
