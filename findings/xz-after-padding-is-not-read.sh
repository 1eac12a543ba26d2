#!/bin/sh
# pandas reads an .xz file of two streams with padding between them only up to the padding, without an error.
#
# Versions:  pandas 2.3.3, python-xz 0.5.0, Python 3.11.7 (its module `lzma`, by which pandas reads)
# Behaviour: the format of .xz files (2.2, stream padding) allows zero bytes, a multiple of four, after a stream, also
#            where another one follows; `xz -t` and `xz -dc` take such a file, and so does python-xz. Python's `lzma.open`
#            reads on at once where a stream follows directly. Where zeros do, it takes them for what may stand after
#            the end of a file, and all behind them is passed over: rows are missing, and nothing says so.
# Seen:      directly: python-xz 3 lines, pandas 2; after padding: python-xz 3 lines, pandas 1
#
# For Donebit: a file of visits is read stream by stream, and what is neither a stream nor padding is an error.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pandas==2.3.3 python-xz==0.5.0
cat > "$folder/read.py" <<'PYTHON'
import lzma
import sys
from pathlib import Path

import pandas
import xz

folder = Path(sys.argv[1])
first, second = lzma.compress(b"user,day\n1,monday\n"), lzma.compress(b"2,tuesday\n")
seen = []
for name, content in {"directly": first + second, "after padding": first + bytes(4) + second}.items():
    file = folder / f"{name}.csv.xz"
    file.write_bytes(content)
    with xz.open(file) as opened:
        lines = len(opened.read().splitlines())
    seen.append(f"{name}: python-xz {lines} lines, pandas {len(pandas.read_csv(file))}")
print("; ".join(seen))
sys.exit(seen != ["directly: python-xz 3 lines, pandas 2", "after padding: python-xz 3 lines, pandas 1"])
PYTHON
"$folder/venv/bin/python" "$folder/read.py" "$folder"
