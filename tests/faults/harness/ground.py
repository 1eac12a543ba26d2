"""What is tortured: a server, a worker and beat of its own, each to be killed, frozen and cut off."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from donebit import clock, queue
from donebit.addresses import LOOPBACK
from donebit.completion import lifecycle
from donebit.completion.spec import TaskSpec, Webhook
from donebit.completion.task import Task
from donebit.completion.ttls import TaskTtls
from donebit.config import Settings
from donebit.errors import NotFound
from donebit.queue import Publisher
from donebit.store import Store, keys
from donebit.store.store import WORKER_TIMEOUT
from donebit.workers import presence
from tests.completion.arranged import TTLS
from tests.faults.harness.witness import Witness, let_pass
from tests.receiver import SECRET
from tests.servers import RunningServer, valkey_binary
from tests.started import Started, eventually

START_SECONDS = 60.0
HEAL_SECONDS = 45.0  # a machine with other things to do; 1 to 8 on an idle one
SOON = timedelta(seconds=1)  # a stall_after
NEVER = timedelta(hours=1)
LOOK_EVERY_MS = 500  # as the quick worker has it
CELERY = (sys.executable, "-m", "celery", "--app", "tests.faults.harness.quick_worker", "--quiet")
WORKER = (*CELERY, "worker", "--without-mingle", "--without-gossip")
BEAT = (*CELERY, "beat")


def pass_by(seconds: float) -> None:
    """Let time pass, which is no wait for anything."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until, seconds + 10)


@dataclass(frozen=True, slots=True)
class Victim:
    """A task that something happens to, and where its steps leave their lines."""

    task: Task
    tally: Path

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def runs(self) -> Counter[int]:
        """How often each step has run to its end."""
        return Counter(map(int, self.tally.read_text().split()))


