"""Where a range of a stream's entries ends, for those that are read page by page, the newest first."""

from __future__ import annotations


def end_before(entry_id: str | None) -> str:
    """The end of a range of all entries, or of those before an id, as XREVRANGE takes it.

    Args:
        entry_id: such as 1795230245678-0; None for all
    """
    if entry_id is None:
        return "+"
    # Redis refuses a range that ends before 0-0; no entry has that id, so that one which ends there is empty.
    return f"({entry_id}" if any(map(int, entry_id.split("-"))) else entry_id
