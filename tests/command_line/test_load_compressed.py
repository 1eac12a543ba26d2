"""Files of several compressed parts, and what follows one that is none."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest

from tests.command_line.command import Donebit
from tests.command_line.test_load_files import AT, CSV, users

COMPRESS: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress]


@pytest.mark.parametrize("compress", COMPRESS)
@pytest.mark.parametrize("after", ["damaged", "plain", "cut"])
def test_what_follows_a_compressed_part_is_not_passed_over(
    donebit: Donebit, name: str, compress: Callable[[bytes], bytes], after: str
) -> None:
    first, second = (compress(text.encode()) for text in (CSV, f"kim,{AT}\n"))
    follows = {"damaged": b"\xff" + second[1:], "plain": f"kim,{AT}\n".encode(), "cut": second[:-1]}
    file = donebit.folder / "visits.csv.part"
    file.write_bytes(first + follows[after])

    for _ in range(2):  # the second time from where the first stopped
        stopped = donebit("load", file, "--event", name)
        assert stopped.code == 1
        assert "the file cannot be read: " in stopped.err.splitlines()[-1]
        assert users(donebit, name)[:2] == ["ada é", "eve"]


@pytest.mark.parametrize("compress", COMPRESS)
def test_zeros_between_compressed_parts_are_none_of_them(
    donebit: Donebit, name: str, compress: Callable[[bytes], bytes]
) -> None:
    file = donebit.folder / "visits.csv.part"
    parts = (compress(text.encode()) for text in (CSV, f"kim,{AT}\n"))
    file.write_bytes(b"".join(part + bytes(1 << 18) for part in parts))

    assert donebit("load", file, "--event", name).code == 0
    assert users(donebit, name) == ["ada é", "eve", "kim"]
