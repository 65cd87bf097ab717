# SPDX-License-Identifier: BSD-3-Clause
"""What a chat app has beneath its screen, written from docs/PROTOCOL.md alone: an example to copy from.
It keeps nothing on disk; an app keeps the messages, and the cursor when `stored` says it."""
import asyncio
import base64
import itertools
import json
import secrets
import time

from wire import PacketTypes, Properties, Wire

ANSWER, ACK = 5, 15     # seconds after which a request, a message is sent again: both may be repeated
OPERATIONS = ("edit", "react", "recall")


def text_of(m):
    """What stands in the bubble: of a type that is not known its "text", or its name."""
    kind, body = m.get("type", "text"), m.get("body")
    if kind == "system":
        return body["action"] + (" by " + body["by"] if "by" in body else "")
    if isinstance(body, str) and "enc" not in m:
        return body
    return body["text"] if isinstance(body, dict) and isinstance(body.get("text"), str) else f"({kind})"


def shown(m):
    """A message as the app draws it; a quote that is null is of nothing that this user sees."""
    out = {"seq": m["seq"], "from": m["from"], "type": m.get("type", "text"), "text": text_of(m)}
    out.update({k: m[k] for k in ("mentions", "reactions", "reply_to") if k in m})
    if "quote" in m:
        out["quote"] = m["quote"] and text_of(m["quote"])
    return {**out, "edited": True} if "edited" in m else out


