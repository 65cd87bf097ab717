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
    os.makedirs(_FOLDER, exist_ok=True)
    order = list(range(FIRST, LAST + 1))
    random.shuffle(order)
    for port in order:
        lock = open(os.path.join(_FOLDER, str(port)), "w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                lock.close()
                continue
        _held[port] = lock
        return port
    raise RuntimeError("no free port")


def give_back(port):
    lock = _held.pop(port, None)
    if lock:
        lock.close()
