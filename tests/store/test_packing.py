"""Commands that are packed at once are those that are packed word by word."""

from __future__ import annotations

import pytest

from donebit.store.packing import Command, PackedCommand, call_on, packed


@pytest.mark.parametrize("begin", ["seen:{0}:e:", "seen:{0}:\N{SNOWMAN}:"])
@pytest.mark.parametrize("ends", [["2026-11-29"], [f"2026-W{week:02}" for week in range(1, 53)]])
def test_a_call_on_keys_of_one_length_is_sent_like_any_other(begin: str, ends: list[str]) -> None:
    sent = call_on("digest", begin, ends, 7)

    plain: Command = ("EVALSHA", "digest", len(ends), *(begin + end for end in ends), 7)
    assert isinstance(sent, PackedCommand)
    assert (packed(sent), sent.key) == (packed(plain), begin + ends[0])


@pytest.mark.parametrize("ends", [[], ["2026-11-29", "2026-11", "all"]])
def test_a_call_on_keys_of_several_lengths_has_them_all(ends: list[str]) -> None:
    assert call_on("digest", "e:", ends, 7) == (
        "EVALSHA",
        "digest",
        len(ends),
        *(f"e:{end}" for end in ends),
        7,
    )
