"""The last resort as a process: `python -m shared.demo.fake_server PORT`, Redis imitated in Python."""

from __future__ import annotations

import sys

from fakeredis import TcpFakeServer

from shared.demo.ports import LOOPBACK

if __name__ == "__main__":
    TcpFakeServer((LOOPBACK, int(sys.argv[1]))).serve_forever()
