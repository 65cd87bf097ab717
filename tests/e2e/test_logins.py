# SPDX-License-Identifier: BSD-3-Clause
"""What a login tells and costs: to who has no right to it, and to everybody else."""
import itertools
import signal
import statistics
import time

from lib import mqttwire as w
from lib.node import PASSWORD, until
from lib.raw import Raw

_sources = (f"127.88.{n // 250}.{n % 250 + 1}" for n in itertools.count())


def refusal_ms(node, user):
    """How long a wrong password takes, from an address that nobody has used."""
    with Raw(node.port, w.V5, source=next(_sources)) as r:
        began = time.monotonic()
        assert r.connect(node.new_name("dev"), user, "wrong")["code"] == 0x87
        return (time.monotonic() - began) * 1000


# -- who is there --

def test_a_wrong_password_takes_as_long_as_an_unknown_name(own_node):
    """With expensive passwords, whether the user's is one of them or from before; and the plugin
    follows when they become cheaper."""
    node = own_node(users=3, bridge={"password_memory": 131072, "password_passes": 2})
    heavy, old, disabled = node.users(3)
    node.connect(heavy).rpc("user.password", old=PASSWORD, new="heavy")
    node.admin().command("disableUser", username=disabled)
    users = {"known": heavy, "set before": old, "disabled": disabled, "unknown": "nobody"}
    took = {who: [] for who in users}
    for _ in range(5):
        for who, user in users.items():
            took[who].append(refusal_ms(node, user))
    medians = {who: statistics.median(ms) for who, ms in took.items()}
    print(medians)
    assert max(medians.values()) < 2 * min(medians.values()), medians

    node.bridge_options.update(password_memory=8192, password_passes=1)
    node.write_bridge_conf()
    node.bridge.send_signal(signal.SIGHUP)
    until(lambda: dict(node.sql("directory", "SELECT key, value FROM meta")).items() >= {
        "password_memory_kib": 8192, "password_passes": 1}.items(), "new cost")
    assert statistics.median(refusal_ms(node, "nobody") for _ in range(5)) < \
        medians["unknown"] / 2