class Refused(Exception):
    """An error of the node. Two codes pass with time: after wait_ms, or, without it, who knows when."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code, self.wait_ms = error["code"], error.get("data", {}).get("retry_ms")
        self.passes = self.code in (-32008, -32009)
        self.told = {"code": self.code, "reason": error["message"],
                     "retry": "later" if self.passes else "no"}


class Chat(Wire):
    """What is said, and the list of conversations that comes of it."""

    def __init__(self, cursor=None, **wire):
        super().__init__(**wire)
        self.run_id, self.ids = secrets.token_hex(4), itertools.count(1)
        self.asked = {}                     # answers by correlation
        self.outbox, self.posts = {}, {}    # by conv: messages without an ack; the first's next try
        self.convs, self.changes = None, None       # the list by conv, in brief; where its changes go on
        self.have, self.top, self.stale = {}, {}, set()     # by conv: the seqs shown, the greatest
        # All that outlives the app is the cursor; without one the device is new, and begins with open().
        self.cursor, self.begun, self.n, self.gap, self.syncing = cursor, bool(cursor), None, False, False
        self.safe = self.newest = self.acked = int(cursor or 0)
        self.unacked, self.acking, self.renewal = 0, None, None
        self.plan_renewal()

    # Requests

    async def ask(self, request):
        """The answer to a request, or to an array of them."""
        for _ in range(12):
            key = f"{self.run_id}-{next(self.ids)}".encode()    # an earlier run's answers may wait yet
            envelope = Properties(PacketTypes.PUBLISH)
            envelope.ResponseTopic, envelope.CorrelationData = self.answers, key
            await self.ready.wait()
            self.asked[key] = self.loop.create_future()
            self.mqtt.publish("im/rpc", json.dumps(request), 0, properties=envelope)
            try:
                answer = await asyncio.wait_for(self.asked[key], ANSWER)
            except asyncio.TimeoutError:
                answer = None
            finally:
                del self.asked[key]
            if answer is None:      # lost with the connection, or with the node's bridge
                continue
            if isinstance(answer, list) or "error" not in answer:
                return answer
            refused = Refused(answer["error"])
            if not refused.wait_ms:
                raise refused
            await asyncio.sleep(refused.wait_ms / 1000)
        raise Refused({"code": -32009, "message": "busy: the node does not answer"})

    async def call(self, method, **params):
        answer = await self.ask({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if method in ("group.create", "group.join") and self.convs is not None:
            self.task(self.catch_up(listed=True))   # no event tells of a room that one has entered
        return answer["result"]

    async def batch(self, requests):
        """Each fails for itself; what refuses the array is raised."""
        answers = await self.ask([{"jsonrpc": "2.0", "id": i, **r} for i, r in enumerate(requests)])
        return [a["result"] if "result" in a else {"error": Refused(a["error"]).told} for a in answers]

    # Sending

    async def send(self, conv, text, **more):
        """Done when it is stored; until then it is sent again, with the id that makes it one message. One
        at a time in a conversation: none is overtaken while it has to wait."""
        mid, body = secrets.token_hex(8), {"body": text, **more}
        out = {"id": mid, "payload": json.dumps({"id": mid, **body}), "tries": 0,
               "done": self.loop.create_future()}
        queue = self.outbox.setdefault(conv, [])
        queue.append(out)
        if len(queue) == 1:
            self.post(conv)
        ack = await out["done"]
        self.take({"conv": conv, "seq": ack["seq"], "ts": ack["ts"], "from": self.user, **body})
        return {"seq": ack["seq"], "dropped": ack.get("dropped_mentions", [])}

    def post(self, conv, after=0):
        """The first of a conversation's queue, now or later, and again if no ack comes."""
        if conv in self.posts:
            self.posts.pop(conv).cancel()
        if not after and self.ready.is_set():
            self.mqtt.publish("im/" + conv, self.outbox[conv][0]["payload"], 1)
        self.posts[conv] = self.loop.call_later(after or ACK, self.post, conv)

    def begin(self):
        self.n = None           # nothing counts before the hello
        for answer in self.asked.values():
            answer.done() or answer.set_result(None)
        for conv in self.outbox:
            self.post(conv)

    def acknowledged(self, ack):
        queue = self.outbox.get(ack["conv"], ())
        refused = "error" in ack and Refused(ack["error"])
        if not queue or queue[0]["id"] != ack["id"]:
            if refused and not ack["id"]:   # what has no id of its own: a signal, a cursor
                self.say("refused", conv=ack["conv"], **refused.told)
            return                          # another device's, or one that is acknowledged already
        out = queue[0]
        out["tries"] += 1
        if refused and (refused.wait_ms or refused.passes and out["tries"] < 3):
            return self.post(ack["conv"], (refused.wait_ms or 1000 * out["tries"]) / 1000)
        queue.pop(0)
        out["done"].set_exception(refused) if refused else out["done"].set_result(ack)
        if queue:
            self.post(ack["conv"])
        else:
            self.posts.pop(ack["conv"]).cancel()
            del self.outbox[ack["conv"]]

    # Receiving

    def received(self, msg):
        kind = msg.topic[len(self.inbox):].split("/")[0] if msg.topic.startswith(self.inbox) else "room"
        what = json.loads(msg.payload)
        if kind == "rpc":
            answer = self.asked.get(getattr(msg.properties, "CorrelationData", None))
            if answer and not answer.done():
                answer.set_result(what)
        elif kind == "ack":
            for ack in what:
                self.acknowledged(ack)
        elif kind == "signal":
            self.say("signal", conv=what["conv"], text=text_of(what), **{"from": what["from"]})
        else:
            self.happened(what) if kind == "event" else self.take(what)
            self.count(what)    # after it was taken: what is acknowledged has to be ours

    def take(self, m):
        """A message, whatever way it has come: shown once."""
        conv, seq, kind = m["conv"], m["seq"], m.get("type", "text")
        have, item = self.have.setdefault(conv, set()), (self.convs or {}).get(conv, {})
        if seq in have:
            return
        have.add(seq)
        top = self.top.get(conv, seq - 1)
        self.top[conv] = max(top, seq)
        if seq > top + 1 and item.get("kind") != "room":
            self.task(self.fill(conv, top, seq))
        if kind in OPERATIONS:
            new = m["body"].get("emoji") if kind == "react" else m["body"].get("body")
            self.say("change", conv=conv, what=kind, seq=m["body"]["seq"], new=new)
        else:
            self.say("message", conv=conv, **shown(m))
        if self.convs is None or seq <= item.get("head", 0):
            return                  # the list has counted it
        if not item or kind in OPERATIONS or kind == "system":
            return self.refresh(conv)   # a new one, or what changes others: the node knows better
        item.update(head=seq, last=m)
        if m["from"] == self.user:
            item.update(unread=0, mentions=0)
        elif item["kind"] != "room" or item.get("follow"):
            item["unread"] = item.get("unread", 0) + 1
            named = {self.user, "all"} & set(m.get("mentions", ()))
            item["mentions"] = item.get("mentions", 0) + bool(named)

    async def fill(self, conv, low, high):
        """Pulls what is missing between two; a second later, for most of it is on its way."""
        await asyncio.sleep(1)
        at, more = low, True
        try:
            while more and not self.have[conv].issuperset(range(at + 1, high)):
                page = await self.call("conv.history", conv=conv, after=at)
                for m in page["messages"]:
                    self.take(m)
                    at = m["seq"]
                more = page["more"]
        except Refused:
            return      # out of the group meanwhile
        self.have[conv].update(range(low + 1, high))    # what history leaves out is not for this user

    def happened(self, event):
        kind = event["event"]
        if kind == "hello":
            self.hello, self.n, self.safe, self.gap = event, event.get("n"), self.acked, event["behind"]
            self.task(self.catch_up(listed=True))
        elif kind == "session":
            self.end = event
        elif kind in ("conv", "group") or kind == "read" and event["by"] == self.user:
            self.refresh(event["conv"])
        self.say(kind, **{k: v for k, v in event.items()
                          if k not in ("event", "n", "epoch", "safe", "cursor")})

    # In step

    def count(self, delivery):
        """Whether anything is missing, told by n; and if not, how far everything is here."""
        n = delivery.get("n")
        if n is None or self.n is None or n <= self.n:
            return
        if n > self.n + 1:          # the broker had no room: what came before says nothing any more
            self.gap, self.safe = True, self.acked
            self.task(self.catch_up())
        self.n, self.unacked = n, self.unacked + 1
        self.newest = max(self.newest, int(delivery["cursor"]))
        self.safe = max(self.safe, int(delivery.get("safe", delivery["cursor"])))
        if self.unacked == 100:
            self.ack()
        elif not self.acking:
            self.acking = self.loop.call_later(1, self.ack)

    def ack(self):
        if self.acking:
            self.acking.cancel()
        self.acking, self.unacked = None, 0
        if self.gap or self.syncing or self.n is None:
            return                      # not in step: catch_up() acknowledges
        if self.safe > self.acked:
            self.mqtt.publish("im/ack", str(self.safe), 1)
            self.stored(self.safe)
        if self.newest > self.safe:     # something was overtaken; if it stays so, sync
            self.loop.call_later(3, self.lagging, self.newest)

    def stored(self, cursor):
        self.safe, self.acked, self.cursor = max(self.safe, cursor), cursor, str(cursor)
        self.say("stored", cursor=self.cursor)

    def lagging(self, newest):
        self.gap = self.gap or self.safe < newest
        self.task(self.catch_up())

    async def catch_up(self, listed=False):
        """Asks for what was missed; the list first, for that is what the user looks at."""
        try:
            if listed and self.convs is not None:
                await self.load("conv.list", brief=True, since=self.changes)
            if self.begun and not self.syncing:     # a new device begins with open()
                await self.sync()
        except Refused:
            self.loop.call_later(ANSWER, lambda: self.task(self.catch_up(listed)))

    async def sync(self):
        self.syncing = True
        try:
            while self.gap:
                self.gap, more = False, True        # a number missed from here on is a gap of its own
                while more:     # without a cursor it goes on from where this device has acknowledged
                    begin = {"cursor": self.cursor} if self.cursor else {}
                    page = await self.call("sync", limit=200, **begin)
                    for m in page["messages"]:
                        self.take(m)
                    for event in page["events"]:
                        self.happened(event)
                    self.cursor, more = page["cursor"], page["more"]
                    self.safe = max(self.safe, int(self.cursor))
        except Refused:
            self.gap = True
            raise
        finally:
            self.syncing = False
        self.ack()

    # The list of conversations

    async def load(self, method, **params):
        """All pages. The cursor to keep is the first's: the list changes while the rest is asked for."""
        first = page = await self.call(method, **params)
        if self.convs is None or first.get("all"):
            self.convs = {}
        while True:
            for item in page["conversations"]:
                self.put(item)
            if not page["more"]:
                self.changes = first["cursor"]
                return first
            params = {"since": params["since"]} if "since" in params else {"pinned_first": True}
            page = await self.call("conv.list", brief=True, next=page["next"], **params)

    async def open(self, limit=50):
        first = await self.load("session.start", limit=limit)
        for conv, item in self.convs.items():
            self.top.setdefault(conv, item.get("head", 0))
        if self.cursor is None:     # a new device need not download what was before it
            try:
                await self.call("device.ack", cursor=first["cursor"], start=True)
                self.stored(int(first["cursor"]))
            except Refused:         # it is not new, the app has lost its cursor: the node has it
                self.gap = True
            self.begun = True
            self.task(self.catch_up())
        return {"first": len(first["conversations"]), "all": len(self.convs), "node": first["node"],
                "unread": first["total_unread"], "mentions": first["total_mentions"]}

    def put(self, item):
        have = self.convs.get(item["conv"], {})
        if item.get("gone"):
            self.convs.pop(item["conv"], None)
        elif item.get("head", 0) < have.get("head", 0):
            self.refresh(item["conv"])      # a message has overtaken the answer
        else:
            self.convs[item["conv"]] = item

    def refresh(self, conv):
        if self.convs is not None and conv not in self.stale:
            self.stale.add(conv)
            self.task(self.look_up(conv))

    async def look_up(self, conv):
        self.stale.discard(conv)    # what happens after this asks again
        try:
            self.put((await self.call("conv.get", conv=conv, brief=True))["conversation"])
        except Refused as refused:
            if refused.code in (-32002, -32003):    # dismissed, or ours no longer
                self.convs.pop(conv, None)

    def list(self):
        """As it is shown: pinned ones first, then the one that was last written in."""
        order = sorted(self.convs.values(),
                       key=lambda i: (not i.get("pinned"), -i.get("last", {}).get("ts", 0)))
        return [{"conv": i["conv"], "kind": i["kind"], "name": i.get("name") or i["conv"][2:],
                 "unread": i.get("unread", 0), "mentions": i.get("mentions", 0),
                 "pinned": i.get("pinned", False), "last": text_of(i["last"]) if "last" in i else None}
                for i in order]

    # Tokens

    def plan_renewal(self):
        """At four fifths of a token's time; a password has none."""
        if self.renewal:
            self.renewal.cancel()
        try:
            claims = self.password.split(".")[1]
            left = json.loads(base64.urlsafe_b64decode(claims + "==="))["exp"] - time.time()
        except (IndexError, KeyError, TypeError, ValueError):
            return
        self.renewal = self.loop.call_later(left * 4 / 5, lambda: self.say("credential", why="renew"))

    async def token(self, token):
        """The user's new password or token: for the connection that stands, or for the next one."""
        if self.ready.is_set():
            await self.call("session.token", token=token)
        self.password = token
        self.plan_renewal()
        self.credential.set()
