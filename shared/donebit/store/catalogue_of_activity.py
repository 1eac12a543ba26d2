"""The keys of events, flags and permissions, for the catalogue."""

from __future__ import annotations

from donebit.store.catalogue_row import EXPIRES, PERMANENT, REPLACED, SCRATCH, KeyRow

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
        "seen:{<segment>}:<event>:windows",
        "string",
        EXPIRES,
        "how many users windows of days have there, and pairs of periods in common, each beside the users of "
        "its days or periods: while these are the same it holds; dropped atomically where bits are cleared, "
        "and two days after it was last changed",
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
        "those of a week or month who were imported for it as a whole; as long as the granularity that "
        "is kept longest",
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
        "every event -> the kind of users it holds; entered before its first bit, gone when it is forgotten, "
        "for which a mark first follows the kind",
    ),
    KeyRow(
        "seen:{<directory>}:numbers",
        "hash",
        PERMANENT,
        "id -> dense number, 4 bytes; the directory is users, or mapped, or a shard, such as users-7/64",
    ),
    KeyRow("seen:{<directory>}:ids:<bucket>", "list", PERMANENT, "the ids of 64 numbers, in their order"),
    KeyRow("seen:{<directory>}:next", "string", PERMANENT, "how many numbers it has given"),
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
    KeyRow(
        "flag:names",
        "hash",
        PERMANENT,
        "every flag -> the kind of users it holds; when it is dropped, a mark first follows the kind",
    ),
    KeyRow("flag:erasures", "string", PERMANENT, "of an earlier version, and not read any more"),
    KeyRow("may:{<kind>}:names", "list", PERMANENT, "what the bits of this kind of objects permit, in order"),
    KeyRow(
        "may:{<kind>:<object>}",
        "string",
        PERMANENT,
        "bit n: the object has the n-th permission of its kind; gone when no bit is set",
    ),
)
