# SPDX-License-Identifier: BSD-3-Clause
"""The commands of docs/OPERATIONS.md, *Several brokers on one machine*, as they are printed."""
import os
import re
import subprocess

from lib import build, ports
from lib.broker import listening
from lib.client import Client
from lib.node import until
from lib.proc import Process


def block(first):
    """The commands of the page that begin so, on the page's paths."""
    page = (build.ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
    found = [x for x in re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M) if x.startswith(first)]
    assert len(found) == 1, first
    return found[0]


def test_the_pages_second_broker_comes_and_goes(own_node):
    """The commands as they are printed, but for paths and ports, on the samples."""
    node = own_node(users=5)
    a = node.connect(node.user())
    port, etc = ports.take(), node.folder / "etc"
    etc.mkdir()
    (node.folder / "store-2").mkdir()
    places = {
        "/usr/local/lib/mosquitto-im/mosquitto_im.so": build.PLUGIN,
        "/etc/mosquitto/mosquitto.conf": etc / "mosquitto.conf", "/etc/mosquitto-im/": f"{etc}/",
        "/run/mosquitto/im.sock": node.link, "/run/mosquitto-2/im.sock": node.folder / "2.sock",
        "/var/lib/mosquitto-im": node.data, "/var/lib/mosquitto-2": node.folder / "store-2",
        "/var/lib/mosquitto/": f"{node.folder}/", "1893": port, "1883": node.port}
    key = re.compile("|".join(map(re.escape, sorted(places, key=len, reverse=True))))

    def here(text):
        return key.sub(lambda m: str(places[m[0]]), text)

    def sh(text):
        subprocess.run(["sh", "-euc", "\n".join(
            line for line in here(text).splitlines()
            if not line.startswith(("systemctl", "imctl")))], check=True)
    user = "user root\n" if os.geteuid() == 0 else ""
    for name in ("mosquitto.conf", "im-bridge.conf"):
        text = (build.ROOT / "config" / name).read_text(encoding="utf-8")
        (etc / name).write_text(here(text) + (user if name == "mosquitto.conf" else ""))
    sh(block("# mosquitto-2.conf"))
    second = Process("second", [build.MOSQUITTO, "-c", etc / "mosquitto-2.conf"],
                     node.folder / "second.log").start()
    try:
        second.wait_for(lambda: listening(port), "the listener")
        sh(block("systemctl enable --now mosquitto@2"))
        text = (etc / "im-bridge.conf").read_text(encoding="utf-8")
        node.bridge.argv[-1] = str(etc / "im-bridge.conf")
        node.bridge.stop()
        node.start_bridge()
        node.bridge.wait_text(f"linked broker={node.folder}/2.sock")
        c = Client(port, a.user, f"{a.user}-2", "pw").connect().inbox()
        node.clients.append(c)
        until(lambda: c.rpc("user.get")["uid"] == a.user, "an answer")
        b = node.connect(node.user())
        b.send(f"im/u/{a.user}", {"id": "1", "body": "to both"})
        for there in (a, c):
            there.wait_body(f"u/{b.user}", "to both")
        second.stop()
        sh(block("systemctl disable --now mosquitto@2"))
    finally:
        if second.running:
            second.kill()
        ports.give_back(port)
    assert text.replace(f"broker {node.folder}/2.sock\n", "") == (etc / "im-bridge.conf").read_text(
        encoding="utf-8")
    assert not (etc / "mosquitto-2.conf").exists() and not (node.data / "spool-2").exists()
    node.bridge.stop()
    node.start_bridge()
    b.send(f"im/u/{a.user}", {"id": "2", "body": "as before"})
    a.wait_body(f"u/{b.user}", "as before")
