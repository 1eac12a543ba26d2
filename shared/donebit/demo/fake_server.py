"""An imitation of Redis in Python, as a process: `python -m donebit.demo.fake_server PORT`."""

from __future__ import annotations

import sys

from fakeredis import TcpFakeServer

from donebit.addresses import LOOPBACK

if __name__ == "__main__":
    TcpFakeServer((LOOPBACK, int(sys.argv[1]))).serve_forever()
