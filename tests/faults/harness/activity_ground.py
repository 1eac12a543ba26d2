"""Two processes of distinct_app on a server of their own, which is killed, and answers that get lost."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import urllib3

from donebit.activity.periods.imported import begins
from donebit.activity.users.ids import User
from donebit.demo.ports import free_server_port
from donebit.names import EXAMPLE_EVENT
from tests.faults.harness.activity import (
    FLAGS,
    NOW,
    USERS,
    Activity,
    Sight,
    is_kept_for_certain,
    periods_of,
)
from tests.faults.harness.activity_acts import Act, iso
from tests.lossy_proxy import lossy_way_to
from tests.servers import RunningServer, valkey_binary
from tests.started import Started, eventually

START_SECONDS = 60.0
ANSWER_SECONDS = 45.0  # a machine with other things to do
LOST = 0
TO_SEND_AGAIN = (LOST, 409, 503)


class ActivityGround:
    """Sends requests until they are answered, and compares what is said afterwards with plain sets."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ending = folder, ExitStack()
        self._http = urllib3.PoolManager(retries=False, timeout=10, maxsize=4)
        self.server = RunningServer(valkey_binary(), self.folder("server"))
        self._ending.callback(self.server.close)
        self._urls = [self._start_service(f"service {number}") for number in (1, 2)]
        self._ways = [self._ending.enter_context(lossy_way_to(url)) for url in self._urls]
        self.begin()

    def begin(self) -> None:
        """With nothing recorded."""
        self.server.client.flushall()
        self.activity, self.history = Activity(), list[str]()

    def folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _start_service(self, name: str) -> str:
        port, redis_url = free_server_port(), self.server.url
        command = (sys.executable, "-m", "distinct_app")
        started = Started(
            command, self.folder(name), REDIS_URL=redis_url, DISTINCT_PORT=str(port), API_TOKEN="", ZONE="UTC"
        )
        self._ending.callback(started.end)
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: self._ask("GET", f"{url}/health")[0] == 200, START_SECONDS, what=started.err)
        return url

    def close(self) -> None:
        self._ending.close()

    @contextmanager
    def fault(self, chance: Random) -> Iterator[None]:
        """Have something go wrong meanwhile, or nothing."""
        kind = chance.choice(["none", "none", "lost", "lost", "killed"])
        self.history.append(f"-- {kind}")
        if kind == "lost":
            chance.choice(self._ways).answers_to_lose = chance.randint(1, 2)
        killer = threading.Timer(chance.uniform(0, 0.01), self._restart_server)
        if kind == "killed":
            killer.start()
        yield
        if kind == "killed":
            killer.join()
        for way in self._ways:
            way.answers_to_lose = 0

    def _restart_server(self) -> None:
        """kill -9, and again on its append-only file."""
        self.server.end()
        self.server.start()

    def do(self, act: Act) -> None:
        """Do one act, and know what comes of it."""
        after = act.done(self.activity)
        may_be = (self.activity, after)
        status, said = self._send(act, 0, may_be)
        if status == 200:
            self.activity = after
        if EXAMPLE_EVENT in act.path:
            assert said["distinct"] == len(after.facts[EXAMPLE_EVENT]), self.story

    def do_at_once(self, *acts: Act) -> None:
        """Do acts by two processes; to each user the one happens before the other."""
        with ThreadPoolExecutor(len(acts)) as threads:
            said = list(threads.map(self._send, acts, range(len(acts))))
        taken = [act for act, (status, _) in zip(acts, said, strict=True) if status == 200]
        one_way, other_way = self.activity, self.activity
        for act in taken:
            one_way = act.done(one_way)
        for act in reversed(taken):
            other_way = act.done(other_way)
        whole = [act.flag for act in acts if act.flag and all(one.flag for one in acts)]
        self.activity = self.check(one_way, other_way, whole)

    def check(
        self, expected: Activity | None = None, or_else: Activity | None = None, whole: Sequence[str] = ()
    ) -> Activity:
        """Compare what the service says with plain sets.

        Args:
            expected: by default what is known
            or_else: what each user may be known from just as well
            whole: flags that must be as the one or the other has them, for all users

        Returns:
            What is so.
        """
        activity = expected or self.activity
        sight = self._look(activity)
        sets = activity.sight(sight.events)
        if or_else is not None:
            others = or_else.sight(sight.events)
            for flag in whole:
                assert sight.flags[flag] in (sets.flags[flag], others.flags[flag]), self.story
            users = {*activity.users(), *or_else.users()}
            activity.keep_users([one for one in users if sight.of(one) != sets.of(one)], or_else)
            sets = activity.sight(sight.events)
        assert sight == sets, f"{differences(sight, sets)}\n{self.story}"
        return activity

    @property
    def story(self) -> str:
        return "\n".join(self.history)

    def _look(self, activity: Activity) -> Sight:
        """What the service says, of all periods that are kept."""
        events = {}
        for event in (*USERS, EXAMPLE_EVENT):
            for period in periods_of(event):
                at = iso(begins(period) if period.start else NOW)
                status, said = self._read(
                    f"/events/{event}/bitmap?format=ids&period={period.granularity}&at={at}"
                )
                if status == 422 and not is_kept_for_certain(activity, event, period):
                    continue
                assert status == 200, (event, period, said, self.story)
                events[event, period] = set(said)
        return Sight(events, {flag: self._flag(flag) for flag in FLAGS})

    def _flag(self, flag: str) -> set[Any]:
        status, said = self._read(f"/flags/{flag}/bitmap?format=ids")
        assert status == 200, said
        return set(said)

    def _read(self, path: str) -> tuple[int, Any]:
        """Read from the first service until it answers: the server may be killed just then."""
        status, said = LOST, None

        def is_answered() -> bool:
            nonlocal status, said
            status, said = self._ask("GET", self._urls[0] + path)
            return status not in TO_SEND_AGAIN

        eventually(is_answered, ANSWER_SECONDS, what="it is not answered")
        return status, said

    def _send(self, act: Act, number: int, may_be: Sequence[Activity] = ()) -> tuple[int, Any]:
        """Send a request until it is answered: status 200, or 422 where a period is not kept."""
        status, said = LOST, None

        def is_answered() -> bool:
            nonlocal status, said
            status, said = self._ask(act.method, self._ways[number].url + act.path, act.body, act.kind)
            self.history.append(f"{act} -> {status}")
            if status in TO_SEND_AGAIN and act.flag and may_be and self.server.answers():
                self._assert_whole(act.flag, may_be)
            return status not in TO_SEND_AGAIN

        eventually(is_answered, ANSWER_SECONDS, what="it is not answered")
        assert status == 200 or (status == 422 and act.may_be_refused(self.activity)), (said, self.story)
        return status, said

    def _assert_whole(self, flag: str, may_be: Sequence[Activity]) -> None:
        assert self._flag(flag) in [one.flags[flag] for one in may_be], self.story

    def _ask(
        self, method: str, url: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """Its status, and its body as JSON or as lines of it; status 0 when it said nothing."""
        headers = {"Content-Type": kind} if body else {}
        try:
            answer = self._http.request(method, url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError:
            return LOST, None
        if answer.headers.get("Content-Type") == "application/x-ndjson":
            return answer.status, [json.loads(line) for line in answer.data.splitlines()]
        return answer.status, json.loads(answer.data)


def differences(sight: Sight, sets: Sight) -> str:
    """Where the service says otherwise than the sets, for whoever reads the failure."""
    said: list[tuple[object, set[User]]] = [*sight.events.items(), *sight.flags.items()]
    known = [*sets.events.values(), *sets.flags.values()]
    return "\n".join(
        f"{where}: {users}, not {right}"
        for (where, users), right in zip(said, known, strict=True)
        if users != right
    )


def can_be_at_once(activity: Activity, one: Act, other: Act) -> bool:
    """Whether what comes of them is as if the one had been done before the other.

    A request that is sent again may be refused after an expiry was shortened meanwhile, or after days that
    would prove it were taken back. Of two flags each may be replaced by what the other was. And a flag to
    which another is joined may have it joined twice, as it was before that one's change and as it is since.
    """
    if one.alone or other.alone or {one.event, other.event} & activity.shortened:
        return False
    reads_it, is_read = other.flag in one.reads, one.flag in other.reads
    joins = (reads_it and one.flag in one.reads) or (is_read and other.flag in other.reads)
    return not (joins or (reads_it and is_read))
