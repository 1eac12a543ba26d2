"""Settings that make no sense are refused by their names, before anything starts."""

from __future__ import annotations

import pytest

from donebit import config
from donebit.errors import ConfigurationError

NONSENSE = {"WAIT_REPLICAS": ("-1", "11", "all"), "WEB_PROCESSES": ("0", "129", "many")}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in NONSENSE for value in NONSENSE[name]])
def test_a_number_beyond_its_bounds_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=rf"{name}: Input should be"):
        config.load()
