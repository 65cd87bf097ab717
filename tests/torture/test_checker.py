# SPDX-License-Identifier: BSD-3-Clause
"""The checker finds what it is there to find: each test seeds one violation in a clean record."""
import copy
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import checker  # noqa: E402

D, G = "d/ann/ben", "g/team"


def message(seq, user, msg_id, body, **more):
    return {"seq": seq, "from": user, "id": msg_id, "body": body, **more}


def system(seq, action, *uids):
    return message(seq, "ann", None,
                   {"action": action, "members": [{"uid": u} for u in uids]}, type="system")


@pytest.fixture
def run():
    """ann and ben write to one another and to a group that cid is removed from."""
    direct = [message(1, "ann", "a1", "one"), message(2, "ben", None, "two"),
              message(3, "ann", "a2", "three")]
    group = [system(1, "create", "ann", "ben", "cid"), message(2, "ben", "b1", "x"),
             system(3, "kick", "cid"), message(4, "ann", "a3", "y")]
    events = []
    for conv, messages in ((D, direct), (G, group)):
        for m in messages:
            if m.get("type") != "system":
                tok = f"t-{m['body']}"
                events.append({"k": "send", "tok": tok, "user": m["from"], "conv": conv,
                               "id": m["id"], "qos": 1, "body": m["body"]})
                events.append({"k": "accepted", "tok": tok})
                if m["id"]:
                    events.append({"k": "ack", "user": m["from"], "conv": conv, "id": m["id"],
                                   "seq": m["seq"]})
            events.append({"k": "recv", "device": "ben-1", "user": "ben", "conv": conv, **m})
        for user in ("ann", "ben"):
            events.append({"k": "final", "user": user, "conv": conv,
                           "messages": copy.deepcopy(messages)})
            events.append({"k": "log", "device": f"{user}-1", "user": user, "conv": conv,
                           "messages": copy.deepcopy(messages)})
    events.append({"k": "page", "device": "ben-1", "user": "ben", "conv": D, "first": 2,
                   "messages": copy.deepcopy(direct[1:])})
    events.append({"k": "recv", "device": "cid-1", "user": "cid", "conv": G, **group[1]})
    return events


def of(events, kind, **match):
    return [e for e in events if e["k"] == kind and all(e[k] == v for k, v in match.items())]


def promises(events):
    return {v.promise for v in checker.check(events)}


def everywhere(events, conv, change):
    """Applies change(messages) to every final reading and device log of a conversation."""
    for e in of(events, "final", conv=conv) + of(events, "log", conv=conv):
        change(e["messages"])


def test_a_clean_run_has_no_violation(run):
    assert checker.check(run) == []
    assert checker.summary(run)["stored"] == 7


def test_an_ack_before_the_commit_is_found(run):
    """The bridge acked, crashed, and the message was never stored."""
    run.append({"k": "send", "tok": "t9", "user": "ann", "conv": D, "id": "a9", "qos": 1,
                "body": "lost"})
    run.append({"k": "ack", "user": "ann", "conv": D, "id": "a9", "seq": 4})
    assert promises(run) == {1}


def test_an_ack_with_another_messages_seq_is_found(run):
    of(run, "ack", id="a2")[0]["seq"] = 1
    assert promises(run) == {1}


def test_a_dropped_replay_is_found(run):
    """Accepted by the broker, without an id, and nowhere in the log."""
    run.append({"k": "send", "tok": "t9", "user": "ben", "conv": D, "id": None, "qos": 1,
                "body": "lost"})
    assert checker.check(run) == []  # sent, but never accepted: no promise
    run.append({"k": "accepted", "tok": "t9"})
    assert promises(run) == {2}


def test_a_message_in_the_wrong_conversation_does_not_count_as_stored(run):
    run.append({"k": "send", "tok": "t9", "user": "ann", "conv": G, "id": None, "qos": 1,
                "body": "one"})
    run.append({"k": "accepted", "tok": "t9"})
    assert promises(run) == {2}


def test_a_refused_message_need_not_be_stored(run):
    run.append({"k": "send", "tok": "t9", "user": "cid", "conv": G, "id": "c1", "qos": 1,
                "body": "late"})
    run.append({"k": "accepted", "tok": "t9"})
    run.append({"k": "refused", "user": "cid", "conv": G, "id": "c1"})
    assert checker.check(run) == []


def test_a_refusal_of_one_id_excuses_no_other(run):
    run.append({"k": "send", "tok": "t9", "user": "cid", "conv": G, "id": "c1", "qos": 1,
                "body": "late"})
    run.append({"k": "accepted", "tok": "t9"})
    run.append({"k": "refused", "user": "cid", "conv": G, "id": "c2"})
    assert promises(run) == {2}


def test_a_hole_in_the_log_is_found(run):
    everywhere(run, D, lambda ms: ms.pop(1))
    assert 3 in promises(run)


def test_a_log_that_does_not_start_at_1_is_found(run):
    for e in run:
        if e.get("conv") == D:
            for m in e.get("messages", [e] if "seq" in e else []):
                m["seq"] += 1
            if "first" in e:
                e["first"] += 1
    assert promises(run) == {3}


def test_a_hole_in_a_page_is_found(run):
    of(run, "page")[0]["first"] = 1
    assert promises(run) == {3}


def test_a_reused_seq_is_found(run):
    """A receiver saw another message at that place before the crash."""
    of(run, "recv", conv=D, seq=2)[0]["body"] = "other"
    assert promises(run) == {3}


def test_a_reused_seq_in_a_page_is_found(run):
    of(run, "page")[0]["messages"][0]["body"] = "other"
    assert promises(run) == {3}


