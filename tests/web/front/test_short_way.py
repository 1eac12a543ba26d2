"""The short way gives the answers that Flask gives: byte for byte, whatever is sent in whatever state."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

import distinct_app.service
import done_app.service
from donebit.access import tokens
from donebit.access.rates import Rates
from donebit.access.report_tokens import ReportTokens
from donebit.access.roles import Role
from donebit.activity.sets import algebra
from donebit.completion import failing, lifecycle, reporting
from donebit.config import Settings
from donebit.names import EXAMPLE_EVENT
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.web.access import access_of
from donebit.web.audit import audit_of
from donebit.web.http_times import times_of
from tests.activity.arranged import record
from tests.completion.arranged import start
from tests.web.front.asked import HOST, Answered, Asked, Door
from tests.web.services import ELSEWHERE

OPERATOR = "a token of twenty-nine letters"
PREFIXES = ("donebit:short:", "donebit:flask:")
OWN_KEYS = pytest.mark.own_keys("donebit:short:*", "donebit:flask:*", "donebit:[0-9]*")


class Side(NamedTuple):
    """One of the two ways, over a part of the server of its own."""

    store: Store
    settings: Settings
    done: Door
    distinct: Door


@dataclass(repr=False)
class Pair:
    """The short way and Flask's, which see the same requests."""

    client: Redis
    runner: asyncio.Runner
    sides: tuple[Side, Side]
    before: tuple[Counter[tuple[str, ...]], ...] = ()

    def arrange(self, act: Callable[[Store], object]) -> None:
        for side in self.sides:
            act(side.store)

    def ask(self, asked: Asked, named: dict[str, bytes] | None = None) -> Answered:
        """The answer of the short way, which must be that of Flask."""
        short, flask = (self.runner.run(self._ask(side, asked, named or {})) for side in self.sides)
        assert short == flask, asked
        return short

    async def _ask(self, side: Side, asked: Asked, made: dict[str, bytes]) -> Answered:
        task = made.get(side.store.keys.prefix, b"")
        headers = [(name, value.replace(b"TASK-TOKEN", task)) for name, value in asked.headers]
        door = side.distinct if asked.path.startswith(b"/distinct") else side.done
        return await door.ask(asked._replace(headers=headers))

    def begin(self) -> Pair:
        """Count from here on: another test may have asked only one of the two."""
        self.before = tuple(map(counts_of, self.sides))
        return self

    def counted(self) -> Counter[tuple[str, ...]]:
        """What /metrics counts of both ways since: changes and refusals."""
        before = self.before or (Counter(), Counter())
        short, flask = (counts_of(side) - earlier for side, earlier in zip(self.sides, before, strict=True))
        assert short == flask
        return short


def counts_of(side: Side) -> Counter[tuple[str, ...]]:
    return Counter(
        {
            (sample.name, *sample.labels.values()): int(sample.value)
            for door in (side.done, side.distinct)
            for source in (audit_of(door.app).counted, access_of(door.app).refusals, times_of(door.app))
            for metric in source.collect()
            for sample in metric.samples
            if not sample.name.endswith(("_created", "_bucket", "_sum"))  # how long it took may differ
        }
    )


def side_of(client: Redis, prefix: str, *, short: bool, **given: Any) -> Side:
    store = Store.on(client, prefix)
    whole = Settings(redis_url=ELSEWHERE, broker_url="memory://", key_prefix=prefix, **given)
    done = Door(done_app.service.create_app(whole, store), whole, short=short)
    distinct = Door(distinct_app.service.create_app(whole, store), whole, short=short)
    return Side(store, whole, done, distinct)


@contextmanager
def pair_of(client: Redis, **given: object) -> Iterator[Pair]:
    sides = (
        side_of(client, PREFIXES[0], short=True, **given),
        side_of(client, PREFIXES[1], short=False, **given),
    )
    with asyncio.Runner() as runner:
        yield Pair(client, runner, sides)


@pytest.fixture(scope="module", params=["no token", "tokens"])
def lasting_pair(request: pytest.FixtureRequest, lasting_store: tuple[Redis, Store]) -> Iterator[Pair]:
    given = {"api_token": OPERATOR} if request.param == "tokens" else {}
    with pair_of(lasting_store[0], **given) as pair:
        yield pair


@pytest.fixture
def pair(lasting_pair: Pair, real_client: Redis) -> Pair:
    del real_client  # emptied
    return lasting_pair.begin()


