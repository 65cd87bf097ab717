# SPDX-License-Identifier: BSD-3-Clause
"""Logins as fast as the machine makes them, from a process of their own: connect, CONNECT, read the
answer, away, until its standard input ends. `python3 storm.py PORT LANES SOURCE` reads CONNECT packets as
hex lines, an empty line behind them, and prints how each kind of answer came how often, and in how many
seconds."""
import collections
import json
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import sys
import time

GONE = "closed"  # no CONNACK
AWAY = struct.pack("ii", 1, 0)  # SO_LINGER: leave by RST, or ports run out


class Storm:
    """Runs in the background until `finish`, which returns ({answer: how often}, seconds). source:
    the address that all come from; else 250 of them."""

    def __init__(self, port, hellos, lanes=40, source=""):
        self.popen = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__), str(port), str(lanes), source],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.popen.stdin.write("".join(h.hex() + "\n" for h in hellos) + "\n")
        self.popen.stdin.flush()

    def finish(self):
        out, _ = self.popen.communicate()
        assert self.popen.returncode == 0
        return json.loads(out)


def open_one(poll, lanes, port, hello, source):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AWAY)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    s.send(hello)
    lanes[s.fileno()] = s
    poll.register(s, select.POLLIN)


def main(port, n, source):
    hellos = [bytes.fromhex(line) for line in iter(sys.stdin.readline, "\n")]
    rnd, poll, lanes = random.Random(os.getpid()), select.poll(), {}
    answers, began, over = collections.Counter(), time.monotonic(), False
    poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
    while not over or lanes:
        while len(lanes) < n and not over:
            # From everywhere, as an attacker with many machines.
            open_one(poll, lanes, port, rnd.choice(hellos),
                     source or f"127.66.{rnd.randrange(250)}.9")
        for fd, _ in poll.poll():
            if fd == sys.stdin.fileno():
                poll.unregister(fd)
                over = True
                continue
            s = lanes.pop(fd)
            try:
                data = s.recv(64)
            except OSError:
                data = b""
            answers[str(data[3]) if len(data) >= 4 else GONE] += 1
            poll.unregister(fd)
            s.close()
    json.dump((answers, time.monotonic() - began), sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
