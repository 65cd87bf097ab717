# SPDX-License-Identifier: BSD-3-Clause
"""One device of one user in a torture run: sends, receives, pulls, loses its connection, and writes
down everything for the checker. Where there are several brokers it goes from one to another, and may
leave the older connection open. Runs on its own thread; knows nothing of when servers are killed.
"""
import collections
import json
import random
import select
import socket
import time
import traceback

from lib import mqttwire as w
from lib.step import Step
from moving import Left, Mover, global_conv, now_ms

WINDOW = 10  # messages sent and not yet acked by the broker
RESEND_S = 2.0  # an id without an ack is sent again after this
RPC_S = 15.0
ACK_S = 0.3  # what is safe is acknowledged so long after the first of it
STALL_S = 2.0  # so long does a device that is asleep not read: its queue at the broker overflows
TRANSIENT = (-32008, -32009)  # rate limited, busy: to be tried again
REST_S = 1.0  # before it comes back to where it was told to come later


class Lost(Exception):
    """The connection is gone."""


def slim(m):
    """What the checker needs of a delivered message."""
    return {"seq": m["seq"], "from": m["from"], "id": m.get("id"), "body": m["body"],
            "type": m.get("type")}


class Device(Mover):
    """plan: a dict with
    ports, stays: of the brokers; the number of the one that it stays at, None: of any
    user, device, password, v5, clean, seed, rate: who, and how it connects and sends
    targets: [(topic, conv, id needed)] that this user may write to
    convs: the conversations of which this device must hold every message at the end
    reader: whether it also reads them whole through history
    churn: None, or (gid, member, leaver) for the owner of the group with changing members
    comer: None, or that gid for the member who comes and goes of its own will, too"""

    def __init__(self, plan, phase):
        self.plan, self.phase = plan, phase
        self.user, self.name = plan["user"], plan["device"]
        self.moves = len(plan["ports"]) > 1 and plan["stays"] is None
        self.version = w.V5 if plan["v5"] else w.V311
        self.random = random.Random(plan["seed"])
        self.events = []
        self.sock = None
        self.reader = None
        self.at = None  # the number of the broker
        self.greeted_at = None  # where the last connection was that was greeted, and not contested
        self.was_at = None  # the same, before this one came
        self.old = None  # the connection before, if it was left open
        self.over = None  # when this one was told its end
        self.unanswered = False  # a CONNECT may come to a broker long after its device has gone on
        self.last_mid = 0
        self.flight = {}  # mid: message, sent on this connection and not accepted
        self.again = collections.deque()  # to be sent again on the next connection
        self.pending = {}  # (conv, id): message without an IM ack
        self.done = []  # some acked messages, to be resent on purpose
        self.replies = {}
        self.serial = 0
        self.cursor = ""
        self.step = Step()
        self.due = None  # when what is safe is to be acknowledged
        self.must_sync = False
        self.acks = self.stalls = 0
        self.log = collections.defaultdict(dict)
        self.connections = 0
        self.said_farewell = False
        self.seen = set()  # (conv, seq) already written down as recv on this connection
        self.held = {}  # (conv, seq): the number of the connection on which it came first

    def note(self, kind, **fields):
        self.events.append({"k": kind, **fields})

    # -- the connection --

    def connect(self):
        before, self.at = self.at, self.choose()
        self.sock = socket.create_connection(("127.0.0.1", self.plan["ports"][self.at]), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = w.Reader()
        self.over = None
        began = now_ms()
        self.was_at = self.greeted_at
        unanswered, self.unanswered = self.unanswered, True
        props = {"session_expiry_interval": 600} if self.version == w.V5 and not \
            self.plan["clean"] else None
        self.send(w.connect(self.name, self.user, self.plan["password"], version=self.version,
                            clean=self.plan["clean"], props=props, keepalive=0))
        _, body = self.await_packet(w.CONNACK)
        self.unanswered = unanswered
        ack = w.decode_connack(body, self.version)
        if ack["code"]:
            raise Lost(f"CONNACK {ack['code']}")
        self.seen.clear()
        self.step.connected()
        self.due = None
        self.connections += 1
        self.note("at", device=self.name, conn=self.connections, broker=self.at, t=began,
                  before=self.greeted_at, session=ack["session_present"])
        mid = self.mid()
        self.send(w.subscribe(mid, [(f"im/inbox/{self.user}/#", 1)], version=self.version))
        self.await_packet(w.SUBACK)
        unaccepted = list(self.flight.items())
        self.flight.clear()
        for old_mid, message in unaccepted:
            if ack["session_present"] and message["qos"] and self.at == before:
                self.flight[old_mid] = message
                self.transmit(message, old_mid, dup=True)
            elif message["qos"]:
                self.again.append(message)

    def drop(self):
        if self.sock:
            self.sock.close()
        self.sock = None
        self.part("left")  # with the newer one gone the older may stay

    def mid(self):
        while True:
            self.last_mid = self.last_mid % 65535 + 1
            if self.last_mid not in self.flight:
                return self.last_mid

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise Lost(str(e)) from e

    def pump(self, timeout):
        """Reads what is there, or waits up to timeout for something; handles it."""
        if self.old is not None and self.old.pump():
            self.part(self.old.became)
        ready = select.select([self.sock], [], [], timeout)[0]
        if ready:
            try:
                data = self.sock.recv(65536)
            except OSError as e:
                raise Lost(str(e)) from e
            if not data:
                raise Lost("closed")
            self.reader.feed(data)
        while True:
            packet = self.reader.next()
            if packet is None:
                break
            self.handle(*packet)
        if self.over:
            raise Lost("ended")

    def await_packet(self, kind):
        """During connect only: nothing else than deliveries can come in between."""
        end = time.monotonic() + 10
        while True:
            packet = self.reader.next()
            if packet is None:
                if not select.select([self.sock], [], [], max(0.0, end - time.monotonic()))[0]:
                    raise Lost(f"no packet {kind}")
                try:
                    data = self.sock.recv(65536)
                except OSError as e:
                    raise Lost(str(e)) from e
                if not data:
                    raise Lost("closed")
                self.reader.feed(data)
                continue
            if packet[0] == kind:
                return packet[1], packet[2]
            self.handle(*packet)

    # -- what comes --

    def handle(self, kind, flags, body):
        if kind == w.PUBLISH:
            m = w.decode_publish(flags, body, self.version)
            self.delivered(m["topic"], m["payload"])
            if m["qos"] == 1:
                self.send(w.ack(w.PUBACK, m["mid"]))
        elif kind in (w.PUBACK, w.PUBREC):
            mid, code = w.decode_ack(body, self.version)
            message = self.flight.pop(mid, None)
            if message is not None:
                self.accepted(message, code)
            if kind == w.PUBREC and code < 0x80:
                self.send(w.ack(w.PUBREL, mid))
        elif kind == w.DISCONNECT:
            raise Lost("DISCONNECT")

    def accepted(self, message, code):
        if code < 0x80:
            self.note("accepted", tok=message["tok"])
        elif code == 0x87:  # no right to write there (any more)
            self.pending.pop((message["conv"], message["id"]), None)
        elif message["id"] is None:
            self.again.append(message)

    def delivered(self, topic, payload):
        tail = topic[len(f"im/inbox/{self.user}/"):]
        body = json.loads(payload)
        if tail == "ack":
            for item in body:
                self.acked(item)
        elif tail == f"rpc/{self.name}":  # the other device gets its own
            self.replies[body.get("id")] = body
        elif tail == "event" and body["event"] == "session":
            self.over = now_ms()
            self.ended(self.connections, body["reason"], newest=True)
            if body["reason"] == "contested":  # the older one has stayed the device's
                self.greeted_at = self.was_at
        elif tail == "event" and body["event"] == "hello":
            self.must_sync |= self.step.hello(body)
            self.greeted_at = self.at
            if self.old is not None:
                self.old.greeted()
        elif tail == "event":
            self.must_sync |= self.step.delivery(body)
        elif tail.startswith(("u/", "g/")):
            self.must_sync |= self.step.delivery(body)
            self.due = self.due or time.monotonic() + ACK_S
            self.received(global_conv(self.user, tail), body, self.connections, self.over)

    def received(self, conv, body, conn, over):
        """A message that was delivered on the connection conn, which was told its end at `over`."""
        key = conv, body["seq"]
        if (conn, key) not in self.seen:
            self.seen.add((conn, key))
            self.note("recv", device=self.name, user=self.user, conv=conv, conn=conn, ts=body["ts"],
                      had=self.held.get(key, conn) < conn, over=over, **slim(body))
        self.keep(conv, body)

    def acked(self, item):
        if item.get("conv") is None or item.get("id") is None:
            return
        conv = global_conv(self.user, item["conv"])
        if "seq" in item:
            self.note("ack", user=self.user, conv=conv, id=item["id"], seq=item["seq"])
        elif item["error"]["code"] in TRANSIENT:
            return
        else:
            self.note("refused", user=self.user, conv=conv, id=item["id"],
                      code=item["error"]["code"])
        message = self.pending.pop((conv, item["id"]), None)
        if message and "seq" in item:
            # A user's only device gets no copy of what it has sent.
            self.keep(conv, {"seq": item["seq"], "from": self.user, "id": item["id"],
                             "body": message["body"]})
        if message and "seq" in item and len(self.done) < 50:
            self.done.append(message)

    def keep(self, conv, m):
        self.log[conv].setdefault(m["seq"], slim(m))
        self.held.setdefault((conv, m["seq"]), self.connections)

    # -- what goes --

    def transmit(self, message, mid, dup=False):
        props = message["props"] if self.version == w.V5 else None
        self.send(w.publish(message["topic"], message["payload"], qos=message["qos"], mid=mid,
                            dup=dup, version=self.version, props=props))

    def put(self, message):
        mid = self.mid() if message["qos"] else None
        if mid:
            self.flight[mid] = message
        message["sent"] = time.monotonic()
        self.transmit(message, mid)

    def new_message(self):
        topic, conv, id_needed = self.random.choice(self.plan["targets"])
        self.serial += 1
        tok = f"{self.name}-{self.serial}"
        text = f"{tok}|" + "x" * self.random.choice((0, 10, 100, 1000))
        msg_id = tok if id_needed or self.random.random() < 0.6 else None
        qos = self.random.choice((0, 1, 1, 1, 2))
        props = None
        payload = text
        # At QoS 0 a refusal has nothing but the payload to take the id from.
        if msg_id and qos and self.version == w.V5 and self.random.random() < 0.3:
            props = {"user_property": [("id", msg_id)]}
        elif msg_id:
            payload = json.dumps({"id": msg_id, "body": text})
        message = {"tok": tok, "topic": topic, "conv": conv, "id": msg_id, "payload": payload,
                   "props": props, "qos": qos, "body": text}
        self.note("send", tok=tok, user=self.user, conv=conv, id=msg_id, qos=qos, body=text)
        if msg_id:
            self.pending[conv, msg_id] = message
        self.put(message)

    def resend(self):
        """What waits for another try: unaccepted messages, then ids without an ack."""
        while self.again and len(self.flight) < WINDOW:
            self.put(self.again.popleft())
        now = time.monotonic()
        for message in list(self.pending.values()):
            if len(self.flight) >= WINDOW:
                return
            if now - message["sent"] > RESEND_S and message not in self.flight.values():
                self.put(message)

    def rpc(self, method, **params):
        """The reply object, or None when no answer came (a crash may lose a request)."""
        self.serial += 1
        number = f"r{self.serial}"
        self.send(w.publish("im/rpc", json.dumps({"jsonrpc": "2.0", "id": number,
                                                  "method": method, "params": params}),
                            version=self.version))
        end = time.monotonic() + RPC_S
        while number not in self.replies:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.pump(left)
        return self.replies.pop(number)

    def read(self, method, **params):
        """The result of a request that must succeed, however often it takes."""
        while True:
            reply = self.rpc(method, **params)
            if reply is not None and "result" in reply:
                return reply["result"]
            if reply is not None and reply["error"]["code"] not in TRANSIENT:
                raise AssertionError(f"{self.name}: {method} {params}: {reply['error']}")

    def sync(self):
        while True:
            self.must_sync = False
            page = self.read("sync", cursor=self.cursor)
            for m in page["messages"]:
                self.keep(global_conv(self.user, m["conv"]), m)
            self.cursor = page["cursor"]
            if not page["more"] and not self.must_sync:
                self.step.synced()
                return

    def stay_in_step(self):
        """What a device does beside its user: what was lost is synced, what is safe acknowledged, and
        then never asked for again."""
        if self.must_sync:
            self.sync()
        if self.due is None or time.monotonic() < self.due:
            return
        self.due = None
        safe = self.step.ack(int(self.cursor or 0))
        if safe is not None:
            self.cursor = str(safe)
            self.acks += 1
            self.send(w.publish("im/ack", self.cursor, version=self.version))

    def pull(self):
        """One page of a conversation from a random place."""
        conv = self.random.choice(sorted(self.plan["convs"]))
        after = self.random.randrange(max(self.log[conv], default=0) + 1)
        page = self.read("conv.history", conv=self.local_conv(conv), after=after, limit=20)
        self.note("page", device=self.name, user=self.user, conv=conv, first=after + 1,
                  messages=[slim(m) for m in page["messages"]])

    def local_conv(self, conv):
        if conv.startswith("g/"):
            return conv
        a, b = conv[2:].split("/")
        return "u/" + (b if a == self.user else a)

    def churn(self):
        """The owner of a group with a member that comes and goes, and one that goes for good."""
        gid, member, leaver = self.plan["churn"]
        if not self.said_farewell and self.random.random() < 0.3:
            self.farewell(gid, leaver)
        else:
            self.rpc(self.random.choice(("group.invite", "group.kick")), gid=gid, members=[member])

    def farewell(self, gid, leaver):
        """Repeated until the answer is known; the second time it may be that it was done."""
        while self.rpc("group.kick", gid=gid, members=[leaver]) is None:
            pass
        self.said_farewell = True

    # -- the thread --

    def load(self):
        """Until the phase changes: random work, in spite of everything."""
        pause = 1 / self.plan["rate"]
        due = time.monotonic() + self.random.random() * pause
        while self.phase.load():
            self.pump(max(0.0, min(0.05, due - time.monotonic())))
            self.stay_in_step()
            if time.monotonic() < due:
                continue
            due += self.random.expovariate(1) * pause
            self.resend()
            dice = self.random.random()
            if dice < 0.02:
                self.pull()
            elif dice < 0.03:
                self.sync()
            elif dice < 0.08 and self.plan["churn"]:
                self.churn()
            elif dice < 0.08 and self.plan["comer"]:
                self.rpc(self.random.choice(("group.join", "group.leave")),
                         gid=self.plan["comer"])
            elif dice < 0.09:
                raise Lost("on purpose")
            elif dice < 0.095:
                self.stalls += 1
                time.sleep(STALL_S)
            elif dice < 0.12 and self.moves:
                self.leave()
            elif dice < 0.15 and self.done:
                self.put(dict(self.random.choice(self.done)))
            elif len(self.flight) < WINDOW and len(self.pending) < 200:
                self.new_message()

    def settle(self):
        """Until nothing is open: every id acked or refused, every publish accepted."""
        while self.pending or self.again or self.old is not None or any(
                m["qos"] for m in self.flight.values()):
            if not self.phase.settling():
                self.note("stuck", device=self.name, pending=list(map(str, self.pending))[:20],
                          flight=[m["tok"] for m in self.flight.values()][:20])
                return
            self.resend()
            self.pump(0.1)
            self.stay_in_step()

    def meet(self):
        """Nobody reads before everybody has settled."""
        if self.plan["churn"] and not self.said_farewell:
            gid, _, leaver = self.plan["churn"]
            self.farewell(gid, leaver)
        self.phase.meet()

    def finish(self):
        """The last reading."""
        self.sync()
        for conv in self.plan["convs"]:
            self.note("log", device=self.name, user=self.user, conv=conv,
                      messages=[self.log[conv][s] for s in sorted(self.log[conv])])
            if self.plan["reader"]:
                self.note("final", user=self.user, conv=conv, messages=self.whole(conv))

    def whole(self, conv):
        out, after = [], 0
        while True:
            page = self.read("conv.history", conv=self.local_conv(conv), after=after, limit=200)
            out += [slim(m) for m in page["messages"]]
            if not page["more"]:
                return out
            after = page["messages"][-1]["seq"]

    def run(self):
        steps = [self.load, self.settle, self.meet, self.finish]
        while steps:
            try:
                if self.sock is None:
                    self.connect()
                steps[0]()
                steps.pop(0)
            except Left:
                pass
            except (Lost, OSError):
                self.drop()
                self.phase.pause()
                if self.over:
                    time.sleep(REST_S)
            except Exception:  # of this program, or an answer that cannot be: it must be seen
                self.note("failed", device=self.name, why=traceback.format_exc())
                self.phase.barrier.abort()
                break
        self.drop()
