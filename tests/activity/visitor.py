"""One of many processes that record the same visits: `python -m tests.activity.visitor PORT SEED`.

Prints how many users it was told were new.
"""

from __future__ import annotations

import random
import sys

from redis import Redis

from shared.store import Store
from tests.activity.arranged import record, record_packed

USERS, BATCHES, BATCH = 3000, 30, 900


def main(port: str, seed: str) -> None:
    dice, fresh = random.Random(int(seed)), 0
    with Redis(port=int(port)) as client:
        store = Store.on(client)
        for number in range(BATCHES):
            users = [dice.randrange(USERS) * 700 for _ in range(BATCH if number % 2 else 9)]
            fresh += (record_packed if number % 3 else record)(store, users).fresh_ever
    sys.stdout.write(f"{fresh}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