def test_a_delivered_message_that_is_gone_is_found(run):
    run.append({"k": "recv", "device": "ben-1", "user": "ben", "conv": D,
                **message(4, "ann", "a9", "ghost")})
    assert promises(run) == {3}


def test_members_with_another_order_are_found(run):
    messages = of(run, "final", conv=D, user="ben")[0]["messages"]
    messages[0]["body"], messages[2]["body"] = messages[2]["body"], messages[0]["body"]
    assert promises(run) == {4}


def test_a_device_that_misses_a_message_after_sync_is_found(run):
    of(run, "log", conv=G, user="ben")[0]["messages"].pop()
    assert promises(run) == {4}


@pytest.mark.parametrize("conv", [D, G])
def test_a_device_that_has_acknowledged_past_a_last_message_is_found(run, conv):
    """It was lost on the way, nothing came after it there, and what came elsewhere was
    acknowledged: sync has not brought it any more."""
    lost = of(run, "log", conv=conv, user="ben")[0]["messages"].pop()
    for e in of(run, "recv", conv=conv, device="ben-1", seq=lost["seq"]):
        run.remove(e)
    assert promises(run) == {4}


def test_a_device_that_holds_a_message_twice_is_found(run):
    messages = of(run, "log", conv=G, user="ben")[0]["messages"]
    messages.append(messages[-1])
    assert promises(run) == {4}


def test_an_id_stored_twice_is_found(run):
    everywhere(run, D, lambda ms: ms.append(message(4, "ann", "a1", "one")))
    assert promises(run) == {5}


def test_a_message_that_nobody_sent_is_found(run):
    everywhere(run, D, lambda ms: ms.append(message(4, "ann", None, "invented")))
    assert promises(run) == {4}


def test_a_forged_sender_is_found(run):
    for e in run:
        for m in e.get("messages", [e]):
            if m.get("body") == "two" and "from" in m:
                m["from"] = "ann"
    assert promises(run) & {2, 4}


def test_a_delivery_to_a_removed_member_is_found(run):
    run.append({"k": "recv", "device": "cid-1", "user": "cid", "conv": G,
                **message(4, "ann", "a3", "y")})
    assert promises(run) == {7}


# -- several brokers --

def recv(seq=4, **more):
    """One more delivery to ben's device, which is in everybody's log; ts is that of a moment when nothing
    was killed."""
    return {"k": "recv", "device": "ben-1", "user": "ben", "conv": D, "conn": 2, "ts": 50000,
            "had": True, "over": None, **message(seq, "ann", "a9", "nine"), **more}


@pytest.fixture
def moved(run):
    """ben's device was at broker 0, then at 1, and comes back to 0, where its session is; it has had the
    fourth message of ann's."""
    run.append({"k": "send", "tok": "t9", "user": "ann", "conv": D, "id": "a9", "qos": 1,
                "body": "nine"})
    everywhere(run, D, lambda ms: ms.append(message(4, "ann", "a9", "nine")))
    for conn, broker, before in ((0, 0, None), (1, 1, 0), (2, 0, 1)):
        run.append({"k": "at", "device": "ben-1", "conn": conn, "broker": broker, "before": before,
                    "t": 40000 + 10000 * conn, "session": conn == 2})
    run.append(recv(conn=1, had=False))
    run.append({"k": "old", "device": "ben-1", "conn": 0, "became": "moved"})
    run.append({"k": "ended", "device": "ben-1", "conn": 0, "reason": "moved", "newest": False})
    return run


def test_devices_that_move_without_a_violation(moved):
    moved.append({"k": "old", "device": "ben-1", "conn": 1, "became": "closed"})
    moved.append({"k": "old", "device": "ben-1", "conn": 1, "became": "left"})
    moved.append(recv(had=False))  # live
    moved.append(recv(ts=59000))  # under way when it came back
    assert checker.check(moved) == []


def test_an_older_connection_that_stays_open_is_found(moved):
    of(moved, "old")[0]["became"] = "open"
    assert promises(moved) == {25}


@pytest.mark.parametrize("reason", ["kicked", "replaced", "max_devices", "contested"])
def test_an_older_connection_that_is_ended_for_another_reason_is_found(moved, reason):
    of(moved, "old")[0]["became"] = reason
    assert promises(moved) == {25}


def test_a_newest_connection_that_is_ended_is_found(moved):
    of(moved, "ended")[0]["newest"] = True
    assert promises(moved) == {25}


def test_a_delivery_to_a_connection_that_was_ended_is_found(moved):
    moved.append(recv(conn=0, had=False, ts=51000, over=51001))  # it was under way
    assert checker.check(moved) == []
    moved.append(recv(conn=0, had=False, ts=51000, over=50999))
    assert promises(moved) == {25}


def test_a_message_that_a_void_session_had_kept_is_found(moved):
    moved.append(recv())
    assert promises(moved) == {25}


@pytest.mark.parametrize("what, excused", [
    ({"k": "kill", "t": 52000}, True), ({"k": "kill", "t": 48000}, True),
    ({"k": "kill", "t": 56000}, False), ({"k": "kill", "t": 46000}, False),
    ({"k": "stop", "t": 51000, "until": 53000}, True),
    ({"k": "stop", "t": 41000, "until": 43000}, False),
    ({"k": "stop", "t": 61000, "until": 63000}, False)])
def test_what_is_told_again_for_a_reason_is_excused_and_nothing_else(moved, what, excused):
    moved += [recv(), what]
    assert promises(moved) == (set() if excused else {25})
