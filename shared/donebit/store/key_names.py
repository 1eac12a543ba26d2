"""The one place that builds the names of keys; `catalogue.py` says what each of them is.

Where two things share a `{hash tag}`, they share a slot on a cluster, so one script may touch both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from donebit.names import DEFAULT_KEY_PREFIX
from donebit.store.slots import suffix_for

KINDS = ("webhook", "callback", "then")  # of deliveries; one must not wait for a slow other
USER_KINDS = ("integers", "texts", "mapped")

# Of an event's `meta`: how long each is kept (s), and by when what ended is gone (s since the epoch).
RETENTION_FIELDS = tuple(
    f"{what}_{one}" for what in ("keep", "gone") for one in ("hour", "day", "week", "month")
)

APART = ":imported"  # after a period's name: those of its users who were imported for it as a whole
OLDEST_FIELD = "oldest"  # the first day that an event may have visits in, once its month
IMPORTED_FIELD = "imported:"  # and a period's name: its users were imported as a whole

# What nobody is promised: signs of life, figures, logs; and what a question computes with.
PASSING = ("heartbeat:", "metrics", "log:", "access:requests:")
QUERY_SCRATCH = re.compile(r"\}:query:[0-9a-f]{32}:")


class Keys:
    """The names of all keys of one installation, which its prefix keeps apart from other keys.

    Args:
        prefix: what every name begins with; without braces, which would move the hash tag
    """

    TEXT_USERS: Final = "users"  # the directories
    MAPPED_USERS: Final = "mapped"

    def __init__(self, prefix: str = DEFAULT_KEY_PREFIX) -> None:
        self.prefix = prefix
        # Up to the brace of the hash tag: a name is then one concatenation, in the way of every report.
        self._done, self._seen = f"{prefix}done:{{", f"{prefix}seen:{{"
        self._event, self._flag = f"{prefix}event:{{", f"{prefix}flag:{{"
        self._may = f"{prefix}may:{{"
        self._passing = tuple(prefix + name for name in PASSING)
        self.OPEN_TASKS = f"{prefix}done:open"
        self.ALL_TASKS = f"{prefix}done:tasks"
        self.LEASES = f"{prefix}done:leases"
        self.CHORDS = f"{prefix}done:chords"
        self.SCHEDULES = f"{prefix}schedule:next"
        self.EXPECTATIONS = f"{prefix}expectation:next"
        self.LAYOUT = f"{prefix}layout"
        self.ZONE_RULES = f"{prefix}zone_rules"
        self.EVENTS = f"{prefix}event:names"
        self.FLAGS = f"{prefix}flag:names"
        self.WORKERS = f"{prefix}heartbeat:workers"
        self.SKEWS = f"{prefix}heartbeat:skews"
        self.SWEEPING = f"{prefix}heartbeat:sweeping"
        self.HEALS = f"{prefix}heartbeat:heals"
        self.JOBS = f"{prefix}job:names"
        self.METRICS = f"{prefix}metrics"
        self.TROUBLE_LOG = f"{prefix}log:trouble"
        self.WORKER_LOG = f"{prefix}log:worker"
        self.TOKENS = f"{prefix}access:tokens"
        self.SIGN_OUTS = f"{prefix}access:sign_outs"
        self.AUDIT = f"{prefix}access:audit"

    def bitmap(self, task_id: str) -> str:
        """The bitmap of a task's steps."""
        return f"{self._done}{task_id}}}"

    def record(self, task_id: str) -> str:
        """What is known about a task."""
        return f"{self._done}{task_id}}}:task"

    def failed(self, task_id: str) -> str:
        """The bitmap of a task's steps that gave up."""
        return f"{self._done}{task_id}}}:failed"

    def attempts(self, task_id: str) -> str:
        """How often each step of a task failed."""
        return f"{self._done}{task_id}}}:attempts"

    def errors(self, task_id: str) -> str:
        """The last error of each step of a task that failed."""
        return f"{self._done}{task_id}}}:errors"

    def runs(self, job: str) -> str:
        """The past runs of a job."""
        return f"{self.prefix}job:{{{job}}}:runs"

    def reasons(self, task_id: str) -> str:
        """Why each step of a task failed last: four bits a step, the number of a group of errors."""
        return f"{self._done}{task_id}}}:reasons"

    def error_groups(self, task_id: str) -> str:
        """The groups of a task's errors."""
        return f"{self._done}{task_id}}}:groups"

    def leases(self, task_id: str) -> str:
        """Which processes run steps of a task."""
        return f"{self._done}{task_id}}}:leases"

    def results(self, task_id: str) -> str:
        """What the steps of a task returned."""
        return f"{self._done}{task_id}}}:results"

    def items(self, task_id: str) -> str:
        """The inputs of a task's steps."""
        return f"{self._done}{task_id}}}:items"

    def failed_scratch(self, task_id: str) -> str:
        """Where a script lays which steps have given up and are done."""
        return f"{self._done}{task_id}}}:scratch"

    def deliveries(self, task_id: str) -> str:
        """What is delivered of a task's ends, and to whom."""
        return f"{self._done}{task_id}}}:deliveries"

    def chord_body(self, task_id: str) -> str:
        """The signature that is called when a chord has ended."""
        return f"{self._done}{task_id}}}:body"

    def chord_results(self, task_id: str) -> str:
        """What the parts of a chord have returned."""
        return f"{self._done}{task_id}}}:parts"

    def chord_owners(self, task_id: str) -> str:
        """Which part each step of a chord is."""
        return f"{self._done}{task_id}}}:owners"

    def chord_extras(self, task_id: str) -> str:
        """The parts of a chord whose step is not their index in the header."""
        return f"{self._done}{task_id}}}:extras"

    def of_chord(self, task_id: str) -> list[str]:
        """What is kept of a chord until its body is called, the body first."""
        return [
            self.chord_body(task_id),
            self.chord_results(task_id),
            self.chord_owners(task_id),
            self.chord_extras(task_id),
        ]

    def pending(self, kind: str) -> str:
        """The deliveries of a kind that are still to be made, of all tasks."""
        return f"{self.prefix}done:pending:{kind}"

    def of_failures(self, task_id: str) -> list[str]:
        """What the failures of a task leave."""
        of_groups = [self.reasons(task_id), self.error_groups(task_id)]
        return [self.failed(task_id), self.attempts(task_id), self.errors(task_id), *of_groups]

    def of_task(self, task_id: str) -> list[str]:
        """The keys of a task that live as long as it does, the record first."""
        others = [*self.of_failures(task_id), self.leases(task_id)]
        others += [self.results(task_id), self.items(task_id)]
        return [self.record(task_id), self.bitmap(task_id), *others]

    def schedule(self, name: str) -> str:
        """What is known about a schedule."""
        return f"{self.prefix}schedule:{{{name}}}"

    def expectation(self, name: str) -> str:
        """What is known about an expectation."""
        return f"{self.prefix}expectation:{{{name}}}"

    def seen_by(self, name: str) -> str:
        """When something met an expectation."""
        return f"{self.prefix}expectation:{{{name}}}:seen"

    def task_permits(self, task_id: str) -> str:
        """Which processes may run steps of a task that limits them."""
        return f"{self._done}{task_id}}}:permits"

    def job_permits(self, job: str) -> str:
        """Which processes may run steps of a job that limits them."""
        return f"{self.prefix}job:{{{job}}}:permits"

    def reclaiming(self, task_id: str, message_id: str) -> str:
        """Set while one process sends the steps of a lease again that has run out."""
        return f"{self._done}{task_id}}}:reclaiming:{message_id}"

    def reply(self, task_id: str, idempotency_key: str) -> str:
        """The answer that was given under an Idempotency-Key."""
        return f"{self._done}{task_id}}}:reply:{idempotency_key}"

    def replies(self, task_id: str, idempotency_key: str | None) -> list[str]:
        """The answer that was given under an Idempotency-Key; none without a key."""
        return [] if idempotency_key is None else [self.reply(task_id, idempotency_key)]

    def segment(self, number: int, event: str, period: str) -> str:
        """A segment of an event's bitmap in a period."""
        return f"{self._seen}{number}}}:{event}:{period}"

    def user_count(self, number: int, event: str, kind: str) -> str:
        """How many users of this kind an event's all-time bitmap has in a segment."""
        return f"{self._seen}{number}}}:{event}:{kind}"

    def segment_in_each(self, number: int, event: str, periods: Iterable[str]) -> list[str]:
        """A segment of an event's bitmap in each of many periods."""
        begin = self.segment(number, event, "")
        return [begin + period for period in periods]

    def of_segment(self, number: int, event: str, period: str) -> list[str]:
        """What is dropped with a bitmap, atomically: a count without its bits would be added to."""
        kept = [*self.user_counts(number, event, period), self.kept_windows(number, event)]
        return [self.segment(number, event, period), *kept]

    def user_counts(self, number: int, event: str, period: str) -> list[str]:
        """Where the users of all time are counted, one name for each kind; none for a period that ends."""
        return [self.user_count(number, event, kind) for kind in USER_KINDS] if period == "all" else []

    def kept_windows(self, number: int, event: str) -> str:
        """How many users windows of an event's days have in a segment."""
        return f"{self._seen}{number}}}:{event}:windows"

    def batch_scratch(self, number: int, token: str) -> str:
        """Where a batch is laid before it is merged; gone before the script that fills it ends."""
        return f"{self._seen}{number}}}:batch:{token}"

    def query_scratch(self, number: int, token: str, level: int) -> str:
        """Where a question lays what it computes with next."""
        return f"{self._seen}{number}}}:query:{token}:{level}"

    def segments(self, event: str, period: str) -> str:
        """The registry of the segments that an event has in a period."""
        return f"{self._event}{event}}}:segments:{period}"

    def event_meta(self, event: str) -> str:
        """What is known about an event."""
        return f"{self._event}{event}}}:meta"

    def periods(self, event: str) -> str:
        """The periods that an event was seen in."""
        return f"{self._event}{event}}}:periods"

    def flag_segment(self, number: int, flag: str, generation: str = "") -> str:
        """A segment of a flag's bitmap, of the generation that readers are led to."""
        return f"{self._flag}{number}}}:bits:{flag}{_of(generation)}"

    def flag_staged(self, number: int, token: str) -> str:
        """Where a question's answer waits to become a flag's."""
        return f"{self._flag}{number}}}:staged:{token}"

    def flag_scratch(self, number: int, token: str) -> str:
        """Where a flag's batch is laid before it is merged; gone before the script that fills it ends."""
        return f"{self._flag}{number}}}:batch:{token}"

    def flag_segments(self, flag: str, generation: str = "") -> str:
        """The registry of the segments that a flag has in a generation."""
        return f"{self._flag}{flag}}}:segments{_of(generation)}"

    def flag_meta(self, flag: str) -> str:
        """What is known about a flag."""
        return f"{self._flag}{flag}}}:meta"

    def permission_names(self, kind: str) -> str:
        """What the bits of a kind of objects permit."""
        return f"{self._may}{kind}}}:names"

    def permissions(self, kind: str, thing: str) -> str:
        """The bitmap of an object's permissions."""
        return f"{self._may}{kind}:{thing}}}"

    def numbers(self, directory: str) -> str:
        """The dense number of each id of a directory."""
        return f"{self._seen}{directory}}}:numbers"

    def ids_of_numbers(self, directory: str, bucket: int) -> str:
        """The ids of some consecutive numbers of a directory."""
        return f"{self._seen}{directory}}}:ids:{bucket}"

    def next_number(self, directory: str) -> str:
        """The next free number of a directory."""
        return f"{self._seen}{directory}}}:next"

    def erasures(self, directory: str) -> str:
        """How many ids of a directory were ever erased."""
        return f"{self._seen}{directory}}}:erasures"

    def erasing(self, directory: str) -> str:
        """The numbers of a directory whose id is erased and whose bits are being cleared."""
        return f"{self._seen}{directory}}}:erasing"

    def heartbeat(self, of: str) -> str:
        """When a kind of process was last seen."""
        return f"{self.prefix}heartbeat:{of}"

    def confirmation(self, slot: int) -> str:
        """What is written for replicas to confirm all before it, on the node of a slot."""
        name = f"{self.prefix}confirmed:"
        return name + suffix_for(name, slot)

    def is_passing(self, name: str) -> bool:
        """Whether a key holds what nobody is promised."""
        return name.startswith(self._passing) or QUERY_SCRATCH.search(name) is not None

    def steps_in_minute(self, minute: int) -> str:
        """What workers finished in a minute, counted from the epoch."""
        return f"{self.prefix}heartbeat:steps:{minute}"

    def throughput(self, seconds: int, start: int) -> str:
        """What was done and failed in so many seconds, from one since the epoch on."""
        return f"{self.prefix}throughput:{seconds}:{start}"

    def requests_in_second(self, second: int) -> str:
        """How many requests each token sent in a second, counted from the epoch."""
        return f"{self.prefix}access:requests:{second}"

    def of_broker(self, name: str) -> str:
        """A key of Celery's broker, where it is this server: a queue's, or that of messages in progress."""
        return self.prefix + name


def _of(generation: str) -> str:
    """What says the generation in a name: nothing of a flag that was never replaced as a whole."""
    return f"@{generation}" if generation else ""
