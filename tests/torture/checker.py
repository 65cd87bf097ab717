# SPDX-License-Identifier: BSD-3-Clause
"""Judges a torture run: promises 1 to 5, and 25 where there are several brokers, over what the clients
themselves wrote down.

Pure: events in, violations out. No network, no clock, no trust in the server: every statement here
is derived from what a client sent, was told, received or read.

An event is a dict with the member `k`:
  send      tok, user, conv, id|None, qos, body     a client decided to send this
  accepted  tok                                     its PUBACK or PUBREC came, without an error
  ack       user, conv, id, seq                     an element of .../ack with a seq
  refused   user, conv, id                          an element of .../ack with an error
  recv      device, user, conv, seq, from, id, body a delivery to the inbox; beside it conn, the number
            of the device's connection, had: it held the message before that began, over: None, or when
            that was told its end, and ts of the message; times in milliseconds
  page      device, user, conv, first, messages     a page read during the run, seqs first..
  final     user, conv, messages                    the whole conversation, read at the end
  log       device, user, conv, messages            what a device holds after its last sync
  at        device, conn, broker, t, before, session  a connection, begun at t; before: None, or the
            broker of the last one that was greeted
  ended     device, conn, reason, newest            the node has ended it; newest: none came after it
  old       device, conn, became                    what became of a connection that was left open when
            the device was greeted at another broker: `closed`, why it was ended, `open`, or `left`
            when the newer one was lost first
  kill      t                                       SIGKILL of the bridge or a broker
  stop      t, until                                SIGSTOP of a broker
`conv` is the same for all who take part: "d/alice/bob" (sorted) or "g/team". `messages` is a list
of {seq, from, id, body, type}. `tok` names one message; resends of it carry the same tok.
"""
import collections
import dataclasses

# For so long, in milliseconds, may a delivery be under way where nothing is stopped or killed, and so
# long before a kill may what is told again after it have been stored.
UNDER_WAY_MS = 3000
TOLD_AGAIN_MS = 5000


@dataclasses.dataclass(frozen=True)
class Violation:
    promise: int
    text: str

    def __str__(self):
        return f"promise {self.promise}: {self.text}"


def content(m):
    """What must never differ between two sights of one (conversation, seq)."""
    body = m["body"]
    if isinstance(body, dict):
        body = tuple(sorted((k, repr(v)) for k, v in body.items()))
    return m["from"], m.get("id"), body


