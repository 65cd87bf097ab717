# SPDX-License-Identifier: BSD-3-Clause
"""Every row of schema/errors.def can be met by a client, and says what was wrong."""
import json
import re
import time

import pytest

from lib import build
from lib.client import RpcError
from lib.node import until

NODE = {"options": {"rate_messages": 100}}

ROWS = re.findall(r'^X\((\w+), (-\d+), "([^"]*)"\)',
                  (build.ROOT / "schema" / "errors.def").read_text(encoding="utf-8"), re.M)


def rpc_error(client, method, **params):
    with pytest.raises(RpcError) as e:
        client.rpc(method, **params)
    return {"code": e.value.code, "message": e.value.message}


def refusal(client, topic, payload=None):
    """What .../ack says to a send with the id `e`."""
    client.publish(topic, payload or {"id": "e", "body": "x"})
    return client.wait_ack_of("e")["error"]


def parse(node):
    c = node.connect(node.user())
    c.publish("im/rpc", "{nonsense")
    return c.wait_for(lambda: c.on(f"rpc/{c.device}"))[0].json["error"]


def invalid_request(node):
    c = node.connect(node.user())
    c.publish("im/rpc", '{"jsonrpc":"2.0"}')
    return c.wait_for(lambda: c.on(f"rpc/{c.device}"))[0].json["error"]


def method_not_found(node):
    return rpc_error(node.connect(node.user()), "no.such.method")


def invalid_params(node):
    return rpc_error(node.connect(node.user()), "conv.history", conv=5)


def unknown_user(node):
    return refusal(node.connect(node.user()), "im/u/nobody-there")


def unknown_group(node):
    return refusal(node.connect(node.user()), "im/g/no-such-group")


def not_member(node):
    owner, stranger = node.connect(node.user()), node.connect(node.user())
    return refusal(stranger, f"im/g/{node.group(owner, join='open')}")


def muted(node):
    owner, member = node.connect(node.user()), node.connect(node.user())
    gid = node.group(owner, [member.user])
    owner.rpc("group.mute", gid=gid, uid=member.user, seconds=600)
    return refusal(member, f"im/g/{gid}")


def blocked(node):
    a, b = node.connect(node.user()), node.connect(node.user())
    b.rpc("block.add", uid=a.user)
    return refusal(a, f"im/u/{b.user}")


def contacts_only(node):
    a, b = node.connect(node.user()), node.connect(node.user())
    b.rpc("user.update", direct_policy="contacts")
    return refusal(a, f"im/u/{b.user}")


def too_large(node):
    a, b = node.connect(node.user()), node.user()
    return refusal(a, f"im/u/{b}", {"id": "e", "body": "x" * 70000})


def rate_limited(node):
    a, b = node.connect(node.user(), v5=True), node.user()
    for n in range(600):
        a.post(f"im/u/{b}", "x")
    return a.wait_for(lambda: [x["error"] for x in a.acks() if "error" in x])[0]


def conflict(node):
    a, b = node.connect(node.user()), node.user()
    a.send(f"im/u/{b}", {"id": "k", "body": "one"})
    a.publish(f"im/u/{b}", {"id": "k", "body": "two"})
    return a.wait_for(lambda: [x["error"] for x in a.acks() if "error" in x])[0]


def not_allowed(node):
    owner, member = node.connect(node.user()), node.connect(node.user())
    gid = node.group(owner, [member.user])
    return rpc_error(member, "group.kick", gid=gid, members=[owner.user])


def limit_reached(node):
    owner = node.connect(node.user())
    gid = node.group(owner, member_limit=2)
    return rpc_error(owner, "group.invite", gid=gid, members=node.users(2))


def unknown_message(node):
    a, b = node.connect(node.user()), node.user()
    a.send(f"im/u/{b}", {"id": "1", "body": "x"})
    return rpc_error(a, "conv.receipts", conv=f"u/{b}", seq=99)


def too_late(own_node):
    node = own_node(users=2, bridge={"recall_window": 0})
    a, b = node.connect(node.user()), node.user()
    ack = a.send(f"im/u/{b}", {"id": "1", "body": "x"})
    until(lambda: time.time() * 1000 > ack["ts"] + 1)
    return rpc_error(a, "msg.recall", conv=f"u/{b}", seq=1)


def busy(own_node):
    """The spool is full: the plugin answers by itself."""
    node = own_node(users=2, options={"spool_size": "1M", "rate_messages": 0, "rate_bytes": 0})
    a, b = node.connect(node.user(), v5=True), node.user()
    node.kill_bridge()
    while a.publish(f"im/u/{b}", "x" * 60000) < 0x80:
        pass
    error = a.rpc_raw("user.get")["error"]
    assert error.pop("data") == {"retry_ms": 1000}
    node.start_bridge()
    return error


def internal(own_node):
    """The log's file is damaged under the running bridge."""
    node = own_node(users=2)
    a, b = node.connect(node.user()), node.user()
    for n in range(300):
        a.post(f"im/u/{b}", {"id": f"n{n}", "body": "x" * 3000})
    a.wait_for(lambda: len(a.acks()) == 300)
    node.bridge.stop()  # all of it into the file itself
    node.start_bridge()
    with open(node.data / "messages.db", "r+b") as f:
        f.seek(50 * 4096)
        f.write(b"\xff" * 4096 * 200)
    error = rpc_error(a, "conv.history", conv=f"u/{b}", after=100, limit=10)
    assert a.rpc("user.get")["uid"] == a.user
    return error


ALONE = {"TOO_LATE": too_late, "BUSY": busy, "INTERNAL": internal}  # need a node of their own
PROVOKE = {
    "PARSE": parse, "INVALID_REQUEST": invalid_request, "METHOD_NOT_FOUND": method_not_found,
    "INVALID_PARAMS": invalid_params, "UNKNOWN_USER": unknown_user,
    "UNKNOWN_GROUP": unknown_group, "NOT_MEMBER": not_member, "MUTED": muted, "BLOCKED": blocked,
    "CONTACTS_ONLY": contacts_only, "TOO_LARGE": too_large, "RATE_LIMITED": rate_limited,
    "CONFLICT": conflict, "NOT_ALLOWED": not_allowed, "LIMIT_REACHED": limit_reached,
    "UNKNOWN_MESSAGE": unknown_message,
}


@pytest.mark.parametrize("name, code, text", ROWS, ids=[r[0] for r in ROWS])
def test_the_error_can_be_met(request, name, code, text):
    assert name in PROVOKE or name in ALONE, f"no test provokes {name}"
    if name in ALONE:
        error = ALONE[name](request.getfixturevalue("own_node"))
    else:
        error = PROVOKE[name](request.getfixturevalue("node"))
    assert error["code"] == int(code)
    # The row's text, then what was wrong or would be right.
    assert error["message"].startswith(text + ": ") and len(error["message"]) > len(text) + 10
    assert "\n" not in error["message"] and json.dumps(error)


def test_every_row_is_documented():
    text = (build.ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    missing = [f"{code} {name}" for name, code, _ in ROWS if code not in text]
    assert missing == []
