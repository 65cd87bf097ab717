# SPDX-License-Identifier: BSD-3-Clause
"""MQTT 3.1.1 and 5 packets as bytes, both ways. Pure: no sockets, no clock.

Used by the raw client (low-level and malformed traffic) and by the torture run. It knows nothing
of IM.
"""
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = (
    8, 9, 10, 11, 12, 13, 14, 15)

V311, V5 = 4, 5

# id: (name, kind). Kinds: b byte, h two bytes, i four bytes, v varint, s UTF-8, x bytes, p pair
PROPERTIES = {
    1: ("payload_format_indicator", "b"), 2: ("message_expiry_interval", "i"),
    3: ("content_type", "s"), 8: ("response_topic", "s"), 9: ("correlation_data", "x"),
    11: ("subscription_identifier", "v"), 17: ("session_expiry_interval", "i"),
    18: ("assigned_client_identifier", "s"), 19: ("server_keep_alive", "h"),
    21: ("authentication_method", "s"), 22: ("authentication_data", "x"),
    23: ("request_problem_information", "b"), 24: ("will_delay_interval", "i"),
    25: ("request_response_information", "b"), 26: ("response_information", "s"),
    28: ("server_reference", "s"), 31: ("reason_string", "s"), 33: ("receive_maximum", "h"),
    34: ("topic_alias_maximum", "h"), 35: ("topic_alias", "h"), 36: ("maximum_qos", "b"),
    37: ("retain_available", "b"), 38: ("user_property", "p"), 39: ("maximum_packet_size", "i"),
    40: ("wildcard_subscription_available", "b"), 41: ("subscription_identifiers_available", "b"),
    42: ("shared_subscription_available", "b"),
}
PROPERTY_IDS = {name: (number, kind) for number, (name, kind) in PROPERTIES.items()}


def varint(n):
    out = bytearray()
    while True:
        n, low = divmod(n, 128)
        out.append(low | (0x80 if n else 0))
        if not n:
            return bytes(out)


def blob(data):
    if isinstance(data, str):
        data = data.encode()
    return struct.pack("!H", len(data)) + data


def encode_value(kind, value):
    if kind == "b":
        return bytes([value])
    if kind == "h":
        return struct.pack("!H", value)
    if kind == "i":
        return struct.pack("!I", value)
    if kind == "v":
        return varint(value)
    if kind == "p":
        return blob(value[0]) + blob(value[1])
    return blob(value)


def properties(props):
    """{"content_type": "x", "user_property": [("k", "v")], ...} as bytes with the length."""
    out = bytearray()
    for name, value in (props or {}).items():
        number, kind = PROPERTY_IDS[name]
        for one in value if kind == "p" else [value]:
            out += bytes([number]) + encode_value(kind, one)
    return varint(len(out)) + bytes(out)


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def connect(client_id, username=None, password=None, *, version=V311, clean=True, keepalive=60,
            will=None, props=None):
    """will: dict(topic, payload, qos, retain, props)."""
    flags = 0x02 if clean else 0
    body = blob(client_id)
    if will:
        flags |= 0x04 | will.get("qos", 0) << 3 | (0x20 if will.get("retain") else 0)
        if version == V5:
            body += properties(will.get("props"))
        body += blob(will["topic"]) + blob(will.get("payload", b""))
    if username is not None:
        flags |= 0x80
        body += blob(username)
    if password is not None:
        flags |= 0x40
        body += blob(password)
    head = blob("MQTT") + bytes([version, flags]) + struct.pack("!H", keepalive)
    if version == V5:
        head += properties(props)
    return packet(CONNECT, 0, head + body)


def publish(topic, payload, *, qos=0, mid=None, dup=False, retain=False, version=V311, props=None):
    if isinstance(payload, str):
        payload = payload.encode()
    body = blob(topic)
    if qos:
        body += struct.pack("!H", mid)
    if version == V5:
        body += properties(props)
    flags = (8 if dup else 0) | qos << 1 | (1 if retain else 0)
    return packet(PUBLISH, flags, body + payload)


def ack(kind, mid):
    """PUBACK, PUBREC, PUBREL or PUBCOMP with success."""
    return packet(kind, 2 if kind == PUBREL else 0, struct.pack("!H", mid))


def subscribe(mid, filters, *, version=V311, props=None):
    """filters: [(filter, options byte)]."""
    body = struct.pack("!H", mid)
    if version == V5:
        body += properties(props)
    for topic_filter, options in filters:
        body += blob(topic_filter) + bytes([options])
    return packet(SUBSCRIBE, 2, body)


def unsubscribe(mid, filters, *, version=V311):
    body = struct.pack("!H", mid)
    if version == V5:
        body += properties(None)
    return packet(UNSUBSCRIBE, 2, body + b"".join(blob(f) for f in filters))


def disconnect(version=V311, reason=0):
    return packet(DISCONNECT, 0, bytes([reason]) if version == V5 and reason else b"")


PING = packet(PINGREQ, 0, b"")


class Reader:
    """Cuts a byte stream into (type, flags, body)."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data

    def next(self):
        size, shift, at = 0, 0, 1
        while True:
            if at >= len(self.buffer):
                return None
            byte = self.buffer[at]
            size |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not byte & 0x80:
                break
        if len(self.buffer) < at + size:
            return None
        kind, flags = self.buffer[0] >> 4, self.buffer[0] & 0x0F
        body = bytes(self.buffer[at:at + size])
        del self.buffer[:at + size]
        return kind, flags, body


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        out = self.data[self.at:self.at + n]
        if len(out) < n:
            raise ValueError("short MQTT packet")
        self.at += n
        return out

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack("!H", self.take(2))[0]

    def u32(self):
        return struct.unpack("!I", self.take(4))[0]

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def blob(self):
        return self.take(self.u16())

    def rest(self):
        out = self.data[self.at:]
        self.at = len(self.data)
        return out

    def properties(self):
        end = self.varint() + self.at
        out = {}
        while self.at < end:
            name, kind = PROPERTIES[self.u8()]
            if kind == "p":
                out.setdefault(name, []).append((self.blob().decode(), self.blob().decode()))
            elif kind == "s":
                out[name] = self.blob().decode()
            else:
                read = {"b": self.u8, "h": self.u16, "i": self.u32, "v": self.varint,
                        "x": self.blob}[kind]
                out[name] = read()
        return out


def decode_connack(body, version):
    c = Cursor(body)
    session_present, code = c.u8() & 1, c.u8()
    return {"session_present": bool(session_present), "code": code,
            "props": c.properties() if version == V5 and c.at < len(body) else {}}


def decode_publish(flags, body, version):
    c = Cursor(body)
    topic = c.blob().decode()
    qos = flags >> 1 & 3
    mid = c.u16() if qos else None
    props = c.properties() if version == V5 else {}
    return {"topic": topic, "qos": qos, "mid": mid, "dup": bool(flags & 8),
            "retain": bool(flags & 1), "props": props, "payload": c.rest()}


def decode_ack(body, version):
    """PUBACK .. PUBCOMP: (mid, reason code)."""
    c = Cursor(body)
    mid = c.u16()
    return mid, c.u8() if version == V5 and len(body) > 2 else 0


def decode_suback(body, version):
    """SUBACK or UNSUBACK: (mid, codes)."""
    c = Cursor(body)
    mid = c.u16()
    if version == V5:
        c.properties()
    return mid, list(c.rest())
