#!/bin/sh
# The mark xdist_group of pytest-xdist keeps no tests together under pytest 9.2.
#
# Versions:  pytest-xdist 3.8.0, pytest 9.2.0
# Behaviour: with --dist loadgroup, tests of one xdist_group run in one worker process, says its documentation. Here
#            they are spread over all of them.
# Seen:      pytest 9.2.0, pytest-xdist 3.8.0: the 8 tests of one group ran in 2 worker processes
#            (in 1 with pytest 9.0.2 and with 8.4.2)
#
# For Donebit: tests/scheduling.py hands out the tests of a file, or of a shared stack, by a scheduler of its own.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pytest==9.2.0 pytest-xdist==3.8.0

cd "$folder"
cat > test_group.py <<'PYTHON'
import pathlib
import time

import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(8))
def test_one(number, worker_id):
    time.sleep(0.1)  # long enough for another worker to take the next one
    pathlib.Path(f"{number}.worker").write_text(worker_id)
PYTHON
"$folder/venv/bin/python" -m pytest -q -n 2 --dist loadgroup > log 2>&1 || { cat log; exit 2; }
workers=$(for file in ./*.worker; do cat "$file"; echo; done | sort -u | wc -l)
echo "pytest 9.2.0, pytest-xdist 3.8.0: the 8 tests of one group ran in $workers worker processes"
test "$workers" -eq 2
