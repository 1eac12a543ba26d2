# type: ignore  # it is written against the code of another commit, and runs there alone
# ruff: noqa - as above
"""Writes a store of layout 5 as the commit before directories had shards did.

It runs in a checkout of that commit; `dumping.py`, beside it, says what the file has:

    git worktree add ../layout-5 dd9793b
    cd ../layout-5
    valkey-server --port 7777 --save '' &
    python ../donebit/tests/migration/write_layout_5.py redis://127.0.0.1:7777/0 layout_5.json.gz
"""

import os
import sys

sys.path.insert(0, os.path.join(os.getcwd(), "shared"))  # of the other commit

from dumping import dump
from redis import Redis

from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.flags import flag
from donebit.activity.site import Site
from donebit.activity.users.erasure import erase
from donebit.activity.users.ids import UserKind
from donebit.config import Settings
from donebit.store import Store


def write_activity(client, site, now):
    uuids = [f"6f9619ff-8b86-d011-b42d-00c04fc9{number:04x}" for number in range(200)]
    mails = [f"user{number}@example.org" for number in range(150)]
    ingest.record(site, "opened", [*uuids, *mails], at=now, now=now)
    flag.set_users(site, "staff", [*uuids[:20], *mails[:20]], ())
    for user in (uuids[3], mails[7], mails[149]):
        erase(site, user)
    ingest.record(
        site, "dialled", [10**9 + 7919 * number for number in range(90)], at=now, now=now, ids=UserKind.MAPPED
    )
    # As after many who were erased: a bucket of its own, which begins with empty places.
    client.set(site.store.keys.next_number("users"), 15 * 64 + 5)
    client.rpush(site.store.keys.ids_of_numbers("users", 15), *[b""] * 5)
    ingest.record(site, "closed", [f"late{number}" for number in range(70)], at=now, now=now)


url, file = sys.argv[1:]
client = Redis.from_url(url)
client.flushall()
now = clock.now()
write_activity(client, Site.of(Store.at(url), Settings(redis_url=url)), now)
dump(client, file, now)
