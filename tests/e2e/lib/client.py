# SPDX-License-Identifier: BSD-3-Clause
"""An MQTT client that remembers everything it got: paho under a small, blocking interface.

Every wait has a deadline and a condition; nothing sleeps. A client never reconnects by itself, so
a lost connection is always visible to the test.
"""
import itertools
import json
import os
import socket
import ssl
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from . import wire
from .build import DEADLINE_S

# So often a request is sent before it counts as unanswered.
ASKED_AGAIN = 10


class Refused(Exception):
    """CONNACK said no; `code` is its number."""

    def __init__(self, code):
        super().__init__(f"connection refused with {code}")
        self.code = code


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code, self.message, self.data = error["code"], error["message"], error.get("data")


def denied(call, *codes):
    """A request that must be refused with one of these codes."""
    try:
        call()
    except RpcError as e:
        assert e.code in codes, e
    else:
        raise AssertionError(f"not refused with any of {codes}")


class Message:
    """One PUBLISH as it came."""

    def __init__(self, m):
        self.topic, self.payload, self.qos = m.topic, m.payload, m.qos
        self.retain, self.dup = bool(m.retain), bool(m.dup)
        props = m.properties.json() if getattr(m, "properties", None) else {}
        self.pairs = [tuple(pair) for pair in props.get("UserProperty", [])]
        self.user_properties = dict(self.pairs)
        self.content_type = props.get("ContentType")
        self.payload_format = props.get("PayloadFormatIndicator")
        self.response_topic = props.get("ResponseTopic")
        self.expiry = props.get("MessageExpiryInterval")
        correlation = getattr(getattr(m, "properties", None), "CorrelationData", None)
        self.correlation = correlation

    @property
    def raw(self):
        return json.loads(self.payload)

    @property
    def json(self):
        """Without what a delivery says of itself alone: as history and sync have it."""
        value = self.raw
        if isinstance(value, dict) and "/inbox/" in self.topic and value.get("event") != "hello":
            value.pop("n", None)
            value.pop("safe", None)
        return value

    def __repr__(self):
        return f"<{self.topic} q{self.qos} {self.payload[:200]!r}>"


class _Paho(mqtt.Client):
    """Keeps the reason codes of acks, which paho 1.6 reads and throws away."""

    recorder = None

    def _sock_recv(self, bufsize):
        """An end without TLS' farewell is one, and not the end of paho's thread."""
        try:
            return super()._sock_recv(bufsize)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as e:
            raise ConnectionError(str(e)) from e

    def _note(self, kind):
        packet = self._in_packet["packet"]
        mid = packet[0] << 8 | packet[1]
        code = packet[2] if self._protocol == mqtt.MQTTv5 and len(packet) > 2 else 0
        self.recorder._acked(kind, mid, code)
        return mid, code

    def _handle_pubackcomp(self, cmd):
        mid, _ = self._note(cmd)
        return super()._handle_pubackcomp(cmd)

    def _handle_pubrec(self):
        mid, code = self._note("PUBREC")
        if code >= 0x80:  # the exchange ends here (MQTT 5, 4.3.3)
            with self._out_message_mutex:
                if mid in self._out_messages:
                    return self._do_on_publish(mid)
        return super()._handle_pubrec()


def properties_of(packet_type, values):
    if not values:
        return None
    props = Properties(packet_type)
    for name, value in values.items():
        for one in value if name == "UserProperty" else [value]:
            setattr(props, name, one)
    return props


def level(device):
    """A client id as one level of a topic."""
    plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@-"
    return "".join(chr(c) if chr(c) in plain else f"%{c:02X}" for c in device.encode())


