"""The keys of tasks and of jobs, of schedules and expectations, for the catalogue."""

from __future__ import annotations

from donebit.store.catalogue_row import EXPIRES, PERMANENT, SCRATCH, KeyRow

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
        "job:<job>:runs:{<shard>}",
        "stream",
        EXPIRES,
        "on a cluster in place of job:{<job>}:runs: those of a shard's tasks",
    ),
    KeyRow(
        "job:names", "zset", EXPIRES, "jobs that have run, by their last end (ms); HISTORY_TTL after the last"
    ),
    KeyRow(
        "throughput:<seconds>:<second>",
        "hash",
        EXPIRES,
        "how many steps and tasks were done and failed in the so many seconds that begin at a second since "
        "the epoch; of ten minutes for a day, of six hours for 30 days",
    ),
    KeyRow("done:chords", "zset", EXPIRES, "ended chords whose body is to be called, by the next look (ms)"),
    KeyRow("done:open", "zset", EXPIRES, "tasks not yet announced, by when the sweep looks next (ms)"),
    KeyRow("done:tasks", "zset", EXPIRES, "tasks by creation (us), for listing"),
    KeyRow("done:open:{<shard>}", "zset", EXPIRES, "on a cluster in place of done:open: those of a shard"),
    KeyRow("done:tasks:{<shard>}", "zset", EXPIRES, "on a cluster in place of done:tasks: those of a shard"),
    KeyRow("done:shards", "string", PERMANENT, "on a cluster: in how many shards the indexes of tasks are"),
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
        "done:pending:<delivery>:{<shard>}",
        "zset",
        EXPIRES,
        "on a cluster in place of done:pending:<delivery>: those of a shard's tasks",
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
        "what must happen by when (JSON), the last judged deadline, and since when it is missed or "
        "paused (ms)",
    ),
    KeyRow(
        "expectation:{<schedule>}:seen",
        "zset",
        EXPIRES,
        "minutes in which something met it (ms), between two deadlines mostly the last, 2000 at most; "
        "63 days after the last",
    ),
    KeyRow(
        "expectation:next", "zset", PERMANENT, "every expectation, by when the sweep looks at it next (ms)"
    ),
)
