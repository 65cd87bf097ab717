# SPDX-License-Identifier: BSD-3-Clause
"""MQTT as an attacker sends it: valid packets spoiled at random, from a seed."""
import socket

from . import mqttwire as w
from .raw import Closed, Raw


def flip(rnd, data):
    at = rnd.randrange(len(data))
    data[at] ^= 1 << rnd.randrange(8)


def extreme(rnd, data):
    data[rnd.randrange(len(data))] = rnd.choice((0, 1, 0x7F, 0x80, 0xFF))


def remove(rnd, data):
    at = rnd.randrange(len(data))
    del data[at:at + rnd.randrange(1, 9)]


def insert(rnd, data):
    at = rnd.randrange(len(data) + 1)
    data[at:at] = rnd.randbytes(rnd.randrange(1, 9))


def repeat(rnd, data):
    at = rnd.randrange(len(data))
    data[at:at] = data[at:at + rnd.randrange(1, 17)] * rnd.randrange(1, 5)


def cut(rnd, data):
    del data[rnd.randrange(len(data)):]


def length(rnd, data):
    """Another remaining length."""
    data[1:2] = w.varint(rnd.choice((0, 1, 2, 127, 128, 16384, 268435455, rnd.randrange(2000000))))


MUTATIONS = (flip, extreme, remove, insert, repeat, cut, length)


def spoil(rnd, packet):
    data = bytearray(packet)
    for _ in range(rnd.randrange(1, 4)):
        if data:
            rnd.choice(MUTATIONS)(rnd, data)
    return bytes(data)


def some_props(rnd, version):
    if version != w.V5:
        return None
    return rnd.choice((None, {"topic_alias": rnd.randrange(12)},
                       {"response_topic": "im/inbox/x/rpc"},
                       {"user_property": [("k", "v")] * 3, "content_type": "t"},
                       {"message_expiry_interval": 1, "correlation_data": b"\x00" * 40}))


def session(rnd, version, user, password, device, topics):
    """A CONNECT and some packets after it. Spoiled is the CONNECT, or some of what follows."""
    will = {"topic": rnd.choice(topics), "payload": b"will", "qos": rnd.randrange(3),
            "retain": rnd.random() < 0.5}
    hello = w.connect(device, user, password, version=version, clean=rnd.random() < 0.7,
                      will=will if rnd.random() < 0.3 else None)
    packets = []
    for mid in range(1, rnd.randrange(2, 7)):
        topic, qos = rnd.choice(topics), rnd.randrange(3)
        packets.append(rnd.choice((
            w.publish(topic, b'{"id":"x","body":1}', qos=qos, mid=mid, version=version,
                      retain=rnd.random() < 0.2, props=some_props(rnd, version)),
            w.subscribe(mid, [(topic, qos), (rnd.choice(topics), 1)], version=version),
            w.unsubscribe(mid, [topic], version=version),
            w.ack(rnd.choice((w.PUBACK, w.PUBREC, w.PUBREL, w.PUBCOMP)), mid),
        )))
    if rnd.random() < 0.25:
        return spoil(rnd, hello) + b"".join(packets)
    return hello + b"".join(spoil(rnd, p) if rnd.random() < 0.4 else p for p in packets)


def drain(raw):
    """Reads until the server ends the connection."""
    try:
        while raw.receive() is not None:
            pass
    except (Closed, OSError):
        pass


def deliver(port, version, data, source="127.0.0.1"):
    """One connection: sends, ends its own side and reads until the broker has ended the other,
    which is when it has dealt with everything. Returns the packets that came."""
    with Raw(port, version, source=source) as r:
        try:
            r.send(data)
            r.sock.shutdown(socket.SHUT_WR)
        except (Closed, OSError):
            pass  # ended already
        return r.expect_closed()


def bodies(client, text):
    """Messages got on any topic whose payload or body is this text."""
    wanted = text.encode()
    return [m for m in list(client.messages)
            if m.payload == wanted or b'"body":"' + wanted + b'"' in m.payload]
