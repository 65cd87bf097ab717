# SPDX-License-Identifier: BSD-3-Clause
"""Free TCP ports for parallel test processes. A port is ours while we hold the lock on its file;
the range lies below the kernel's ephemeral ports, so no outgoing connection takes one either."""
import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 20000, 29999
_FOLDER = os.path.join(tempfile.gettempdir(), "mosquitto-im-ports")
_held = {}


def take():
    return take_row(1)[0]


def take_row(n):
    """So many that follow one another."""
    os.makedirs(_FOLDER, exist_ok=True)
    order = list(range(FIRST, LAST + 2 - n))
    random.shuffle(order)
    for first in order:
        row = range(first, first + n)
        got = [port for port in row if _take(port)]
        if len(got) == n:
            return got
        for port in got:
            give_back(port)
    raise RuntimeError("no free port")


def _take(port):
    if port in _held:
        return False
    lock = open(os.path.join(_FOLDER, str(port)), "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        lock.close()
        return False
    _held[port] = lock
    return True


def give_back(port):
    lock = _held.pop(port, None)
    if lock:
        lock.close()