class Checker:
    def __init__(self, events):
        self.violations = []
        self.by_kind = collections.defaultdict(list)
        for event in events:
            self.by_kind[event["k"]].append(event)
        self.sends = {e["tok"]: e for e in self.by_kind["send"]}
        self.refused = {(e["user"], e["conv"], e["id"]) for e in self.by_kind["refused"]}
        # One reading of each conversation is the reference; the others are held against it.
        self.history = {}
        for event in self.by_kind["final"]:
            self.history.setdefault(event["conv"], event["messages"])
        self.at = {(conv, m["seq"]): m for conv, ms in self.history.items() for m in ms}

    def say(self, promise, text):
        self.violations.append(Violation(promise, text))

    def run(self):
        for rule in (self.acked_is_stored, self.accepted_is_stored, self.seq_is_dense,
                     self.seq_is_never_reused, self.members_agree, self.devices_converge,
                     self.id_is_stored_once, self.nothing_is_invented, self.removed_hears_nothing,
                     self.older_connection_ends, self.newest_connection_stays,
                     self.ended_hears_nothing, self.void_session_is_silent):
            rule()
        return self.violations

    def acked_is_stored(self):
        for e in self.by_kind["ack"]:
            m = self.at.get((e["conv"], e["seq"]))
            if m is None:
                self.say(1, f"acked {e['id']} of {e['user']} is not at {e['conv']}#{e['seq']}")
            elif (m["from"], m.get("id")) != (e["user"], e["id"]):
                self.say(1, f"{e['conv']}#{e['seq']} was acked as {e['id']} of {e['user']} but "
                            f"holds {m.get('id')} of {m['from']}")

    def accepted_is_stored(self):
        stored = {(conv, m["from"], m["body"]) for conv, ms in self.history.items() for m in ms
                  if isinstance(m["body"], str)}
        for tok in {e["tok"] for e in self.by_kind["accepted"]}:
            s = self.sends[tok]
            if s["id"] is not None and (s["user"], s["conv"], s["id"]) in self.refused:
                continue
            if (s["conv"], s["user"], s["body"]) not in stored:
                self.say(2, f"{tok} ({s['user']} to {s['conv']}, id {s['id']}, QoS {s['qos']}) "
                            "was accepted and is nowhere")

    def seq_is_dense(self):
        for e in self.by_kind["final"]:
            seqs = [m["seq"] for m in e["messages"]]
            if seqs != list(range(1, len(seqs) + 1)):
                self.say(3, f"{e['conv']} as {e['user']} reads it is not dense: {holes(seqs, 1)}")
        for e in self.by_kind["page"]:
            seqs = [m["seq"] for m in e["messages"]]
            if seqs != list(range(e["first"], e["first"] + len(seqs))):
                self.say(3, f"a page of {e['conv']} from {e['first']} is not dense: "
                            f"{holes(seqs, e['first'])}")

    def seq_is_never_reused(self):
        sights = [(e["conv"], e) for e in self.by_kind["recv"]]
        sights += [(e["conv"], m) for e in self.by_kind["page"] for m in e["messages"]]
        for conv, m in sights:
            now = self.at.get((conv, m["seq"]))
            if now is None:
                self.say(3, f"{conv}#{m['seq']} ({m.get('id')} of {m['from']}) was seen and is "
                            "gone")
            elif content(now) != content(m):
                self.say(3, f"{conv}#{m['seq']} was {content(m)} and is {content(now)}")

    def members_agree(self):
        for e in self.by_kind["final"]:
            reference = self.history[e["conv"]]
            if [content(m) for m in e["messages"]] != [content(m) for m in reference]:
                self.say(4, f"{e['user']} reads {e['conv']} otherwise than the first member")

    def devices_converge(self):
        for e in self.by_kind["log"]:
            want = [(m["seq"], content(m)) for m in self.history.get(e["conv"], [])]
            have = [(m["seq"], content(m)) for m in e["messages"]]
            if have != want:
                missing = sorted({s for s, _ in want} - {s for s, _ in have})
                self.say(4, f"device {e['device']} holds {len(have)} of {len(want)} of "
                            f"{e['conv']}; missing {missing[:10]}")

    def id_is_stored_once(self):
        for conv, messages in self.history.items():
            count = collections.Counter((m["from"], m["id"]) for m in messages if m.get("id"))
            for (user, msg_id), n in count.items():
                if n > 1:
                    self.say(5, f"{msg_id} of {user} is {n} times in {conv}")

    def nothing_is_invented(self):
        sent = {(s["conv"], s["user"], s["id"], s["body"]) for s in self.sends.values()}
        for conv, messages in self.history.items():
            for m in messages:
                if m.get("type") != "system" and (
                        not isinstance(m["body"], str)
                        or (conv, m["from"], m.get("id"), m["body"]) not in sent):
                    self.say(4, f"{conv}#{m['seq']} was never sent: {content(m)}")

    def removed_hears_nothing(self):
        """A member removed for good receives nothing that came after the removal."""
        gone = {}
        for conv, messages in self.history.items():
            for m in messages:
                if m.get("type") != "system":
                    continue
                body = m["body"]
                for member in body.get("members", []):
                    if body["action"] in ("kick", "leave"):
                        gone[conv, member["uid"]] = m["seq"]
                    else:
                        gone.pop((conv, member["uid"]), None)
        for e in self.by_kind["recv"]:
            last = gone.get((e["conv"], e["user"]))
            if last is not None and e["seq"] > last:
                self.say(7, f"{e['user']} left {e['conv']} at {last} and received {e['seq']}")


    def older_connection_ends(self):
        for e in self.by_kind["old"]:
            if e["became"] not in ("moved", "closed", "left"):
                self.say(25, f"{e['device']} is connected at another broker, and its connection "
                             f"{e['conn']} is {e['became']}")

    def newest_connection_stays(self):
        for e in self.by_kind["ended"]:
            if e["newest"] and e["reason"] != "contested":
                self.say(25, f"{e['device']} was ended on its newest connection, {e['conn']}: "
                             f"{e['reason']}")

    def ended_hears_nothing(self):
        """What was stored when a connection had been told its end does not come there any more."""
        for e in self.by_kind["recv"]:
            if e.get("over") and e["ts"] > e["over"]:
                self.say(25, f"{e['device']} got {e['conv']}#{e['seq']} on connection {e['conn']}, "
                             "which had been ended")

    def void_session_is_silent(self):
        """Who comes back to a broker after having been at another gets nothing there that it had: not
        by what the broker kept for its session."""
        at = {(e["device"], e["conn"]): e for e in self.by_kind["at"]}
        for e in self.by_kind["recv"]:
            if not e.get("had"):
                continue
            c = at[e["device"], e["conn"]]
            if c["before"] in (None, c["broker"]) or e["ts"] > c["t"] - UNDER_WAY_MS:
                continue
            if not self.told_again(e["ts"], c["t"]):
                self.say(25, f"{e['device']} had {e['conv']}#{e['seq']} and got it again at broker "
                             f"{c['broker']} after having been at {c['before']}: {self.story(c)}")

    def story(self, c):
        """The last connections of a device through this one: where, and how each ended."""
        told = []
        for e in self.by_kind["at"]:
            if e["device"] == c["device"] and c["conn"] - 4 <= e["conn"] <= c["conn"]:
                ends = [x.get("reason") or x["became"] for k in ("ended", "old") for x in self.by_kind[k]
                        if (x["device"], x["conn"]) == (e["device"], e["conn"])]
                told.append(f"{e['conn']} at {e['broker']} {round(c['t'] - e['t'])} ms before, "
                            f"{' and '.join(ends) or 'cut'}")
        return "; ".join(told)

    def told_again(self, ts, t):
        """Whether what was stored at ts may come at t or later though nothing has gone wrong: it was
        under way when something was killed, or a broker was stopped."""
        return any(ts - UNDER_WAY_MS < k["t"] < ts + TOLD_AGAIN_MS for k in self.by_kind["kill"]) or \
            any(s["t"] < t and s["until"] > ts - UNDER_WAY_MS for s in self.by_kind["stop"])


def holes(seqs, first):
    """A few words on how a list of seqs is not first, first+1, ..."""
    for i, seq in enumerate(seqs):
        if seq != first + i:
            return f"{seq} in place of {first + i}"
    return "empty"


def check(events):
    return Checker(events).run()


def summary(events):
    """Counts for the report: a run that exercised nothing must not look like a success."""
    count = collections.Counter(e["k"] for e in events)
    stored = sum(len(ms) for ms in Checker(events).history.values())
    return {**count, "stored": stored}
