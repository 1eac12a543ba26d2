"""Wrong sign-ins wait longer and longer; each refusal is one line in the log and one in /metrics."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from donebit.access import tokens
from donebit.access.roles import Role
from donebit.access.sign_in_pauses import MOST_ADDRESSES, OF_ADDRESS, OF_ALL, SignInPauses
from donebit.errors import REASONS
from donebit.networks import network_of
from donebit.store import Store
from donebit.web.refusals import MOST_LINES, Refusals
from tests.servers import RunningServer
from tests.web.real import running_services
from tests.web.services import NAMES, Services, problem_of
from tests.web.test_roles import ADMIN, bearer


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Clock:
    return Clock()


def test_the_pauses_of_an_address_double_and_end_at_a_minute(now: Clock) -> None:
    pauses = SignInPauses(now)
    waits = []

    for _ in range(OF_ADDRESS.free + 9):
        waits.append(pauses.begin("192.0.2.1"))
        if waits[-1]:
            now.seconds += waits[-1]
            assert pauses.begin("192.0.2.1") == 0

    assert waits == [0] * OF_ADDRESS.free + [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_right_tokens_wait_for_nothing_where_the_clock_goes_back(now: Clock) -> None:
    pauses = SignInPauses(now)
    assert pauses.begin("192.0.2.1") == 0
    pauses.succeed("192.0.2.1")

    now.seconds -= 0.001

    assert pauses.begin("192.0.2.1") == 0


def test_another_address_does_not_wait_for_the_first(now: Clock) -> None:
    pauses = SignInPauses(now)
    for _ in range(OF_ADDRESS.free):
        pauses.begin("192.0.2.1")

    assert pauses.begin("192.0.2.1") > 0
    assert pauses.begin("192.0.2.2") == 0


def test_many_addresses_together_wait_but_not_for_long(now: Clock) -> None:
    pauses = SignInPauses(now)
    looked_at = [number for number in range(200) if pauses.begin(f"192.0.2.{number}") == 0]

    assert len(looked_at) == OF_ALL.free
    for number in range(100):
        wait = pauses.begin(f"198.51.100.{number}")
        assert wait <= OF_ALL.longest_seconds
        now.seconds += wait
        assert pauses.begin(f"198.51.100.{number}") == 0


def test_who_was_right_or_waited_begins_from_the_beginning(now: Clock) -> None:
    pauses = SignInPauses(now)
    for _ in range(OF_ADDRESS.free):
        pauses.begin("192.0.2.1")
        pauses.begin("192.0.2.2")

    pauses.succeed("192.0.2.1")
    assert pauses.begin("192.0.2.1") == 0
    now.seconds += OF_ADDRESS.forgotten_seconds
    assert [pauses.begin("192.0.2.2") for _ in range(OF_ADDRESS.free)] == [0] * OF_ADDRESS.free


def test_right_sign_ins_hold_nobody_up(now: Clock) -> None:
    pauses = SignInPauses(now)

    for _ in range(10 * OF_ALL.free):
        assert pauses.begin("192.0.2.1") == 0
        pauses.succeed("192.0.2.1")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_network_is_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_addresses_without_end_are_not_remembered_without_end(now: Clock) -> None:
    pauses = SignInPauses(now)

    for number in range(MOST_ADDRESSES + 500):
        now.seconds += pauses.begin(f"2001:db8:{number:x}::1")

    assert len(pauses._records) <= MOST_ADDRESSES


@pytest.fixture
def guarded(real_store: Store) -> Services:
    return Services(real_store, api_token=ADMIN)


def counted(client: FlaskClient) -> dict[str, float]:
    """What /metrics counts as refused, by why."""
    text = client.get("/metrics", headers=bearer(ADMIN)).text
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    samples = families["donebit_refusals"]
    return {sample.labels["reason"]: sample.value for sample in samples if sample.name.endswith("_total")}


@pytest.mark.parametrize("service", NAMES)
def test_each_refusal_is_one_line_and_one_count(
    guarded: Services, real_store: Store, caplog: pytest.LogCaptureFixture, service: str
) -> None:
    client = guarded.of(service)
    reader = bearer(tokens.create(real_store, "reader", Role.READ)[1])
    changing = {"trigger": "/tasks", "done": "/resume", "distinct": "/visits"}[service]
    before = counted(client)

    with caplog.at_level(logging.WARNING):
        problem_of(client.get("/metrics"), 401)
        problem_of(client.get("/metrics", headers=bearer("guessed")), 401)
        problem_of(client.post(changing, headers=reader), 403)
        problem_of(client.post(changing, headers={"Sec-Fetch-Site": "same-site"}), 403)
        problem_of(client.get("/a%0Arefused (role): forged", headers={"Host": "evil.example"}), 403)

    lines = [line for line in caplog.messages if line.startswith("refused")]
    assert lines == [
        "refused (token): 'GET' '/metrics' from 127.0.0.1",
        "refused (unknown_token): 'GET' '/metrics' from 127.0.0.1",
        f"refused (role): 'POST' '{changing}' from 127.0.0.1: reader",
        f"refused (origin): 'POST' '{changing}' from 127.0.0.1",
        r"refused (host): 'GET' '/a\nrefused (role): forged' from 127.0.0.1",
    ]
    risen = {reason: number - before[reason] for reason, number in counted(client).items()}
    once = {"token", "unknown_token", "role", "origin", "host"}
    assert risen == {reason: int(reason in once) for reason in REASONS}


def test_a_flood_of_refusals_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()

    with caplog.at_level(logging.WARNING):
        for _ in range(10_000):
            refusals.note("token", "GET", "/", "192.0.2.1")

    assert MOST_LINES <= len(caplog.messages) < 5000


def test_wrong_sign_ins_are_held_up_and_no_token_is(
    tmp_path_factory: pytest.TempPathFactory, valkey: RunningServer
) -> None:
    folder = tmp_path_factory.mktemp("refusals")
    with running_services(folder, valkey.url, API_TOKEN=ADMIN) as services:
        url = services.url("trigger", "/sign-in")
        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(lambda number: sign_in(url, f"guess-{number}"), range(300)))
        right = sign_in(url, ADMIN)
        asked = urllib.request.Request(services.url("trigger", "/metrics"), headers=bearer(ADMIN))
        with urllib.request.urlopen(asked, timeout=10) as answer:
            metrics = answer.read().decode()

    looked_at = [status for status, _ in answers if status == 401]
    assert OF_ADDRESS.free <= len(looked_at) <= OF_ADDRESS.free + 6  # 300 take a few seconds at most
    assert {status for status, _ in answers} == {401, 429}
    assert right[0] == 429
    assert 1 <= int(right[1]) <= 60
    refused = len(answers) + 1 - len(looked_at)
    assert f'donebit_refusals_total{{reason="sign_in"}} {len(looked_at)}.0' in metrics
    assert f'donebit_refusals_total{{reason="sign_in_pause"}} {refused}.0' in metrics


def sign_in(url: str, token: str) -> tuple[int, str]:
    """Send the form; the status, and Retry-After."""
    try:
        with urllib.request.urlopen(url, urlencode({"token": token}).encode(), timeout=10) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Retry-After", "")
