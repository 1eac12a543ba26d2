"""A list of names: what leaves it and what stays, whatever is entered or leaves at the same time."""

from __future__ import annotations

import pytest
from redis import Redis

from donebit.store import keys
from donebit.store.client import scripts_of
from donebit.store.listed_names import ListedNames


@pytest.fixture
def names(client: Redis) -> ListedNames:
    """With one name, which holds integers."""
    listed = ListedNames(client, scripts_of(client), keys.FLAGS)
    listed.enter("f", "integers")
    return listed


def test_a_name_about_to_leave_is_listed_with_its_kind(names: ListedNames) -> None:
    seen = []

    def nothing_known(listed: str) -> str:
        seen.append((listed, names.kinds()))
        return ""

    assert names.leave("f", nothing_known)
    assert seen == [("integers", {"f": "integers"})]
    assert names.kinds() == {}
    assert names.leave("f", nothing_known)  # as another has taken it out


@pytest.mark.parametrize("known", ["", "texts"])
def test_a_name_that_is_entered_while_it_leaves_stays(names: ListedNames, known: str) -> None:
    def entered_again(_: str) -> str:
        names.enter("f", "texts")
        return known

    assert names.leave("f", entered_again) == (known != "")
    assert names.kinds() == {"f": "texts"}


def test_a_name_that_was_entered_before_it_was_marked_stays(
    names: ListedNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = names.replace_entry

    def entered_first(name: str, old: bytes, new: bytes) -> bool:
        monkeypatch.undo()
        names.enter(name, "texts")
        return replace(name, old, new)

    monkeypatch.setattr(names, "replace_entry", entered_first)

    assert names.leave("f", lambda _: "texts")
    assert names.kinds() == {"f": "texts"}


def test_a_name_entered_ahead_keeps_its_kind_unless_it_is_about_to_leave(names: ListedNames) -> None:
    names.enter_ahead("f", "texts")
    names.enter_ahead("new", "mapped")
    assert names.kinds() == {"f": "integers", "new": "mapped"}

    def made_meanwhile(_: str) -> str:
        names.enter_ahead("f", "texts")
        return ""

    assert not names.leave("f", made_meanwhile)
    assert names.kinds() == {"f": "texts", "new": "mapped"}
