# SPDX-License-Identifier: BSD-3-Clause
"""Stands between the bridge and one broker. It makes the plugin there one of an earlier version, by the
level that it says of itself (common/frame.h), or the bridge hear of it late."""
import socket
import struct
import threading

from . import mqttwire as w

SESSIONS = b"IM\x01\x02"
PART_BITS = 2


class Between:
    """path: where the bridge connects. While `level` is not None the plugin says this one. While `through`
    is not set, what it says waits."""

    def __init__(self, path, broker, level=None):
        self.path, self.broker, self.level = path, broker, level
        self.through = threading.Event()
        self.through.set()
        self._ends = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            self._ends += [near, far]
            try:
                far.connect(str(self.broker.link))
            except OSError:
                near.close()
                continue
            for args in ((near, far, bytes), (far, near, Changed(self).feed)):
                threading.Thread(target=carry, args=args, daemon=True).start()

    def cut(self):
        """The bridge connects again."""
        for end in self._ends:
            shut(end)
        self._ends.clear()

    def close(self):
        self.through.set()
        shut(self._listener)
        self._listener.close()
        self.cut()


class Changed:
    """What the broker sends, packet by packet."""

    def __init__(self, between):
        self._between, self._reader = between, w.Reader()

    def feed(self, data):
        self._between.through.wait()
        self._reader.feed(data)
        out = b""
        while (got := self._reader.next()) is not None:
            kind, flags, body = got
            out += w.packet(kind, flags, self._publish(body) if kind == w.PUBLISH else body)
        return out

    def _publish(self, body):
        """Of QoS 0, as all on the link is."""
        at = 2 + struct.unpack("!H", body[:2])[0]
        level, payload = self._between.level, bytearray(body[at:])
        if level is not None and payload.startswith(SESSIONS):
            payload[4] = payload[4] & (1 << PART_BITS) - 1 | level << PART_BITS
        return body[:at] + bytes(payload)


def carry(source, to, change):
    try:
        while data := source.recv(65536):
            to.sendall(change(data))
    except OSError:
        pass
    shut(source)
    shut(to)


def shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
