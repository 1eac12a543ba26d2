"""WAIT_REPLICAS: a change counts once replicas confirm it; what reads does not wait for them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from donebit.activity.analytics import day_windows
from donebit.activity.analytics.day_windows import Window
from donebit.activity.events import single_visit
from donebit.activity.flags import flag, replace
from donebit.activity.periods.calendar import DAY, Granularity
from donebit.activity.query import run as queries
from donebit.activity.query.text import parse
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import union
from donebit.completion import lifecycle, missing, reporting
from donebit.completion.reporting import StepReport
from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.store.bitmaps import Bitmap
from donebit.store.confirming import CHANGING
from donebit.store.numbering import NEW_A_CALL
from donebit.store.slots import SCRIPTS_CALLED
from donebit.store.store import WORKER_TIMEOUT
from donebit.workers import presence, replicas
from tests.activity.arranged import UTC_CALENDAR, count, present, real_now, record, site_on
from tests.completion.arranged import start
from tests.faults.test_least_privilege import USER, allow, refused, url_of
from tests.faults.test_outage import freeze, thaw
from tests.replicas import is_copied, replica_of
from tests.servers import RunningServer, running, valkey_binary
from tests.started import eventually

SOURCES = Path(__file__).parents[2] / "shared" / "donebit" / "store"
UNCONFIRMED = "too few replicas have confirmed the change"
BACKUP = {
    "directory_cutting.py",
    "key_writing.py",
    "moving.py",
}  # used offline, by commands that wait for nobody
STEPS = 100
DAYS = [
    Bitmap("seen", UTC_CALENDAR.period_at(Granularity.DAY, real_now() - ago * DAY).name) for ago in (1, 0)
]
MANY = [Bitmap(f"e{number}", "all") for number in range(algebra.MOST_AT_ONCE + 1)]


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("primary")
    with running(valkey_binary(), folder) as server:
        yield server


@pytest.fixture(scope="module")
def replica(primary: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with replica_of(primary, tmp_path_factory.mktemp("replica") / "data") as server:
        eventually(lambda: is_copied(server), 30, what="the replica did not get the data")
        yield server


@pytest.fixture
def strict(primary: RunningServer, replica: RunningServer) -> Store:
    """A store as a service has it, and a replica that keeps up."""
    assert replica.process.poll() is None
    return store_at(primary)


@pytest.fixture
def frozen(primary: RunningServer, replica: RunningServer) -> Iterator[RunningServer]:
    """The replica, which answers nothing during the test."""
    freeze(replica)
    yield replica
    thaw(replica)
    await_kept_up(primary)


def await_kept_up(primary: RunningServer) -> None:
    """Wait until the replica confirms in time again: on a busy machine that may take a while."""
    store = store_at(primary)
    eventually(lambda: store.server.short_of_replicas() == 0, what="the replica does not keep up again")


def store_at(server: RunningServer, *, goes_on: bool = False, connections: int = 4) -> Store:
    return Store.at(server.url, connections=connections, timeout=WORKER_TIMEOUT, replicas=1, goes_on=goes_on)


CHANGES: dict[str, Callable[[Store], object]] = {
    "a start": start,
    "a report": lambda store: reporting.report(store, "known", [1]),
    "a cancellation": lambda store: lifecycle.cancel(store, "known"),
    "a visit": lambda store: single_visit.visit(site_on(store), "seen", 7, real_now()),
    "a batch of visits": lambda store: record(store, [1, 2, 3_000_000]),
    "a batch of texts": lambda store: record(store, ["a", "b"], "texts"),
    "a user of a flag": lambda store: flag.set_users(site_on(store), "beta", [5]),
    "a flag as a whole": lambda store: replace.assign_users(site_on(store), "beta", [1, 2]),
    "a token": lambda store: store.access.add_token("ci", "{}"),
    "a retention": lambda store: store.visits.set_retention("seen", {"keep_day": 86400}),
}
READS: dict[str, Callable[[Store], object]] = {
    "a task": lambda store: lifecycle.get_task(store, "known").task.done_steps,
    "what a task misses": lambda store: (
        missing.list_missing(store, lifecycle.get_task(store, "known").task, limit=10).ranges
    ),
    "a count": count,
    "a user": lambda store: present(store, 7),
    "the users of a flag": lambda store: flag.members(site_on(store), "beta", limit=10).tolist(),
    "a query": lambda store: queries.count(
        site_on(store), parse("seen & flag:beta | seen - flag:beta"), now=real_now()
    )[0],
    "windows of days": lambda store: day_windows.count_windows(
        store, DAYS, [Window(len(DAYS) - 1, len(DAYS))]
    ),
    "a union too large for one script": lambda store: algebra.counts(store, [union(MANY)]),
    "signs of life": lambda store: presence.record_heartbeat(store, "worker"),
    "how the server is": lambda store: store.server.write(1),
}


def known_to(store: Store) -> None:
    """What the changes change and the reads read."""
    if store.tasks.get("known") is None:
        start(store, STEPS, task_id="known")
    reporting.report(store, "known", [0])
    record(store, [7, 3_000_000])
    flag.set_users(site_on(store), "beta", [7])
    for bitmap in MANY:
        record(store, [7], bitmap.name)


def is_refused(change: Callable[[Store], object], store: Store) -> bool:
    try:
        change(store)
    except StoreUnavailable as error:
        return UNCONFIRMED in error.detail
    return False


def test_changes_that_no_replica_has_are_refused_and_reads_are_answered(
    strict: Store, primary: RunningServer, replica: RunningServer
) -> None:
    known_to(Store.at(primary.url, timeout=WORKER_TIMEOUT))
    before = {name: read(strict) for name, read in READS.items()}
    freeze(replica)
    try:
        accepted = [name for name, change in CHANGES.items() if not is_refused(change, strict)]
        answers = {name: read(strict) for name, read in READS.items()}
    finally:
        thaw(replica)
    await_kept_up(primary)

    assert accepted == []
    assert answers.keys() == before.keys()
    assert not is_refused(CHANGES["a report"], strict)


@pytest.mark.usefixtures("frozen")
def test_a_mark_sent_again_over_another_connection_is_not_confirmed(
    strict: Store, primary: RunningServer
) -> None:
    start(store_at(primary, goes_on=True), STEPS, task_id="twice")

    for store in (strict, store_at(primary), store_at(primary)):
        assert is_refused(lambda one: reporting.report(one, "twice", [3]), store)


@pytest.mark.usefixtures("frozen")
def test_of_reports_that_arrive_together_each_is_refused(strict: Store, primary: RunningServer) -> None:
    start(store_at(primary, goes_on=True), STEPS, task_id="together")

    answers = reporting.report_each(strict, [StepReport("together", step, None) for step in range(STEPS)])

    assert {type(answer) for answer in answers} == {StoreUnavailable}


def test_many_users_over_many_commands_are_confirmed_once_at_the_end(
    strict: Store, primary: RunningServer
) -> None:
    texts = [f"user {number}" for number in range(30_000)]
    primary.client.config_resetstat()

    strict.directory.number_users(texts)

    calls = {name: about["calls"] for name, about in primary.client.info("commandstats").items()}
    assert calls["cmdstat_evalsha"] >= 30_000 / NEW_A_CALL
    assert calls["cmdstat_wait"] < 5


def waits(server: RunningServer) -> int:
    """How often the server was asked to wait for its replicas, since its figures were reset."""
    about = server.client.info("commandstats").get("cmdstat_wait", {"calls": 0})
    return int(about["calls"])


def test_what_was_confirmed_with_a_change_is_not_asked_again(strict: Store, primary: RunningServer) -> None:
    start(strict, STEPS, task_id="once")
    primary.client.config_resetstat()

    replicas.begin(strict)
    reporting.report(strict, "once", [1])
    replicas.confirm(strict)
    assert waits(primary) == 1
    lifecycle.get_task(strict, "once")
    replicas.confirm(strict)
    assert waits(primary) == 2


@pytest.mark.usefixtures("frozen")
def test_a_change_that_was_not_confirmed_is_asked_again(strict: Store, primary: RunningServer) -> None:
    start(store_at(primary, goes_on=True), STEPS, task_id="swallowed")

    replicas.begin(strict)
    assert is_refused(lambda one: reporting.report(one, "swallowed", [1]), strict)
    assert is_refused(replicas.confirm, strict)


def test_work_goes_on_without_replicas_and_says_so_once(
    primary: RunningServer, replica: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_at(primary, goes_on=True)
    start(store, STEPS, task_id="goes-on")
    freeze(replica)
    try:
        with caplog.at_level(logging.INFO):
            for step in range(STEPS):
                reporting.report(store, "goes-on", [step])
    finally:
        thaw(replica)
    await_kept_up(primary)

    said = [record.getMessage() for record in caplog.records if "replicas" in record.getMessage()]
    assert len(said) == 1
    assert said[0].endswith("within 500 ms: work goes on without")
    assert store.server.confirmation
    assert store.server.confirmation.missed < 3  # and not once a step
    assert lifecycle.get_task(store, "goes-on").task.done_steps == STEPS


def test_the_server_is_short_of_replicas_while_one_keeps_silent(
    strict: Store, primary: RunningServer, replica: RunningServer
) -> None:
    await_kept_up(primary)
    freeze(replica)
    try:
        eventually(lambda: strict.server.short_of_replicas() == 1, what="nobody noticed")
    finally:
        thaw(replica)
    await_kept_up(primary)


@pytest.mark.usefixtures("replica")
def test_the_documented_user_may_have_replicas_confirm(primary: RunningServer) -> None:
    allow(primary.client, (USER,))
    try:
        start(Store.at(url_of(primary.port), replicas=1))
        assert refused(primary.client) == []
    finally:
        primary.client.acl_deluser("donebit")


def test_every_command_that_writes_is_known_to_change_something(primary: RunningServer) -> None:
    commands = primary.client.command()
    writing = {name.upper() for name, about in commands.items() if "write" in about["flags"]}
    source = "".join(file.read_text() for file in SOURCES.glob("*.py") if file.name not in BACKUP)

    called = {name.upper() for name in re.findall(r"(?:pipe|client)\.(\w+)\(", source)}
    named = set(re.findall(r'\("([A-Z]+)"', source))

    writing -= {"BITFIELD"}  # which the store sends with GET alone
    assert (called | named) & writing <= CHANGING
    assert CHANGING - {*SCRIPTS_CALLED} <= writing
