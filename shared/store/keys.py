"""The catalogue of every key Donebit writes, and the one place that builds them.

Where two things share a `{hash tag}`, they share a slot on a cluster, so one script may touch both.

Completion
    done:{id}                  string   the task's bitmap: bits 0..N-1 the steps, bit N the end marker.
                                        TTL of the open task; dropped when the task is done
    done:{id}:task             hash     the task's record. Same TTL; once its end is told the tombstone's
    done:{id}:failed           string   bit n: step n gave up. From the first failure, the same TTL
    done:{id}:tried            string   four bits a step: its failed attempts. The same
    done:{id}:errors           hash     step -> its last error, a thousand steps at most. The same
    done:{id}:both             string   scratch of a script, gone before it ends
    done:{id}:told             hash     <run>:<end>:<kind> -> what of that end is told to whom, and how
                                        often it was tried. For as long as it may be tried, and the task lives
    done:{id}:reply:<key>      string   the answer given under an Idempotency-Key. One hour
    done:open                  zset     tasks not yet announced, by the time of the next look (ms)
    done:tasks                 zset     tasks by creation (us), for listing
    done:deliveries:<kind>     zset     <id>:<run>:<end>:<kind> not yet told, by the next attempt (ms)
                                        All of these expire after the longest life a task in them can have
Activity
    seen:{s}:<event>:<period>  string   bit n: user s * M + n was here in that period. From the period's
                                        end its retention; the period `all` is permanent
    seen:{<event>}:segments:<period>
                               string   bit s: that period has a segment s. The same life
    seen:{<event>}:about       hash     the kind of users the event holds. Permanent
    seen:{<event>}:periods     zset     the event's periods by the time they expire (s). Permanent
    seen:{users}:numbers       hash     text id -> dense number. Permanent
    seen:{users}:texts         hash     dense number -> text id, to name the members again. Permanent
    seen:{users}:next          string   the next free dense number. Permanent
    seen:layout                string   the layout that the bitmaps were written with. Permanent
Pulse
    pulse:worker, pulse:sweep  string   when a worker, and the sweep, were last seen (ms). A minute
    pulse:workers              hash     <host>:<pid> -> how that worker is (JSON), until ten minutes after it
                                        was last seen; the hash as long after the last of all
    pulse:steps:<minute>       hash     second of that minute -> steps that workers finished. Three minutes
    pulse:heals                zset     <task>:<ms>:<steps sent again> by that time (ms). A day, 1000 at most
Log
    log:worker                 stream   the workers' last lines, one JSON object each, about 10,000 of them.
                                        A day after the last

Celery keeps its own keys beside these on the broker: its queues, `unacked*` and `_kombu.binding.*`.
"""

from __future__ import annotations

OPEN_TASKS = "done:open"
ALL_TASKS = "done:tasks"
KINDS = ("webhook", "callback", "then")  # of telling; one must not wait behind a slow other

LAYOUT = "seen:layout"
NUMBERS = "seen:{users}:numbers"
TEXTS = "seen:{users}:texts"
NEXT_NUMBER = "seen:{users}:next"

WORKERS = "pulse:workers"
HEALS = "pulse:heals"
WORKER_LOG = "log:worker"


def bitmap(task_id: str) -> str:
    return f"done:{{{task_id}}}"


def record(task_id: str) -> str:
    return f"done:{{{task_id}}}:task"


def failed(task_id: str) -> str:
    return f"done:{{{task_id}}}:failed"


def tried(task_id: str) -> str:
    return f"done:{{{task_id}}}:tried"


def errors(task_id: str) -> str:
    return f"done:{{{task_id}}}:errors"


def both(task_id: str) -> str:
    """Where a script lays which steps have given up and are done."""
    return f"done:{{{task_id}}}:both"


def deliveries(kind: str) -> str:
    return f"done:deliveries:{kind}"


def told(task_id: str) -> str:
    return f"done:{{{task_id}}}:told"


def of_failures(task_id: str) -> list[str]:
    """What the failures of a task leave."""
    return [failed(task_id), tried(task_id), errors(task_id)]


def of_task(task_id: str) -> list[str]:
    """The keys of a task that live as long as it does, the record first."""
    return [record(task_id), bitmap(task_id), *of_failures(task_id)]


def reply(task_id: str, idempotency_key: str) -> str:
    return f"done:{{{task_id}}}:reply:{idempotency_key}"


def segment(number: int, event: str, period: str) -> str:
    return f"seen:{{{number}}}:{event}:{period}"


def scratch(number: int, token: str) -> str:
    """Where a batch is laid before it is merged; gone before the script that fills it ends."""
    return f"seen:{{{number}}}:batch:{token}"


def segments(event: str, period: str) -> str:
    return f"seen:{{{event}}}:segments:{period}"


def about(event: str) -> str:
    return f"seen:{{{event}}}:about"


def periods(event: str) -> str:
    return f"seen:{{{event}}}:periods"


def pulse(of: str) -> str:
    return f"pulse:{of}"


def steps_of(minute: int) -> str:
    """What workers finished in a minute, counted from the epoch."""
    return f"pulse:steps:{minute}"
