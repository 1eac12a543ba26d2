"""A database of another layout is left as it is."""

from __future__ import annotations

import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.errors import ConfigurationError
from donebit.store import Store, keys
from tests.activity.arranged import real_now, site_on


@pytest.mark.parametrize("user", [1, "ada"])
def test_another_layout_is_refused_before_anything_is_written(
    store: Store, client: Redis, user: int | str
) -> None:
    now = real_now()
    client.set(keys.LAYOUT, "0 segment_bits=8")

    with pytest.raises(ConfigurationError, match="0 segment_bits=8"):
        ingest.record(site_on(store), "seen", [user], at=now, now=now)

    assert client.keys() == [keys.LAYOUT.encode()]