# What a request may be made of: the plain, and all that must not pass for it.
TASKS = [
    "mixed",
    "running",
    "one",
    "done",
    "failed",
    "cancelled",
    "gone",
    "..",
    "a" * 101,
    "run%6eing",
    "%FF",
]
STEPS = [
    "0",
    "1",
    "2",
    "07",
    "3",
    "4294967295",
    "4294967296",
    "99999999999",
    "-1",
    "x",
    "1_0",
    "",
    "0/",
    "%31",
]
PATHS = st.one_of(
    st.builds("/tasks/{}/steps/{}".format, st.sampled_from(TASKS), st.sampled_from(STEPS)),
    st.sampled_from(["/distinct", "/distinct/", "/distinc%74", "/distinct/reset", "//distinct", "/"]),
)
USERS = ["7", "007", "8", str(SEGMENT_BITS), "4294967295", "4294967296", "-1", "", "x", "%37", "7&userId=8"]
QUERIES = st.one_of(
    st.builds("userId={}".format, st.sampled_from(USERS)),
    st.sampled_from(
        ["", "", "userId", "userid=7", "userId=7&x=1", "x=1", "userId=7&", "&userId=7", "userId=%FF"]
    ),
)
PLAIN_HEADERS = [
    ("user-agent", "test"),
    ("accept", "text/html"),
    ("content-length", "0"),
    ("content-type", "application/json"),
    ("idempotency-key", "k1"),
    ("idempotency-key", "k2"),
    ("x-forwarded-for", "10.0.0.1"),
    ("idempotency_key", "with an underscore"),
    ("content_length", "7"),
]
OTHER_HEADERS = [
    ("host", "evil.example"),
    ("host", "LOCALHOST:80"),
    ("host", ""),
    ("host", "[::1"),
    ("host", "localhost@evil.example"),
    ("origin", "http://evil.example"),
    ("origin", "http://localhost"),
    ("referer", "http://evil.example/page"),
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-origin"),
    ("cookie", "donebit_session=x"),
    ("content-length", "2"),
    ("content-length", "x"),
    ("content-encoding", "gzip"),
    ("transfer-encoding", "chunked"),
    ("idempotency-key", ""),
    ("idempotency-key", "two words"),
    ("idempotency-key", "\u00e9"),
    ("idempotency-key", "k" * 201),
    ("authorization", f"Bearer {OPERATOR}"),
    ("authorization", f"bearer  {OPERATOR} "),
    ("authorization", OPERATOR),
    ("authorization", "Bearer wrong"),
    ("authorization", "Bearer TASK-TOKEN"),
    ("authorization", "Basic TASK-TOKEN"),
    ("authorization", "Basic dXNlcjpwYXNz"),
]
HEADERS = st.tuples(
    st.sampled_from([[("host", "localhost")]] * 9 + [[]]),
    st.sampled_from(
        [[]]
        + [[("authorization", f"Bearer {OPERATOR}")]] * 4
        + [[("authorization", "Bearer TASK-TOKEN")]] * 2
    ),
    st.lists(st.sampled_from(PLAIN_HEADERS), max_size=3),
    st.one_of(st.just([]), st.lists(st.sampled_from(OTHER_HEADERS), max_size=1)),
).map(lambda parts: [(name.encode(), value.encode("latin-1")) for part in parts for name, value in part])
REQUESTS = st.builds(
    Asked,
    st.sampled_from(["PUT"] * 4 + ["POST"] * 4 + ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"]),
    PATHS.map(str.encode),
    QUERIES.map(str.encode),
    HEADERS,
    st.sampled_from([b"", b"{}"]),
)
# Most are wholly valid: without them every request would be refused for one thing or another.
VALID = st.one_of(
    st.builds(
        lambda task, step, headers: Asked("PUT", f"/tasks/{task}/steps/{step}".encode(), b"", headers),
        st.sampled_from(TASKS[:7]),
        st.sampled_from(STEPS[:5]),
        HEADERS,
    ),
    st.builds(
        lambda user, headers: Asked("POST", b"/distinct", f"userId={user}".encode(), headers),
        st.sampled_from(USERS[:5]),
        HEADERS,
    ),
)


def arrange_tasks(store: Store) -> None:
    """Tasks in every state that a report can find one in."""
    for task_id, count in [
        ("mixed", 4),
        ("running", 5),
        ("one", 1),
        ("done", 2),
        ("failed", 3),
        ("cancelled", 3),
    ]:
        start(store, count, task_id=task_id)
    reporting.report(store, "done", [0, 1])
    reporting.report(store, "failed", [0])
    for step in (1, 2):
        failing.fail(store, "failed", step, "no")
    failing.fail(store, "mixed", 1, "no")
    lifecycle.cancel(store, "cancelled")


@OWN_KEYS
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.one_of(VALID, VALID, REQUESTS), max_size=12))
def test_every_answer_is_byte_for_byte_that_of_flask(pair: Pair, asked: list[Asked]) -> None:
    pair.client.flushall()
    pair.arrange(arrange_tasks)
    made = {side.store.keys.prefix: token_of(side, "running") for side in pair.sides}

    for one in asked:
        pair.ask(one, made)

    pair.counted()


