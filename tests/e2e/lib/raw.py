# SPDX-License-Identifier: BSD-3-Clause
"""A blocking MQTT client that sends exactly the bytes it is told to and acknowledges nothing by
itself: for malformed packets, withheld acks and everything that a well-behaved library hides."""
import select
import socket
import time

from . import mqttwire as w
from .build import DEADLINE_S


class Closed(Exception):
    """The server closed the connection."""


class Raw:
    def __init__(self, port, version=w.V311, source="127.0.0.1"):
        """source: the client's own address, any of 127.0.0.0/8."""
        sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S,
                                        source_address=(source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begin(sock, version)

    @classmethod
    def unix(cls, path, version=w.V311):
        """A client at a Unix socket."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DEADLINE_S)
        sock.connect(str(path))
        made = cls.__new__(cls)
        made.begin(sock, version)
        return made

    def begin(self, sock, version):
        self.version, self.sock = version, sock
        self.poll = select.poll()  # select() knows no descriptor above 1023
        self.poll.register(self.sock, select.POLLIN)
        self.reader = w.Reader()
        self.last_mid = 0
        self.seen = []  # every packet received: (type, flags, body)
        self.unread = []  # those that no `expect` has consumed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def mid(self):
        self.last_mid = self.last_mid % 65535 + 1
        return self.last_mid

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed from e

    def receive(self, timeout=DEADLINE_S):
        """The next packet, read from the network; None when the deadline passes."""
        end = time.monotonic() + timeout
        while True:
            got = self.reader.next()
            if got:
                self.seen.append(got)
                return got
            left = end - time.monotonic()
            if left <= 0 or not self.poll.poll(left * 1000):
                return None
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError as e:
                raise Closed from e
            if not data:
                raise Closed
            self.reader.feed(data)

    def expect(self, kind, matches=lambda flags, body: True):
        """The first packet of this type (and content), whatever comes before it stays unread."""
        for i, (k, flags, body) in enumerate(self.unread):
            if k == kind and matches(flags, body):
                del self.unread[i]
                return flags, body
        end = time.monotonic() + DEADLINE_S
        while True:
            got = self.receive(max(0.0, end - time.monotonic()))
            if got is None:
                raise AssertionError(f"no MQTT packet of type {kind}; got {self.unread!r}")
            if got[0] == kind and matches(got[1], got[2]):
                return got[1], got[2]
            self.unread.append(got)

    def expect_closed(self):
        """Reads until the server closes; returns what came before."""
        end = time.monotonic() + DEADLINE_S
        came = []
        try:
            while True:
                got = self.receive(max(0.0, end - time.monotonic()))
                if got is None:
                    raise AssertionError(f"the server kept the connection; got {came!r}")
                came.append(got)
        except Closed:
            return came

    def connect(self, client_id, username=None, password=None, **kw):
        """Returns the decoded CONNACK."""
        self.send(w.connect(client_id, username, password, version=self.version, **kw))
        return w.decode_connack(self.expect(w.CONNACK)[1], self.version)

    def subscribe(self, topic_filter, options=1):
        mid = self.mid()
        self.send(w.subscribe(mid, [(topic_filter, options)], version=self.version))
        return w.decode_suback(self.expect(w.SUBACK)[1], self.version)[1][0]

    def publish(self, topic, payload, qos=0, **kw):
        """Sends without waiting; returns the packet id."""
        mid = self.mid() if qos else None
        self.send(w.publish(topic, payload, qos=qos, mid=mid, version=self.version, **kw))
        return mid

    def puback(self, mid, kind=w.PUBACK):
        """Waits for the ack of `mid`; returns its reason code."""
        _, body = self.expect(kind, lambda f, b: w.decode_ack(b, self.version)[0] == mid)
        return w.decode_ack(body, self.version)[1]

    def message(self, matches=lambda m: True):
        """The next PUBLISH from the server that matches, decoded (not acknowledged)."""
        flags, body = self.expect(
            w.PUBLISH, lambda f, b: matches(w.decode_publish(f, b, self.version)))
        return w.decode_publish(flags, body, self.version)

    def ping(self):
        self.send(w.PING)
        self.expect(w.PINGRESP)
