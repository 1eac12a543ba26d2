"""The last resort as a process: `python -m donebit.demo.fake_server PORT`, Redis imitated in Python."""

from __future__ import annotations

import sys

from fakeredis import TcpFakeServer

from donebit.addresses import LOOPBACK

if __name__ == "__main__":
    TcpFakeServer((LOOPBACK, int(sys.argv[1]))).serve_forever()
