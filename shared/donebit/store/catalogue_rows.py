"""The rows of the catalogue: every key that Donebit writes, its type, and whether it goes by itself.

Patterns are without the prefix. What stands in braces is the hash tag, `<...>` is filled in.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple


class Ttl(StrEnum):
    """Whether a key goes by itself."""

    PERMANENT = "permanent"
    EXPIRES = "expires"
    SCRATCH = "scratch"  # of a script, gone before it ends
    REPLACED = "once replaced"  # a minute later, for those who read it


class KeyRow(NamedTuple):
    """One kind of key.

    Attributes:
        pattern: its name without the prefix
        redis_type: as TYPE answers
        ttl: whether it goes by itself
        meaning: what it holds, and for how long, in plain words
    """

    pattern: str
    redis_type: str
    ttl: Ttl
    meaning: str

    @property
    def hash_tag(self) -> str:
        """What decides over its slot on a cluster; empty where the whole name does."""
        found = re.search(r"\{(.+?)\}", self.pattern)
        return found[1] if found else ""


PERMANENT, EXPIRES, SCRATCH, REPLACED = Ttl.PERMANENT, Ttl.EXPIRES, Ttl.SCRATCH, Ttl.REPLACED

TASKS = (
    KeyRow(
        "done:{<task>}",
        "string",
        EXPIRES,
        "the task's bitmap: bits 0..N-1 the steps, bit N the end marker; dropped when the task is done",
    ),
    KeyRow(
        "done:{<task>}:task", "hash", EXPIRES, "the task's record; the tombstone of a task that has ended"
    ),
    KeyRow("done:{<task>}:failed", "string", EXPIRES, "bit n: step n gave up"),
    KeyRow("done:{<task>}:attempts", "string", EXPIRES, "four bits a step: its failed attempts"),
    KeyRow("done:{<task>}:errors", "hash", EXPIRES, "step -> its last error, a thousand steps at most"),
    KeyRow(
        "done:{<task>}:reasons",
        "string",
        EXPIRES,
        "four bits a step: the group of its last error; 0 none, 15 one beyond the fourteenth",
    ),
    KeyRow(
        "done:{<task>}:groups",
        "hash",
        EXPIRES,
        "=<error without numbers and ids> -> the group's number n; n:first, n:last (ms), n:attempts, and "
        "n:step, n:error and n:traceback of the last attempt",
    ),
    KeyRow(
        "done:{<task>}:leases",
        "hash",
        EXPIRES,
        "message -> which process of which worker runs its steps, until when (server's clock), and at which",
    ),
    KeyRow(
        "done:{<task>}:results",
        "hash",
        EXPIRES,
        "c<n> -> the results of 256 steps, or step -> a result above 128 bytes; as long as the task",
    ),
    KeyRow(
        "done:{<task>}:items",
        "stream",
        EXPIRES,
        "the inputs of its steps, in compressed JSON lists, each with its first step and 1 for its id",
    ),
    KeyRow(
        "done:{<task>}:reclaiming:<message>",
        "string",
        EXPIRES,
        "set for four seconds while the steps of a lease that ran out are sent again",
    ),
    KeyRow("done:{<task>}:scratch", "string", SCRATCH, "which steps gave up and are done"),
    KeyRow(
        "done:{<task>}:deliveries",
        "hash",
        EXPIRES,
        "<run>:<end>:<kind> -> what of that end is delivered to whom, and each attempt",
    ),
    KeyRow(
        "done:{<task>}:reply:<key>", "string", EXPIRES, "the answer under an Idempotency-Key, for one hour"
    ),
    KeyRow("done:{<task>}:body", "string", EXPIRES, "of a Celery chord: the signature called at its end"),
    KeyRow(
        "done:{<task>}:parts", "list", EXPIRES, "of a chord: its parts' results, until the body is called"
    ),
    KeyRow("done:{<task>}:owners", "string", EXPIRES, "of a chord: eight bytes a step, whose it is"),
    KeyRow(
        "done:{<task>}:extras",
        "hash",
        EXPIRES,
        "of a chord: parts whose step is not their index -> their step, or d or f before the size is known",
    ),
    KeyRow(
        "job:{<job>}:runs",
        "stream",
        EXPIRES,
        "a job's past runs, some 100 bytes each; HISTORY_TTL after the last",
    ),
    KeyRow(
        "job:names", "zset", EXPIRES, "jobs that have run, by their last end (ms); HISTORY_TTL after the last"
    ),
    KeyRow("done:chords", "zset", EXPIRES, "ended chords whose body is to be called, by the next look (ms)"),
    KeyRow("done:open", "zset", EXPIRES, "tasks not yet announced, by when the sweep looks next (ms)"),
    KeyRow("done:tasks", "zset", EXPIRES, "tasks by creation (us), for listing"),
    KeyRow(
        "done:leases",
        "zset",
        EXPIRES,
        "<task>:<message> leases that are held, by when they run out (ms); an hour after the last",
    ),
    KeyRow(
        "done:pending:<delivery>",
        "zset",
        EXPIRES,
        "<task>:<run>:<end>:<kind> not yet delivered, by the next attempt (ms)",
    ),
    KeyRow(
        "done:{<task>}:permits",
        "zset",
        EXPIRES,
        "of a task with max_concurrency: the processes that run steps of it, by when that runs out (ms); a "
        "minute after the last",
    ),
    KeyRow(
        "job:{<job>}:permits", "zset", EXPIRES, "the same of a job with max_concurrency, over all its tasks"
    ),
)
SCHEDULES = (
    KeyRow(
        "schedule:{<schedule>}",
        "hash",
        PERMANENT,
        "what the schedule starts and when (JSON), its last task, and its mark: the last "
        "firing that it has dealt with (ms)",
    ),
    KeyRow("schedule:next", "zset", PERMANENT, "every schedule, by when the sweep looks at it next (ms)"),
)
EXPECTATIONS = (
    KeyRow(
        "expectation:{<schedule>}",
        "hash",
        PERMANENT,
        "what must happen by when (JSON), the last judged deadline, and since when it is missed (ms)",
    ),
    KeyRow(
        "expectation:{<schedule>}:seen",
        "zset",
        EXPIRES,
        "the last 2000 minutes in which something met it (ms); 63 days after the last",
    ),
    KeyRow(
        "expectation:next", "zset", PERMANENT, "every expectation, by when the sweep looks at it next (ms)"
    ),
)
EVENTS = (
    KeyRow(
        "seen:{<segment>}:<event>:all",
        "string",
        PERMANENT,
        "bit n: user segment * 1,048,448 + n was ever here",
    ),
    KeyRow(
        "seen:{<segment>}:<event>:<period>",
        "string",
        EXPIRES,
        "the same in a period; for the event's retention from the period's end",
    ),
    KeyRow(
        "seen:{<segment>}:<event>:<users>",
        "string",
        PERMANENT,
        "how many users the segment's all-time bitmap has, and their kind; changed or dropped atomically "
        "with it, and without it the bits are counted",
    ),
    KeyRow(
        "seen:{<segment>}:<event>:all:imported",
        "string",
        PERMANENT,
        "those of them who were imported for all time: they stay when days are taken back",
    ),
    KeyRow(
        "seen:{<segment>}:<event>:<period>:imported",
        "string",
        EXPIRES,
        "those of a week or month who were imported for it as a whole; as long as the period",
    ),
    KeyRow("seen:{<segment>}:batch:<token>", "string", SCRATCH, "a batch before it is merged"),
    KeyRow(
        "seen:{<segment>}:query:<token>:<level>",
        "string",
        EXPIRES,
        "intermediate results of a query; deleted with its last script, after a minute at most",
    ),
    KeyRow("event:{<event>}:segments:all", "string", PERMANENT, "bit s: the event has a segment s"),
    KeyRow("event:{<event>}:segments:<period>", "string", EXPIRES, "the same in a period"),
    KeyRow("event:{<event>}:segments:all:imported", "string", PERMANENT, "the same of what was imported"),
    KeyRow("event:{<event>}:segments:<period>:imported", "string", EXPIRES, "the same in a period"),
    KeyRow(
        "event:{<event>}:meta",
        "hash",
        PERMANENT,
        "the kind of users it holds, its retention, its oldest day, and imported:<period> for imports",
    ),
    KeyRow("event:{<event>}:periods", "zset", PERMANENT, "the event's periods by when they expire (s)"),
    KeyRow(
        "event:names",
        "hash",
        PERMANENT,
        "every event -> the kind of users it holds; entered before its first bit, gone when it is forgotten",
    ),
    KeyRow("seen:{<directory>}:numbers", "hash", PERMANENT, "id -> dense number, 4 bytes"),
    KeyRow("seen:{<directory>}:ids:<bucket>", "list", PERMANENT, "the ids of 64 numbers, in their order"),
    KeyRow("seen:{<directory>}:next", "string", PERMANENT, "the next free dense number"),
    KeyRow("seen:{<directory>}:erasures", "string", PERMANENT, "how many ids were ever erased"),
    KeyRow(
        "seen:{<directory>}:erasing",
        "set",
        PERMANENT,
        "numbers whose id is erased and whose bits are being cleared",
    ),
    KeyRow("layout", "string", PERMANENT, "the layout that the bitmaps were written with"),
    KeyRow("zone_rules", "string", PERMANENT, "a fingerprint of the zone's rules that days were cut by"),
)
FLAGS = (
    KeyRow("flag:{<segment>}:bits:<flag>", "string", REPLACED, "bit n: the segment's n-th user has it"),
    KeyRow(
        "flag:{<segment>}:bits:<flag>@<generation>",
        "string",
        REPLACED,
        "the same of a flag that was replaced as a whole, each time under another generation",
    ),
    KeyRow("flag:{<segment>}:batch:<token>", "string", SCRATCH, "a batch before it is merged"),
    KeyRow(
        "flag:{<segment>}:staged:<token>",
        "string",
        EXPIRES,
        "a question's answer before it becomes a flag, ten minutes at most, or what replaces one, a minute",
    ),
    KeyRow("flag:{<flag>}:segments", "string", REPLACED, "bit s: the flag has a segment s"),
    KeyRow("flag:{<flag>}:segments@<generation>", "string", REPLACED, "the same in a generation"),
    KeyRow(
        "flag:{<flag>}:meta",
        "hash",
        PERMANENT,
        "the kind of users it holds, its generation, how often it was marked and users were erased since it "
        "began, and old:<generation> and new:<generation> for bitmaps that are to go or are being made",
    ),
    KeyRow("flag:names", "hash", PERMANENT, "every flag -> the kind of users it holds"),
    KeyRow("flag:erasures", "string", PERMANENT, "of an earlier version, and not read any more"),
    KeyRow("may:{<kind>}:names", "list", PERMANENT, "what the bits of this kind of objects permit, in order"),
    KeyRow(
        "may:{<kind>:<object>}",
        "string",
        PERMANENT,
        "bit n: the object has the n-th permission of its kind; gone when no bit is set",
    ),
)
WORKERS = (
    KeyRow(
        "heartbeat:<process>",
        "string",
        EXPIRES,
        "when a worker, and the sweep, were last seen, and when /health last wrote (ms); a minute",
    ),
    KeyRow(
        "heartbeat:workers",
        "hash",
        EXPIRES,
        "<worker> -> how that worker is (JSON), for ten minutes after it was last seen",
    ),
    KeyRow(
        "heartbeat:skews",
        "hash",
        EXPIRES,
        "<worker> -> by how much its clock is ahead of the server's, seen when (ms); a minute",
    ),
    KeyRow("heartbeat:sweeping", "string", EXPIRES, "no further sweep begins while it is there; a second"),
    KeyRow(
        "heartbeat:steps:<minute>",
        "hash",
        EXPIRES,
        "second of that minute -> steps that workers finished; three minutes",
    ),
    KeyRow(
        "heartbeat:heals",
        "zset",
        EXPIRES,
        "<task>:<ms>:<steps sent again> by that time (ms); a day, 1000 at most",
    ),
    KeyRow(
        "metrics",
        "hash",
        EXPIRES,
        "<figure>/<job> -> how often, or how many microseconds, since its first count, for /metrics; 30 days "
        "after the last",
    ),
    KeyRow(
        "log:trouble",
        "stream",
        EXPIRES,
        "the same of the last 10,000 warnings and errors or so alone; a week",
    ),
    KeyRow("log:worker", "stream", EXPIRES, "the workers' last 10,000 log lines or so; a day after the last"),
)
ACCESS = (
    KeyRow(
        "access:tokens",
        "hash",
        PERMANENT,
        "name -> role, SHA-256 and making (ms) of each token (JSON); until it is revoked",
    ),
    KeyRow(
        "access:sign_outs",
        "zset",
        EXPIRES,
        "session <id>, or token <fingerprint> <ms> before which all its sessions began: signed out, by when "
        "that is forgotten (ms); SESSION_IDLE after the last",
    ),
    KeyRow(
        "access:audit",
        "stream",
        PERMANENT,
        "who did what to what: the newest AUDIT_ENTRIES or so",
    ),
    KeyRow(
        "access:requests:<second>",
        "hash",
        EXPIRES,
        "token -> its requests in that second, #token -> in how many processes; ten seconds",
    ),
)
BROKER = (
    KeyRow(
        "<queue>",
        "list",
        PERMANENT,
        "messages that wait; of each queue also three lists of a higher priority are read: "
        "its name, the bytes 06 16, then 3, 6 or 9",
    ),
    KeyRow("unacked", "hash", PERMANENT, "messages that workers have taken and not finished"),
    KeyRow("unacked_index", "zset", PERMANENT, "those by when they were taken"),
    KeyRow("unacked_mutex", "string", EXPIRES, "who gives back what was taken too long ago"),
    KeyRow("_kombu.binding.<exchange>", "set", PERMANENT, "which queue a message goes to"),
    KeyRow("_kombu.binding_permanent.<exchange>", "set", PERMANENT, "those that do not expire"),
    KeyRow("_kombu.binding_deadlines", "zset", PERMANENT, "read by kombu; always empty here"),
)
SECTIONS: Final = {
    "Tasks": TASKS,
    "Schedules": SCHEDULES,
    "Expectations": EXPECTATIONS,
    "Events": EVENTS,
    "Flags and permissions": FLAGS,
    "Workers": WORKERS,
    "Access": ACCESS,
    "Celery's broker, where it is this server": BROKER,
}
ROWS: Final = tuple(row for rows in SECTIONS.values() for row in rows)
