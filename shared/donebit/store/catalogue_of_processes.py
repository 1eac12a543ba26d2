"""The keys of workers, of access and of Celery's broker, for the catalogue."""

from __future__ import annotations

from donebit.store.catalogue_row import EXPIRES, PERMANENT, KeyRow

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
    KeyRow(
        "confirmed:<suffix>",
        "string",
        EXPIRES,
        "with WAIT_REPLICAS, written after each change, for replicas to confirm it; empty; a minute",
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
        "access:open_tasks:<token>",
        "set",
        PERMANENT,
        "the tasks that a token began, some of which may have ended; with MAX_OPEN_TASKS_OF_TOKEN, until the "
        "token is revoked",
    ),
    KeyRow(
        "access:events:<token>",
        "set",
        PERMANENT,
        "the events that a token began, some of which may be gone; with MAX_EVENTS_OF_TOKEN, likewise",
    ),
    KeyRow(
        "access:flags:<token>",
        "set",
        PERMANENT,
        "the flags that a token began, some of which may be gone; with MAX_FLAGS_OF_TOKEN, likewise",
    ),
    KeyRow(
        "access:text_ids:<token>",
        "string",
        PERMANENT,
        "the text ids that a token brought, a bit at each one's number; with MAX_TEXT_IDS_OF_TOKEN, likewise",
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
