# SPDX-License-Identifier: BSD-3-Clause
"""docs/MIGRATING.md as it is written: a plain Mosquitto with its users and rights, and its clients
before and after. The page's paths are a folder of the test, its port a free one, and systemctl is played."""
import os
import pathlib
import re
import signal
import subprocess

import pytest

from lib import build, ports
from lib.broker import listening
from lib.client import Client, Refused
from lib.node import until
from lib.proc import Process

PAGE = (build.ROOT / "docs" / "MIGRATING.md").read_text(encoding="utf-8")
USERS = {"alice": "her password", "bob": "his password", "hall": "its password", "old": "from 1.6"}


def fences(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.S | re.M)


class Machine:
    """A folder that the page's paths lead into, with both programs."""

    def __init__(self, folder):
        self.folder, self.port = folder, ports.take()
        self.paths = {"/etc/mosquitto-im": folder / "etc-im", "/etc/mosquitto": folder / "etc",
                      "/var/lib/mosquitto-im": folder / "im", "/var/lib/mosquitto": folder / "lib",
                      "/run/mosquitto": folder / "run",
                      "/usr/local/lib/mosquitto-im": build.BUILD}
        for path in list(self.paths.values())[:5]:
            path.mkdir()
        conf = folder / "etc" / "mosquitto.conf"
        self.broker = Process("broker", [*build.WATCH, build.MOSQUITTO, "-c", conf],
                              folder / "broker.log", env=build.broker_env())
        self.bridge = Process("bridge", [*build.WATCH, build.BRIDGE, "-c",
                                         folder / "etc-im" / "im-bridge.conf"],
                              folder / "bridge.log")
        (folder / "etc-im" / "im-bridge.conf.sample").write_text(self.here(
            (build.ROOT / "config" / "im-bridge.conf").read_text(encoding="utf-8")),
            encoding="utf-8")
        (folder / "imctl.conf").write_text(
            f"host 127.0.0.1\nport {self.port}\n"
            f"password_file {folder}/etc-im/admin.password\n", encoding="utf-8")
        (folder / "imctl").symlink_to(build.IMCTL)

    def here(self, text):
        """The same on this machine."""
        for path in sorted(self.paths, key=len, reverse=True):
            text = re.sub(rf"{path}(?=[/\s])", str(self.paths[path]), text)
        text = text.replace("listener 1883", f"listener {self.port} 127.0.0.1")
        return text.replace("-p 1883", f"-p {self.port}")

    def systemctl(self, words):
        if words[1] == "restart":
            assert words[2] == "mosquitto"
            if self.broker.running:
                self.broker.stop()
            self.broker.start()
            self.broker.wait_for(lambda: listening(self.port), "the listener")
        elif words[1:] == ["enable", "--now", "im-bridge"]:
            self.bridge.start()
            self.bridge.wait_text("ready users=")
        elif words[1:] == ["reload", "im-bridge"]:
            self.bridge.send_signal(signal.SIGHUP)
        else:
            assert words[1:] == ["disable", "--now", "im-bridge"]
            self.bridge.stop()

    def run(self, script):
        """The output of the last command."""
        out, part = "", ""
        for line in script.splitlines(keepends=True) + ["systemctl"]:
            if not line.startswith("systemctl"):
                part += line
                continue
            if part:
                out, part = self.shell(self.here(part)), ""
            if line.strip() != "systemctl":
                self.systemctl(line.split())
        return out

    def shell(self, text):
        env = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}",
               "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        done = subprocess.run(["sh", "-e", "-c", text], capture_output=True, text=True, env=env,
                              stdin=subprocess.DEVNULL, timeout=build.DEADLINE_S)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def client(self, user, device, password=None, **kw):
        return Client(self.port, user, device, password or USERS[user], **kw)

    def close(self):
        for process in (self.bridge, self.broker):
            if process.running:
                process.stop()
            process.check()
        ports.give_back(self.port)


@pytest.fixture(name="machine")
def _machine(tmp_path_factory):
    # A socket's path may have 108 bytes.
    m = Machine(pathlib.Path(tmp_path_factory.mktemp("m")))
    try:
        yield m
    finally:
        m.close()


def passwords(machine):
    for name, password in USERS.items():
        file = machine.folder / "etc" / "passwd"
        subprocess.run(["mosquitto_passwd", *(() if file.exists() else ("-c",)),
                        *(("-H", "sha512") if name == "old" else ()), "-b", file, name, password],
                       check=True, capture_output=True)
        file.chmod(0o644)


