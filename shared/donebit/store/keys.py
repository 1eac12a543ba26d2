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
    seen:{s}:<event>:<kind>    string   how many users the segment's all-time bitmap has, and their kind.
                                        Whoever changes that bitmap changes or drops this in the same
                                        act; without it the bits are counted. Permanent
    seen:{s}:query:<token>:<n> string   scratch of a question, gone before its script ends; of one over more
                                        bitmaps than a script may read, with its last. A minute at most
    seen:{<event>}:segments:<period>
                               string   bit s: that period has a segment s. The same life
    seen:{<event>}:about       hash     the kind of users the event holds, and its retention. Permanent
    seen:{<event>}:periods     zset     the event's periods by the time they expire (s). Permanent
    seen:events                hash     every event -> the kind of users it holds; entered before its first
                                        bit, gone when it is forgotten. Permanent
    flag:{s}:<flag>            string   bit n: user s * M + n has the flag. Permanent
    flag:{<flag>}:segments     string   bit s: the flag has a segment s. Permanent
    flag:{<flag>}:about        hash     the kind of users the flag holds. Permanent
    flag:{s}:batch:<token>     string   scratch of a batch, gone before its script ends
    flag:{s}:staged:<token>    string   a question's answer that is to become a flag, until all of it has
                                        been reckoned. Ten minutes at most
    flag:names                 hash     flag -> the kind of users it holds: every flag there is. Permanent
    flag:erasures              string   how often a user was cleared of flags, being erased. Permanent
    may:{<kind>}:names         list     what the bits of this kind of objects permit, in order. Permanent
    may:{<kind>:<object>}      string   bit n: the object has the n-th permission of its kind. Permanent;
                                        gone when no bit is set
    seen:{users}:numbers       hash     text id -> dense number, 4 bytes; a UUID as its 16 bytes. Permanent
    seen:{users}:ids:<n>       hash     the text ids of 64 numbers, to name the members again. Permanent
    seen:{users}:next          string   the next free dense number. Permanent
    seen:{users}:erasures      string   how many ids were erased ever. Permanent
    seen:{users}:erasing       set      numbers whose id is erased, and whose bits are still being cleared
    seen:{mapped}:numbers, ... hash     the same of integers that are numbered densely. Permanent
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

USER_KINDS = ("integers", "texts", "mapped")

# Of an event's `about`: how long each is kept (s), and by when what ended is gone (s since the epoch).
RETENTION_FIELDS = tuple(
    f"{what}_{one}" for what in ("keep", "gone") for one in ("hour", "day", "week", "month")
)

LAYOUT = "seen:layout"
EVENTS = "seen:events"
FLAGS = "flag:names"
FLAG_ERASURES = "flag:erasures"
TEXT_USERS, MAPPED_USERS = "users", "mapped"  # the directories

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


def counted(number: int, event: str, kind: str) -> str:
    """How many users of this kind an event's all-time bitmap has in a segment."""
    return f"seen:{{{number}}}:{event}:{kind}"


def of_segment(number: int, event: str, period: str) -> list[str]:
    """What goes with a bitmap when it goes, in one act: a count without its bits would be added to."""
    return [segment(number, event, period), *counts(number, event, period)]


def counts(number: int, event: str, period: str) -> list[str]:
    """Where the users of all time are counted, whatever their kind."""
    return [counted(number, event, kind) for kind in USER_KINDS] if period == "all" else []


def scratch(number: int, token: str) -> str:
    """Where a batch is laid before it is merged; gone before the script that fills it ends."""
    return f"seen:{{{number}}}:batch:{token}"


def query_scratch(number: int, token: str, level: int) -> str:
    """Where a question lays what it reckons with next."""
    return f"seen:{{{number}}}:query:{token}:{level}"


def flag_segment(number: int, flag: str) -> str:
    return f"flag:{{{number}}}:{flag}"


def flag_segments(flag: str) -> str:
    return f"flag:{{{flag}}}:segments"


def flag_about(flag: str) -> str:
    return f"flag:{{{flag}}}:about"


def flag_staged(number: int, token: str) -> str:
    """Where a question's answer waits to become a flag's."""
    return f"flag:{{{number}}}:staged:{token}"


def flag_scratch(number: int, token: str) -> str:
    """Where a flag's batch is laid before it is merged; gone before the script that fills it ends."""
    return f"flag:{{{number}}}:batch:{token}"


def segments(event: str, period: str) -> str:
    return f"seen:{{{event}}}:segments:{period}"


def about(event: str) -> str:
    return f"seen:{{{event}}}:about"


def periods(event: str) -> str:
    return f"seen:{{{event}}}:periods"


def permission_names(kind: str) -> str:
    return f"may:{{{kind}}}:names"


def permissions(kind: str, thing: str) -> str:
    return f"may:{{{kind}:{thing}}}"


def numbers(directory: str) -> str:
    return f"seen:{{{directory}}}:numbers"


def ids_of_numbers(directory: str, bucket: int) -> str:
    return f"seen:{{{directory}}}:ids:{bucket}"


def next_number(directory: str) -> str:
    return f"seen:{{{directory}}}:next"


def erasures(directory: str) -> str:
    return f"seen:{{{directory}}}:erasures"


def erasing(directory: str) -> str:
    return f"seen:{{{directory}}}:erasing"


def pulse(of: str) -> str:
    return f"pulse:{of}"


def steps_of(minute: int) -> str:
    """What workers finished in a minute, counted from the epoch."""
    return f"pulse:steps:{minute}"
