# SPDX-License-Identifier: BSD-3-Clause
"""What a device of a torture run does that goes from one broker to another. It may leave the connection
that it had open: this is read until the node ends it, as the node has to once it knows of the newer one."""
import json
import select
import time

from lib import mqttwire as w

ENDED_S = 60  # the node has so long; it takes milliseconds, if nothing is killed meanwhile


class Left(Exception):
    """The connection stays open, and the device goes to another broker."""


def now_ms():
    """As servers and the other processes of a run know it."""
    return time.time() * 1000


def global_conv(user, conv):
    """The name that all participants share."""
    kind, _, peer = conv.partition("/")
    return conv if kind == "g" else "d/" + "/".join(sorted((user, peer)))


class Old:
    """A connection that was left open. told: called with (topic, payload, this) of what comes; gives the
    reason when it is the connection's last event."""

    def __init__(self, sock, reader, version, number, told):
        self.sock, self.reader, self.version, self.number = sock, reader, version, number
        self.told = told
        self.ended = None  # when it was told, in milliseconds
        self.deadline = None
        self.became = None  # "closed", or why it was ended; "open": it was not

    def greeted(self):
        """The newer one has been: from now on the node knows of it."""
        if self.deadline is None:
            self.deadline = time.monotonic() + ENDED_S

    def pump(self):
        """Reads what is there. True: it is over, or its time is."""
        try:
            while select.select([self.sock], [], [], 0)[0]:
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError
                self.reader.feed(data)
                self.take()
        except OSError:
            self.became = self.became or "closed"
            return True
        if self.deadline and time.monotonic() > self.deadline:
            self.became = "open"
            return True
        return False

    def take(self):
        """What has come whole."""
        while packet := self.reader.next():
            kind, flags, body = packet
            if kind != w.PUBLISH:
                continue
            m = w.decode_publish(flags, body, self.version)
            self.became = self.told(m["topic"], m["payload"], self) or self.became
            if m["qos"] == 1:
                self.sock.sendall(w.ack(w.PUBACK, m["mid"]))

    def close(self):
        self.sock.close()


class Mover:
    """The part of a Device that knows of brokers."""

    def choose(self):
        """The broker to go to: another one, where a connection was left open."""
        if self.plan["stays"] is not None:
            return self.plan["stays"]
        return self.random.choice([n for n in range(len(self.plan["ports"]))
                                   if self.old is None or n != self.at])

    def leave(self):
        """Goes to another broker, as a program does that is started twice."""
        if self.old is not None or self.over:
            return
        self.old = Old(self.sock, self.reader, self.version, self.connections, self.to_old)
        self.sock = None
        raise Left

    def part(self, became):
        """From the connection that was left open."""
        if self.old is None:
            return
        self.note("old", device=self.name, conn=self.old.number, became=became)
        self.old.close()
        self.old = None

    def to_old(self, topic, payload, old):
        """What comes on the connection that was left open; why, if it is its end."""
        tail = topic[len(f"im/inbox/{self.user}/"):]
        if tail == "event":
            body = json.loads(payload)
            if body["event"] == "session":
                old.ended = now_ms()
                self.ended(old.number, body["reason"], newest=False)
                return body["reason"]
        elif tail.startswith(("u/", "g/")):
            self.received(global_conv(self.user, tail), json.loads(payload), old.number, old.ended)
        return None

    def ended(self, conn, reason, newest):
        """newest: nothing has come after this connection that the node could know of."""
        self.note("ended", device=self.name, conn=conn, reason=reason,
                  newest=newest and not self.unanswered)
