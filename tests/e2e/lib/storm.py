# SPDX-License-Identifier: BSD-3-Clause
"""Logins as fast as the machine makes them, from a process of their own: connect, CONNECT, read the
answer, away. `python3 storm.py PORT SECONDS LANES` reads CONNECT packets as hex lines and prints how
each kind of answer came how often."""
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
    """Runs in the background until `finish`, which returns {answer: how often}."""

    def __init__(self, port, hellos, seconds, lanes=40):
        self.seconds = seconds
        self.popen = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__), str(port), str(seconds), str(lanes)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.popen.stdin.write("".join(h.hex() + "\n" for h in hellos))
        self.popen.stdin.close()

    @property
    def running(self):
        return self.popen.poll() is None

    def finish(self):
        out = self.popen.stdout.read()
        assert self.popen.wait() == 0
        return json.loads(out)


def open_one(poll, lanes, port, hello, source):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AWAY)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    s.send(hello)
    lanes[s.fileno()] = s
    poll.register(s, select.POLLIN)


def main(port, seconds, n):
    hellos = [bytes.fromhex(line) for line in sys.stdin]
    rnd, poll, lanes = random.Random(os.getpid()), select.poll(), {}
    answers, end = collections.Counter(), time.monotonic() + seconds
    while True:
        while len(lanes) < n and time.monotonic() < end:
            # From everywhere, as an attacker with many machines.
            open_one(poll, lanes, port, rnd.choice(hellos), f"127.66.{rnd.randrange(250)}.9")
        if not lanes:
            break
        for fd, _ in poll.poll():
            s = lanes.pop(fd)
            try:
                data = s.recv(64)
            except OSError:
                data = b""
            answers[str(data[3]) if len(data) >= 4 else GONE] += 1
            poll.unregister(fd)
            s.close()
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