def token_of(side: Side, task_id: str) -> bytes:
    nonce = lifecycle.get_task(side.store, task_id).task.nonce
    return ReportTokens(side.settings.signing_secret or "").make(task_id, nonce).encode()


def without_flask(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Side:
    """The side that has the short way, whose services cannot answer anything in another way."""
    short = pair.sides[0]
    for door in (short.done, short.distinct):
        monkeypatch.setattr(door.app, "wsgi_app", None)
    return short


OPERATORS: list[tuple[bytes, bytes]] = [*HOST, (b"authorization", f"Bearer {OPERATOR}".encode())]


def ask_all(pair: Pair, door: Door, asked: list[Asked]) -> list[Answered]:
    return pair.runner.run(door.ask_all(asked))


@OWN_KEYS
def test_plain_requests_are_answered_without_flask(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.arrange(arrange_tasks)
    pair.ask(Asked("POST", b"/distinct", b"userId=1", OPERATORS))  # it begins the event's bitmaps
    side = without_flask(pair, monkeypatch)

    steps = [Asked("PUT", b"/tasks/running/steps/%d" % step, b"", OPERATORS) for step in range(5)]
    visits = [Asked("POST", b"/distinct", b"userId=%d" % user, OPERATORS) for user in range(5)]
    reported, visited = ask_all(pair, side.done, steps), ask_all(pair, side.distinct, visits)

    assert [answer.status for answer in reported + visited] == [200] * 10
    assert [b'"completed_task":true' in answer.body for answer in reported] == [False] * 4 + [True]
    assert [answer.body for answer in visited] == [
        b'{"distinct":2,"fresh":true}\n',
        b'{"distinct":2,"fresh":false}\n',
        *(b'{"distinct":%d,"fresh":true}\n' % count for count in (3, 4, 5)),
    ]


@OWN_KEYS
def test_refusals_of_one_report_do_not_concern_those_beside_it(pair: Pair) -> None:
    pair.arrange(arrange_tasks)
    paths = [
        b"/tasks/running/steps/0",
        b"/tasks/gone/steps/0",
        b"/tasks/running/steps/9",
        b"/tasks/one/steps/0",
    ]
    asked = [Asked("PUT", path, b"", OPERATORS) for path in paths]

    short, flask = (ask_all(pair, side.done, asked) for side in pair.sides)

    assert short == flask
    assert [answer.status for answer in short] == [200, 404, 422, 200]


@OWN_KEYS
def test_reports_go_on_when_the_server_has_forgotten_its_scripts(pair: Pair) -> None:
    pair.arrange(arrange_tasks)
    pair.client.script_flush()

    asked = [Asked("PUT", b"/tasks/running/steps/%d" % step, b"", OPERATORS) for step in range(5)]
    short, flask = (ask_all(pair, side.done, asked) for side in pair.sides)

    assert {answer.status for answer in short + flask} == {200}
    assert all(b'"fresh":true' in answer.body for answer in short)


@OWN_KEYS
def test_visits_to_several_segments_count_all_of_them(pair: Pair) -> None:
    users = [number * SEGMENT_BITS + number for number in range(4)]
    for user in users:
        pair.ask(Asked("POST", b"/distinct", b"userId=%d" % user, OPERATORS))
    side = pair.sides[0]

    again = ask_all(
        pair,
        side.distinct,
        [Asked("POST", b"/distinct", b"userId=%d" % (user + 1), OPERATORS) for user in users],
    )

    assert all(b'"fresh":true' in answer.body for answer in again)
    assert max(int(answer.body.split(b":")[1].split(b",")[0]) for answer in again) == 8
    assert algebra.count(side.store, Bitmap(EXAMPLE_EVENT, "all")) == 8


@OWN_KEYS
@pytest.mark.parametrize("role", Role)
def test_named_tokens_do_the_same_by_both_ways(pair: Pair, role: Role) -> None:
    pair.arrange(arrange_tasks)
    pair.arrange(lambda store: tokens.create(store, f"a-{role}", role))
    made = {side.store.keys.prefix: tokens.create(side.store, role, role)[1].encode() for side in pair.sides}
    headers = [*HOST, (b"authorization", b"Bearer TASK-TOKEN")]

    for step in (0, 1, 1, 9):
        pair.ask(Asked("PUT", b"/tasks/running/steps/%d" % step, b"", headers), made)
        pair.ask(Asked("POST", b"/distinct", b"userId=%d" % step, headers), made)

    assert pair.counted()


@OWN_KEYS
def test_a_late_report_does_not_reach_the_task_made_again(
    real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donebit.access.report_tokens.KNOWN_SECONDS", 3600.0)
    headers = [*HOST, (b"authorization", b"Bearer TASK-TOKEN")]
    with pair_of(real_client, api_token=OPERATOR) as pair:
        pair.arrange(arrange_tasks)
        old = {side.store.keys.prefix: token_of(side, "running") for side in pair.sides}
        for step in (0, 1):  # the second goes the short way, as the first has shown the token
            pair.ask(Asked("PUT", b"/tasks/running/steps/%d" % step, b"", headers), old)
        pair.arrange(lambda store: lifecycle.delete(store, "running"))
        pair.arrange(lambda store: start(store, 5, task_id="running"))

        late = pair.ask(Asked("PUT", b"/tasks/running/steps/0", b"", headers), old)

        assert late.status == 404
        assert lifecycle.get_task(pair.sides[0].store, "running").task.done_steps == 0


@OWN_KEYS
def test_a_revoked_token_is_refused_as_soon_as_it_is_read_again(
    real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair_of(real_client, api_token=OPERATOR) as pair:
        side = pair.sides[0]
        start(side.store, 3, task_id="running")
        token = tokens.create(side.store, "mine", Role.REPORT)[1]
        headers = [*HOST, (b"authorization", f"Bearer {token}".encode())]
        asked = [Asked("PUT", b"/tasks/running/steps/%d" % step, b"", headers) for step in range(3)]
        assert ask_all(pair, side.done, asked[:2])[1].status == 200

        tokens.revoke(side.store, "mine")
        monkeypatch.setattr("donebit.access.known_tokens.READ_AGAIN_SECONDS", 0.0)

        assert ask_all(pair, side.done, asked[2:])[0].status == 401


@OWN_KEYS
@pytest.mark.parametrize(
    "limits", [{"requests_per_second": 1}, {"requests_per_second_of_token": 1}, {"max_events": 1}]
)
def test_limits_hold_in_the_short_way(
    real_client: Redis, limits: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_second = partial(Rates, now_ms=lambda: 1_795_230_245_678)
    monkeypatch.setattr("donebit.web.quotas.Rates", one_second)
    with pair_of(real_client, **limits) as pair:
        pair.arrange(arrange_tasks)
        if "max_events" in limits:
            pair.arrange(lambda store: record(store, [1], "another"))

        statuses = [
            pair.ask(asked).status
            for number in range(3)
            for asked in (
                Asked("PUT", b"/tasks/running/steps/%d" % number),
                Asked("POST", b"/distinct", b"userId=%d" % number),
            )
        ]

        assert 429 in statuses
        assert pair.counted()


@OWN_KEYS
def test_a_caller_who_goes_away_loses_nobodys_report(pair: Pair) -> None:
    pair.arrange(lambda store: start(store, 200, task_id="many"))
    side = pair.sides[0]

    async def half_of_them() -> list[Answered]:
        asked = [Asked("PUT", b"/tasks/many/steps/%d" % step, b"", OPERATORS) for step in range(200)]
        calls = [asyncio.ensure_future(side.done.ask(one)) for one in asked]
        await asyncio.sleep(0)  # all of them wait for their answers
        for call in calls[::2]:
            call.cancel()
        return await asyncio.gather(*calls[1::2])

    answers = pair.runner.run(half_of_them())

    assert [answer.status for answer in answers] == [200] * 100
    assert lifecycle.get_task(side.store, "many").task.done_steps >= 100


def test_an_outage_is_answered_as_flask_answers_it() -> None:
    away = Store.at(ELSEWHERE)
    whole = Settings(redis_url=ELSEWHERE, broker_url="memory://")
    with asyncio.Runner() as runner:
        for create, asked in [
            (done_app.service.create_app, Asked("PUT", b"/tasks/running/steps/1")),
            (distinct_app.service.create_app, Asked("POST", b"/distinct", b"userId=1")),
        ]:
            short, flask = (
                runner.run(Door(create(whole, away), whole, short=short).ask_all([asked] * 5))
                for short in (True, False)
            )
            assert short == flask
            assert [answer.status for answer in short] == [503] * 5
            assert (b"retry-after", b"1") in short[0].headers


def test_what_goes_wrong_unexpectedly_is_answered_and_logged(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("donebit.store.tasks.each_answer_to", None)  # a mistake of ours

    (answer,) = ask_all(pair, pair.sides[0].done, [Asked("PUT", b"/tasks/running/steps/1", b"", OPERATORS)])

    assert answer.status == 500
    assert (b"content-type", b"application/problem+json") in answer.headers
    assert "PUT /tasks/running/steps/1 failed" in caplog.text