def hears(machine, who, device, say):
    """Whether a message on an ordinary topic comes from one client to the other."""
    with machine.client(who, device).connect() as listener:
        listener.subscribe("sensors/#")
        say()
        listener.wait_for(lambda: any(m.topic == "sensors/hall/t" and m.payload == b"21.5"
                                      for m in listener.messages))


def may_not(machine):
    """What the file does not open: a publish reaches nobody, a subscription brings nothing."""
    with machine.client("bob", "bob-board").connect() as bob, \
            machine.client("alice", "alice-board").connect() as alice, \
            machine.client("old", "old-board", v5=True).connect() as old, \
            machine.client("hall", "hall-1", v5=True).connect() as sensor:
        for one in (bob, alice, old):
            one.subscribe("sensors/#", "lights/#")
        old.publish("sensors/hall/t", "forged")
        old.publish("lights/1", "on")
        sensor.publish("sensors/kitchen/t", "forged")
        sensor.publish("sensors/hall/t", "true")
        for one in (bob, alice):
            one.wait_for(lambda c=one: any(m.payload == b"true" for m in c.messages))
            assert not [m for m in one.messages if m.payload in (b"forged", b"on")]
        old.publish("lights/1", "fence")  # acknowledged behind what it would have been sent
        assert not [m for m in old.messages if m.payload == b"true"]


def clients_work(machine):
    def say():
        with machine.client("hall", "hall-1").connect() as sensor:
            assert sensor.publish("sensors/hall/t", "21.5") in (0, None)
    for who in ("alice", "bob"):
        hears(machine, who, f"{who}-board", say)
    may_not(machine)
    for who in USERS:
        with pytest.raises(Refused):
            machine.client(who, f"{who}-x", password="wrong").connect()


def test_the_page_leads_from_a_plain_broker_to_a_node_and_back(machine):
    passwords(machine)
    conf = machine.folder / "etc" / "mosquitto.conf"
    user = "user root\n" if os.geteuid() == 0 else ""
    acl = machine.folder / "etc" / "acl"
    acl.write_text(fences("")[1], encoding="utf-8")
    acl.chmod(0o644)
    conf.write_text(user + machine.here(fences("")[0]), encoding="utf-8")
    machine.systemctl("systemctl restart mosquitto".split())
    clients_work(machine)
    with machine.client("alice", "alice-kept", clean=False).connect() as away:
        away.subscribe("sensors/#", qos=1)
    with machine.client("hall", "hall-1").connect() as sensor:
        sensor.publish("sensors/hall/kept", "retained", retain=True)
        sensor.publish("sensors/hall/old", "waits")

    steps = iter(fences("sh"))
    found = [line.split(":")[-1] for line in machine.run(next(steps)).splitlines()]
    assert {"allow_anonymous false", f"password_file {conf.parent}/passwd",
            f"acl_file {acl}", "topic write lights/#"} <= set(found)
    assert machine.run(next(steps)).splitlines()[:5] == [
        "would_create: 4", "would_update: 0", "unchanged: 0", "argon2id: 0", "pbkdf2_sha512: 3"]
    assert "created: 4" in machine.run(next(steps))
    machine.run(next(steps))
    clients_work(machine)
    with machine.client("alice", "alice-kept", clean=False).connect_twice() as back:
        with machine.client("hall", "hall-1").connect() as sensor:
            sensor.publish("sensors/hall/new", "x")
        back.wait_for(lambda: back.messages)
        assert [m.topic for m in back.messages] == ["sensors/hall/new"]
        back.subscribe("sensors/#")
        back.wait_for(lambda: any(m.topic == "sensors/hall/kept" for m in back.messages))

    def say():
        machine.run(step)
    step = next(steps)
    hears(machine, "alice", "alice-board", say)
    assert '"body":"hello"' in machine.run(next(steps))

    step = next(steps)
    def all_are_fresh():
        clients_work(machine)
        rows = [line.split() for line in machine.run(step).splitlines()]
        at = rows[0].index("hash")
        hashes = {r[0]: r[at] for r in rows[1:]}
        return set(hashes) == {*USERS, "admin"} and set(hashes.values()) == {"argon2id"}
    until(all_are_fresh, "fresh hashes of all")
    clients_work(machine)

    machine.run(next(steps))
    clients_work(machine)
    machine.run(next(steps))
    clients_work(machine)
    assert not list(steps)