class Ground:
    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        self.server = RunningServer(valkey_binary(), self.folder("server"))
        self.witness = Witness(self.server)
        self.store = Store.at(self.server.url, timeout=WORKER_TIMEOUT)
        self.celery = queue.make_celery(Settings(redis_url=self.server.url))
        self.publisher = Publisher(self.celery)
        self._environment = {
            "REDIS_URL": self.witness.url,
            "BROKER_URL": self.server.url,
            "JOBS": "tests.faults.harness.jobs",
            "WORKER_PROCESSES": "3",
            "WEBHOOK_HOSTS": "127.0.0.1",
            "WEBHOOK_SECRET": SECRET,
            "PYTHONUNBUFFERED": "1",
        } | environment
        self.start_worker()
        self.beat = self._started("beat", BEAT)

    def folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _started(self, name: str, command: tuple[str, ...]) -> Started:
        return Started(command, self.folder(name), **self._environment)

    def start_worker(self) -> None:
        """Start the worker, and wait until it takes messages."""
        began_ms = clock.now_ms()
        self.worker = self._started("worker", WORKER)

        def is_ready() -> bool:
            assert self.worker.process.poll() is None, self.worker.out + self.worker.err
            (seen_ms,) = self.store.heartbeats.last_seen_ms("worker")
            return (seen_ms or 0) >= began_ms

        eventually(is_ready, START_SECONDS, what="the worker did not start")

    def start_another_worker(self) -> Started:
        """Start a worker beside that one, and wait until it is seen; whoever starts it has to end it."""
        present = self.names_of_workers()
        another = self._started("worker", WORKER)
        eventually(lambda: self.names_of_workers() - present, START_SECONDS, what=another.err)
        return another

    def names_of_workers(self) -> set[str]:
        """Those seen in the last minutes."""
        return {worker.name for worker in presence.recent_workers(self.store.workers.shown(), clock.now())}

    def keep_worker(self) -> None:
        """Start a worker that has ended, as `make demo` and whoever else supervises one does.

        Celery's ends with an error of its own where a process of its pool dies while it connects anew.
        """
        if self.worker.process.poll() is not None:
            self.start_worker()

    def kill_worker(self) -> None:
        """kill -9, of the worker and of every process of its pool at once."""
        self.signal_worker(signal.SIGKILL)
        self.worker.process.wait()

    def signal_worker(self, number: int) -> None:
        """The same with any signal. Where it has just ended by itself, its exit code is waited for."""
        try:
            os.killpg(self.worker.process.pid, number)
        except ProcessLookupError:
            self.worker.process.wait()

    def end_worker(self, grace_seconds: float) -> None:
        """As a deploy does: SIGTERM, and kill -9 of what is still there after a while."""
        self.worker.send(signal.SIGTERM)
        pass_by(grace_seconds)
        if self.worker.process.poll() is None:
            self.kill_worker()

    def set_clock(self, ahead_seconds: int) -> None:
        """Have the clock of workers that are started from now on be ahead, or late."""
        (self.folder("worker") / "ahead").write_text(str(ahead_seconds))

    def fail_over(self, seconds: float) -> None:
        """Open connections lead to a replica for a while, which takes no writes."""
        self.server.client.replicaof(LOOPBACK, "1")  # where nothing listens: it keeps its data
        pass_by(seconds)
        self.server.client.replicaof("NO", "ONE")

    def restart_server(self) -> None:
        """kill -9, and again on the same data."""
        self.server.end()
        self.server.start()

    def pool(self) -> set[int]:
        """The processes that the worker runs its messages in."""
        return self.worker.family() - {self.worker.process.pid}

    def kill_pool(self, pids: Collection[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def signal_pool(self, number: int) -> None:
        for pid in self.pool():
            os.kill(pid, number)

    def takes_no_more(self) -> bool:
        """Whether messages wait that the worker, its pool stopped, does not take."""
        seen = {self.server.client.hlen(keys.of_broker("unacked"))}
        for _ in range(10):
            pass_by(0.02)
            seen.add(self.server.client.hlen(keys.of_broker("unacked")))
        return len(seen) == 1 and self.server.client.llen(keys.of_broker(queue.CONTROL)) > 0

    def send_each_twice(self) -> None:
        (self.folder("worker") / "twice").touch()

    def die_after(self, messages: int, who: str) -> None:
        """Have whoever sends more messages than these die: `all` of the worker, or that process `alone`."""
        (self.folder("worker") / "last").write_text(f"{messages} {who}")

    def has_died(self) -> bool:
        return not (self.folder("worker") / "last").exists()

    def make(
        self,
        count: int,
        *,
        pause_ms: int = 0,
        deadly: Collection[int] = (),
        task_id: str | None = None,
        batch: int | None = None,
        stall_after: timedelta = SOON,
        ttls: TaskTtls = TTLS,
        webhook: Webhook | None = None,
        job: str = "tally",
    ) -> Victim:
        """A task that the worker has not been told of."""
        tally = self.folder("tallies") / str(len(list(self.folder("tallies").iterdir())))
        tally.touch()
        params = {"file": str(tally), "pause_ms": pause_ms, "deadly": list(deadly)}
        order = TaskSpec(count, job, params, batch=batch, stall_after=stall_after, webhook=webhook)
        started = lifecycle.start(self.store, order, task_id=task_id, ttls=ttls, max_steps=count)
        self.store.task_index.look_again(started.task.id, clock.now_ms() + LOOK_EVERY_MS)  # not after seconds
        return Victim(started.task, tally)

    def start(self, count: int, **asked: object) -> Victim:
        """A task that the worker is told to fan out."""
        victim = self.make(count, **asked)  # type: ignore[arg-type]  # as make() has them
        self.publisher.dispatch(victim.task)
        return victim

    def note_dispatched(self, victim: Victim) -> None:
        """Have it believed that its messages are sent, which then were lost."""
        task = victim.task
        self.store.tasks.update_record(task.id, task.nonce, task.run, {"dispatched_at": clock.now_ms()})

    def keys_of(self, victim: Victim) -> set[str]:
        return {str(key) for key in self.server.client.keys(f"donebit:done:{{{victim.id}}}*")}

    def now(self, victim: Victim) -> Task:
        return lifecycle.get_task(self.store, victim.id).task

    @property
    def log(self) -> str:
        """All that the workers have written, the ones before this one too."""
        files = sorted(self.folder("worker").glob("*.out"))
        return "".join(file.read_text(errors="replace") for file in files)

    def said_of(self, victim: Victim) -> list[str]:
        return [line for line in self.log.splitlines() if f"task {victim.id} " in line]

    def told(self, victim: Victim) -> list[str]:
        """The ids under which its end was told, once for each time."""
        told = re.compile(rf"task {victim.id} is (?:done|failed|cancelled): .* \[(\S+)\]$")
        return [found.group(1) for line in self.said_of(victim) if (found := told.search(line))]

    def await_end(self, victim: Victim) -> float:
        """Wait until its end is told and nobody need look after it; how many seconds that took."""
        began = time.monotonic()

        def is_left_alone() -> bool:
            self.keep_worker()
            return bool(self.told(victim)) and not self.is_open(victim)

        self.eventually(victim, is_left_alone, what="is not told, or still open")
        return time.monotonic() - began

    def eventually(self, victim: Victim, holds: Callable[[], object], *, what: str) -> None:
        """Wait until it holds, for as long as steps of the task are done: a machine may have more to do."""
        left, deadline = victim.task.count + 1, 0.0
        while not holds():
            if (missing := self.now(victim).missing_steps) < left:
                left, deadline = missing, time.monotonic() + HEAL_SECONDS
            assert time.monotonic() < deadline, f"task {victim.id} {what}: {self.state(victim)}"
            time.sleep(0.02)

    def state(self, victim: Victim) -> str:
        """For whoever wonders why it has not healed."""
        client, record = self.server.client, keys.record(victim.id)
        waiting = [f"{name} {client.llen(keys.of_broker(name))}" for name in (*queue.QUEUES, "celery")]
        seen = dict(
            zip(("worker", "sweep"), self.store.heartbeats.last_seen_ms("worker", "sweep"), strict=True)
        )
        said = "\n".join(self.log.splitlines()[-40:])
        unacked = client.hlen(keys.of_broker("unacked"))
        return (
            f"at {clock.now_ms()} {client.hgetall(record)}; {waiting}, {unacked} unacked; "
            f"seen {seen}; pool {self.pool()}, beat {self.beat.process.poll()}; {said}"
        )

    def await_sent(self, victim: Victim) -> None:
        eventually(lambda: self.now(victim).dispatched_at, HEAL_SECONDS, what="it is not fanned out")

    def lose_messages(self) -> None:
        """All of the broker's keys at once: what waits, what is worked at, and which queues there are."""
        client = self.server.client
        names = (*queue.QUEUES, "unacked", "unacked_index")
        client.delete(*map(keys.of_broker, names), *client.keys(keys.of_broker("_kombu.*")))

    def is_open(self, victim: Victim) -> bool:
        return self.store.task_index.next_look(victim.id) is not None

    def await_quiet(self) -> None:
        """Wait until no message waits but the sweep's own."""
        lengths: list[int] = []

        def stays_quiet() -> bool:
            lengths.append(sum(self.store.heartbeats.queue_lengths((queue.STEPS, queue.SLICES))))
            return len(lengths) > 4 and not any(lengths[-4:])

        eventually(stays_quiet, HEAL_SECONDS, what="messages are still there")

    def restore(self) -> None:
        """Whatever a test has broken or left, for the next one."""
        self.witness.trap = let_pass
        for name in ("twice", "last", "ahead"):
            (self.folder("worker") / name).unlink(missing_ok=True)
        self.server.process.send_signal(signal.SIGCONT)
        if not self.server.answers():
            self.server.start()
        self.signal_worker(signal.SIGCONT)
        if self.worker.process.poll() is not None:
            self.start_worker()
        for task_id, _ in self.store.task_index.newest(None, 1000):
            with suppress(NotFound):
                lifecycle.delete(self.store, task_id)
        self.await_quiet()
        # What a killed worker held would be held for an hour.
        self.server.client.delete(keys.of_broker("unacked"), keys.of_broker("unacked_index"))

    def close(self) -> None:
        for started in (self.worker, self.beat):
            started.end()
        self.witness.close()
        self.server.close()
