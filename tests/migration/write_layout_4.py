# type: ignore  # it is written against the code of another commit, and runs there alone
# ruff: noqa - as above
"""Writes the store of layout 4 in which UUIDs in capitals and in lower case are two users each.

It is the code of the commit before layout 5 that writes it, so it runs in a checkout of that commit:

    git worktree add ../layout-4 8bb8c97
    cd ../layout-4
    valkey-server --port 7777 --save '' &
    python ../donebit/tests/migration/write_layout_4.py redis://127.0.0.1:7777/0 layout_4.json.gz

`dumping.py`, beside it, says what the file has.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.getcwd(), "shared"))  # of the other commit

from datetime import timedelta

from dumping import dump
from redis import Redis

from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.flags import flag
from donebit.activity.site import Site
from donebit.config import Settings
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS


def ids(first):
    return [f"6f9619ff-8b86-d011-b42d-00c04fc9{number:04x}" for number in range(first, first + 10)]


def write_activity(client, site, now):
    day = timedelta(days=1)
    both, capitals, mixed = ids(0xA000), ids(0xB000), ids(0xC000)
    ingest.record(site, "opened", [*both, *ids(0xD000)], at=now - day, now=now)
    ingest.record(site, "opened", [one.upper() for one in both[:5]], at=now, now=now)
    ingest.record(site, "read", [one.upper() for one in both[5:]], at=now - 40 * day, now=now)
    flag.set_users(site, "staff", [one.upper() for one in both[3:7]], ())
    flag.set_users(site, "beta", [*both[:1], *both[:1][0].upper().split()], ())
    # Numbers of the next segment, which the events of those above do not have.
    client.set(site.store.keys.next_number("users"), SEGMENT_BITS)
    ingest.record(site, "closed", [one.upper() for one in [*both[8:], *capitals]], at=now, now=now)
    ingest.record(site, "closed", [one.upper() for one in mixed], at=now - day, now=now)
    ingest.record(site, "closed", [one.replace("c", "C") for one in mixed], at=now, now=now)
    ingest.record(site, "plain", list(range(9)), at=now, now=now)


url, file = sys.argv[1:]
client = Redis.from_url(url)
client.flushall()
now = clock.now()
write_activity(client, Site.of(Store.at(url), Settings(redis_url=url)), now)
dump(client, file, now)