class Client:
    """Use as a context manager or through Node.client, which closes it at the end of the test."""

    _serial = itertools.count(1)
    _addresses = itertools.count(os.getpid() * 1000)
    _requests = itertools.count(1)

    def __init__(self, port, user=None, device=None, password=None, *, v5=False, clean=True,
                 transport="tcp", tls_ca=None, will=None, session_expiry=None, keepalive=60,
                 receive_maximum=None, prefix="im", tls_cert=None, headers=None):
        """transport: tcp, tls, ws, wss; tls_cert: (certificate, key), with TLS; headers: of the
        WebSocket."""
        self.user, self.v5, self.port, self.clean = user, v5, port, clean
        self.prefix = prefix
        # An address of its own: what is counted for each address is then counted for each client.
        n = next(self._addresses)
        self.source = f"127.{1 + n // 65536 % 250}.{n // 256 % 256}.{n % 256}"
        self.device = device if device is not None else f"{user}-d{next(self._serial)}"
        self.keepalive = keepalive
        self.messages = []
        self.changed = threading.Condition()
        self._connack = None
        self._disconnected = None
        self._suback = {}
        self._acks = {}
        self._connect_props = {}
        if session_expiry is not None:
            self._connect_props["SessionExpiryInterval"] = session_expiry
        if receive_maximum is not None:
            self._connect_props["ReceiveMaximum"] = receive_maximum
        kw = {} if v5 else {"clean_session": clean}
        self.paho = _Paho(self.device, protocol=mqtt.MQTTv5 if v5 else mqtt.MQTTv311,
                          transport="websockets" if transport in ("ws", "wss") else "tcp",
                          reconnect_on_failure=False, **kw)
        self.paho.recorder = self
        self.paho.suppress_exceptions = False
        if transport in ("tls", "wss"):
            cert, key = map(str, tls_cert) if tls_cert else (None, None)
            self.paho.tls_set(ca_certs=tls_ca, certfile=cert, keyfile=key,
                              tls_version=ssl.PROTOCOL_TLS_CLIENT)
        if headers:
            self.paho.ws_set_options(headers=headers)
        if user is not None or password is not None:
            self.paho.username_pw_set(user, password)
        if will:
            self.paho.will_set(will["topic"], will.get("payload"), will.get("qos", 1),
                               will.get("retain", False),
                               properties_of(PacketTypes.WILLMESSAGE, will.get("props"))
                               if v5 else None)
        self.paho.on_socket_open = self._no_delay
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = self._on_disconnect
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_unsubscribe = self._on_unsubscribe
        self.paho.on_message = self._on_message

    # -- callbacks, on paho's thread --

    @staticmethod
    def _no_delay(_c, _u, sock):
        """Or an ack and the next publish would wait 40 ms for one another."""
        sock = getattr(sock, "_socket", sock)  # under paho's WebSocket
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(self, _c, _u, flags, rc, properties=None):
        with self.changed:
            self.session_present = bool(flags.get("session present"))
            self.connack_properties = properties
            self._connack = rc.value if hasattr(rc, "value") else int(rc)
            self.changed.notify_all()

    def _on_disconnect(self, _c, _u, rc, properties=None):
        with self.changed:
            self._disconnected = getattr(rc, "value", rc)
            self.changed.notify_all()

    def _on_subscribe(self, _c, _u, mid, codes, _properties=None):
        with self.changed:
            self._suback[mid] = [getattr(c, "value", c) for c in codes]
            self.changed.notify_all()

    def _on_unsubscribe(self, _c, _u, mid, _properties=None, codes=0):
        with self.changed:
            codes = codes if isinstance(codes, list) else [codes]
            self._suback[mid] = [getattr(c, "value", c) for c in codes]
            self.changed.notify_all()

    def _on_message(self, _c, _u, m):
        with self.changed:
            self.messages.append(Message(m))
            self.changed.notify_all()

    def _acked(self, kind, mid, code):
        with self.changed:
            if kind != "PUBREC" or code >= 0x80:
                self._acks[mid] = code
            self.changed.notify_all()

    # -- waiting --

    def wait_for(self, predicate, timeout=DEADLINE_S, what=None):
        """Returns the first truthy value of predicate(); fails at the deadline."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                got = predicate()
                if got:
                    return got
                left = end - time.monotonic()
                if left <= 0:
                    break
                self.changed.wait(left)
        raise AssertionError(
            f"{self.device}: {what or 'condition'} not met in {timeout} s; "
            f"disconnected={self._disconnected}; last messages: {self.messages[-8:]!r}")

    # -- connection --

    def __enter__(self):
        return self if self.connected else self.connect()

    def __exit__(self, *_):
        self.close()

    def connect(self):
        self.paho.loop_stop()  # first: its thread may still tell the end of an older connection
        with self.changed:
            self._connack, self._disconnected = None, None
        kw = {}
        if self.v5:
            kw = {"clean_start": self.clean,
                  "properties": properties_of(PacketTypes.CONNECT, self._connect_props)}
        self.paho.connect("127.0.0.1", self.port, self.keepalive, bind_address=self.source, **kw)
        self.paho.loop_start()
        self.wait_for(lambda: self._connack is not None or self._disconnected is not None,
                      what="CONNACK")
        if self._connack != 0:
            code = self._connack
            self.abort()
            raise Refused(code)
        return self

    def connect_twice(self):
        """To a kept session in which something waits that its client may not have any more: it is
        ended once, without a word."""
        self.connect()
        self.wait_disconnected()
        return self.connect()

    @property
    def connected(self):
        return self._connack == 0 and self._disconnected is None

    def wait_disconnected(self):
        """Until the server has ended the connection; returns paho's reason."""
        self.wait_for(lambda: self._disconnected is not None, what="disconnection")
        return self._disconnected

    def disconnect(self):
        """A clean DISCONNECT, and until the socket is closed."""
        self.paho.disconnect()
        self.wait_for(lambda: self._disconnected is not None, what="own disconnection")
        self.paho.loop_stop()

    def abort(self):
        """Cuts the connection without DISCONNECT, so that a will is sent."""
        sock = self.paho.socket()
        sock = getattr(sock, "_socket", sock)  # under paho's WebSocket
        if sock is not None:
            try:
                sock.shutdown(2)
            except OSError:
                pass
        self.paho.loop_stop()
        self.paho._sock_close()
        self.paho._reset_sockets(sockpair_only=True)

    def close(self):
        if self.connected:
            self.paho.disconnect()
        self.paho.loop_stop()
        self.paho._reset_sockets()  # thousands of clients come and go in one test process

    # -- MQTT --

    def subscribe(self, *filters, qos=1, no_local=False, retain_handling=0):
        """Returns the SUBACK's code for the one filter, or a list for several."""
        if self.v5:
            options = SubscribeOptions(qos=qos, noLocal=no_local, retainHandling=retain_handling)
            _, mid = self.paho.subscribe([(f, options) for f in filters])
        else:
            _, mid = self.paho.subscribe([(f, qos) for f in filters])
        codes = self.wait_for(lambda: self._suback.get(mid), what=f"SUBACK for {filters}")
        return codes[0] if len(filters) == 1 else codes

    def unsubscribe(self, topic_filter):
        _, mid = self.paho.unsubscribe(topic_filter)
        return self.wait_for(lambda: self._suback.get(mid), what="UNSUBACK")[0]

    def inbox(self, tail="#"):
        """Subscribes to the own inbox."""
        code = self.subscribe(self.base + tail)
        assert code < 0x80, f"inbox of {self.user} refused with {code:#x}"
        return self

    def post(self, topic, payload=b"", qos=1, retain=False, props=None):
        """Publishes without waiting; returns the packet id."""
        if isinstance(payload, (dict, list)):
            payload = json.dumps(payload)
        with self.changed:  # or the ack could be there before we forget an older one
            info = self.paho.publish(topic, payload, qos, retain,
                                     properties_of(PacketTypes.PUBLISH, props) if self.v5 else None)
        return info.mid

    def wait_ack(self, mid):
        return self.wait_for(lambda: mid in self._acks and (self._acks[mid], ), what="PUBACK")[0]

    def publish(self, topic, payload=b"", qos=1, retain=False, props=None):
        """Publishes and waits for PUBACK/PUBCOMP; returns its reason code (0 in MQTT 3.1.1)."""
        mid = self.post(topic, payload, qos, retain, props)
        return self.wait_ack(mid) if qos else 0

    # -- IM --

    @property
    def base(self):
        return f"{self.prefix}/inbox/{self.user}/"

    def on(self, tail):
        """Messages got on one topic of the own inbox, or under it when it ends with '/'."""
        topic = self.base + tail
        return [m for m in list(self.messages)
                if m.topic == topic or (tail.endswith("/") and m.topic.startswith(topic))]

    def got(self, conv=None):
        """Delivered messages as objects, in order of arrival; of one conversation or of all."""
        found = self.on(conv) if conv else self.on("u/") + self.on("g/")
        return [m.json for m in found]

    def bodies(self, conv=None):
        return [m["body"] for m in self.got(conv)]

    def acks(self):
        return [item for m in self.on("ack") for item in m.json]

    def answers(self):
        """Messages that answer this device's requests."""
        return self.on(f"rpc/{level(self.device)}")

    def events(self, kind=None):
        return [e for e in (m.json for m in self.on("event"))
                if kind is None or e.get("event") == kind]

    def wait_message(self, conv, predicate=lambda m: True):
        return self.wait_for(lambda: next((m for m in self.got(conv) if predicate(m)), None),
                             what=f"a message in {conv}")

    def wait_body(self, conv, body):
        return self.wait_for(lambda: next((m for m in self.got(conv) if m["body"] == body), None),
                             what=f"{body!r} in {conv}")

    def wait_ack_of(self, msg_id):
        """The element of an ack array for this message id (an ack or a refusal)."""
        return self.wait_for(lambda: next((a for a in self.acks() if a["id"] == msg_id), None),
                             what=f"ack of {msg_id}")

    def wait_event(self, kind, predicate=lambda e: True):
        return self.wait_for(lambda: next((e for e in self.events(kind) if predicate(e)), None),
                             what=f"event {kind}")

    def send(self, topic, payload, qos=1, props=None):
        """Publishes an envelope with an id and waits until it is stored: returns the ack."""
        assert self.publish(topic, payload, qos, props=props) < 0x80
        ack = self.wait_ack_of(payload["id"])
        assert "seq" in ack, f"refused: {ack}"
        return ack

    def converse(self, other):
        """A long message to the other, an answer, and what history has of both."""
        big = "x" * 60000
        ack = self.send(f"{self.prefix}/u/{other.user}", {"id": "1", "body": big})
        assert other.wait_message(f"u/{self.user}")["body"] == big
        other.send(f"{self.prefix}/u/{self.user}", {"id": "2", "body": "back"})
        assert self.wait_body(f"u/{other.user}", "back")["seq"] == ack["seq"] + 1
        assert [m["body"] for m in self.history(f"u/{other.user}")] == [big, "back"]

    def _ask(self, method, params):
        """Sends a request through im/rpc (JSON-RPC 2.0) and returns its id. Needs the inbox."""
        number = f"r-{next(self._requests)}"
        request = {"jsonrpc": "2.0", "id": number, "method": method}
        if params is not None:
            request["params"] = params
        code = self.publish(f"{self.prefix}/rpc", request)
        assert code < 0x80, f"PUBACK {code:#x} for {method}"
        return number

    def _answer(self, numbers):
        return next((m.json for m in self.answers()
                     if isinstance(m.json, dict) and m.json.get("id") in numbers), None)

    def rpc_batch(self, *requests):
        """The replies to requests (method, params) that go in one array, or the error object that
        refuses it as a whole."""
        numbers = [f"r-{next(self._requests)}" for _ in requests]
        have = len(self.answers())
        code = self.publish(f"{self.prefix}/rpc", [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in zip(numbers, requests)])
        assert code < 0x80, f"PUBACK {code:#x}"

        def answer():
            for m in self.answers()[have:]:
                if isinstance(m.json, dict) and m.json["id"] is None:
                    return m.json
                if isinstance(m.json, list) and [r["id"] for r in m.json] == numbers:
                    return m.json
            return None
        return self.wait_for(answer, what="replies to a batch")

    def rpc_raw(self, method, params=None):
        """The whole reply object of a request."""
        number = self._ask(method, params)
        return self.wait_for(lambda: self._answer([number]), what=f"reply to {method}")

    def rpc_asked_again(self, method, **params):
        """As rpc, and asks again while no answer comes, as a client has to whose broker holds it
        back until something new comes."""
        numbers = []
        for _ in range(ASKED_AGAIN):
            numbers.append(self._ask(method, params))
            try:
                reply = self.wait_for(lambda: self._answer(numbers), DEADLINE_S / ASKED_AGAIN)
            except AssertionError:
                continue
            wire.check_rpc(method, params, reply["result"])
            return reply["result"]
        raise AssertionError(f"{self.device}: no answer to {method}, asked {ASKED_AGAIN} times")

    def rpc(self, method, **params):
        reply = self.rpc_raw(method, params)
        if "error" in reply:
            raise RpcError(reply["error"])
        wire.check_rpc(method, params, reply["result"])
        return reply["result"]

    # Groups: the only place of the suite that knows these parameters' names.

    def invite(self, gid, *uids):
        return self.rpc("group.invite", gid=gid, members=list(uids))

    def kick(self, gid, *uids):
        return self.rpc("group.kick", gid=gid, members=list(uids))

    def join(self, gid):
        return self.rpc("group.join", gid=gid)

    def leave(self, gid):
        return self.rpc("group.leave", gid=gid)

    def members(self, gid):
        """{uid: role}"""
        out, more = {}, {}
        while True:
            page = self.rpc("group.members", gid=gid, **more)
            out.update((m["uid"], m["role"]) for m in page["members"])
            if not page["more"]:
                return out
            more = {"next": page["next"]}

    def history(self, conv):
        """The whole conversation, oldest first, paged."""
        out, after = [], 0
        while True:
            page = self.rpc("conv.history", conv=conv, after=after, limit=200)
            out += page["messages"]
            if not page["more"]:
                return out
            after = page["messages"][-1]["seq"]

    def listed(self, conv):
        """The conversation in conv.list; None: it is not there."""
        return next((c for c in self.rpc("conv.list")["conversations"] if c["conv"] == conv), None)

    def sync_all(self, cursor="", limit=50):
        """(messages, events, last cursor) of repeated sync calls from a cursor on."""
        messages, events = [], []
        while True:
            page = self.rpc("sync", cursor=cursor, limit=limit)
            messages += page["messages"]
            events += page["events"]
            cursor = page["cursor"]
            if not page["more"]:
                return messages, events, cursor
