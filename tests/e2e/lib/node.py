# SPDX-License-Identifier: BSD-3-Clause
"""One node: a broker with the plugin, or several, and a bridge, in a folder of their own, on ports of
their own.

A node is made with a pool of users, so that tests that share one need not get in each other's way:
`node.user()` hands out a name that nobody has used.
"""
import itertools
import os
import pathlib
import shutil
import signal
import sqlite3
import tempfile

from . import build, directory, ports, tls, wire
from .admin import Admin
from .broker import Broker
from .client import Client
from .proc import Process, wait_until

PASSWORD = "pw"
PSK = "0123456789abcdef"  # of each user, and of a nobody
ADMIN = "admin"
POOL = 400


class Node:
    """options: plugin_opt_* without the prefix (a list gives several lines); bridge: keys of
    im-bridge.conf; conf: further lines of mosquitto.conf, in which {folder} is the node's; files:
    text by name, written there; more_users: (name, password or PHC string); brokers: how many;
    mosquitto: the program, or one for each broker; empty: it has its users from elsewhere. `broker` is the first of `brokers`, and what a method
    says of no broker is of that one."""

    def __init__(self, *, options=None, bridge=None, conf=(), files=None, users=POOL, more_users=(),
                 tls_listener=False, ws_listener=False, identity_listener=False,
                 max_queued=5000, brokers=1, mosquitto=None, empty=False):
        # A short path: a Unix socket's may have 108 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="im-e2e-"))
        self.data = self.folder / "data"
        self.data.mkdir()
        self.options, self.bridge_options = dict(options or {}), dict(bridge or {})
        self.empty = empty
        self.conf, self.max_queued = list(conf), max_queued
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text, encoding="utf-8")
        self.prefix = self.options.get("topic_prefix", "im")
        programs = mosquitto if isinstance(mosquitto, list) else [mosquitto] * brokers
        self.brokers = [Broker(self, i + 1, program or build.MOSQUITTO, tls_listener, ws_listener,
                               identity_listener) for i, program in enumerate(programs)]
        self.broker = first = self.brokers[0]
        self.ports, self.link = first.ports, first.link
        self.port, self.tls_port, self.ws_port = first.port, first.tls_port, first.ws_port
        self.identity_port, self.psk_port = first.identity_port, first.psk_port
        if tls_listener or identity_listener:
            self.cert, self.key = tls.make(self.folder)
        self.clients = []
        self._serial = itertools.count(1)
        self._pool = [f"user{n:03d}" for n in range(users)]
        (self.folder / "psk").write_text("".join(f"{u}:{PSK}\n" for u in [*self._pool, "nobody"]),
                                         encoding="utf-8")
        directory.create(self.data / "directory.db")
        if not empty:
            directory.add_users(self.data / "directory.db",
                                [(ADMIN, PASSWORD, True)]
                                + [(u, PASSWORD, False) for u in self._pool]
                                + [(u, pw, False) for u, pw in more_users])
        self.bridge = Process("bridge", [*build.WATCH, build.BRIDGE, "-c",
                                         self.folder / "im-bridge.conf"],
                              self.folder / "bridge.log")

    # -- configuration --

    def write_broker_conf(self):
        for broker in self.brokers:
            broker.write_conf()

    def write_bridge_conf(self):
        # A test makes as many groups as it likes.
        options = {"data_dir": self.data, "broker": [b.link for b in self.brokers],
                   "groups_per_day": 0, "invitations_per_day": 0, "requests_per_day": 0,
                   **self.bridge_options}
        (self.folder / "im-bridge.conf").write_text("".join(
            f"{k} {one}\n" for k, v in options.items()
            for one in (v if isinstance(v, list) else [v]) if one is not None), encoding="utf-8")

    # -- processes --

    def start(self):
        self.write_broker_conf()
        self.write_bridge_conf()
        for i in range(len(self.brokers)):
            self.start_broker(i)
        self.start_bridge()
        return self

    def start_broker(self, broker=0):
        self.brokers[broker].start_listening()

    def start_bridge(self):
        """Until a request has been answered at each broker that runs, which is when a message can be
        sent there."""
        self.bridge.start()
        for i, broker in enumerate(self.brokers):
            if broker.running:
                self.wait_served(i)

    def wait_served(self, broker=0):
        """Until a request at this broker has been answered."""
        if self.empty:
            self.bridge.wait_for(lambda: self.sql("directory", "SELECT 1 FROM user WHERE uid = ?", ADMIN),
                                 "users from elsewhere")
        with self.client(ADMIN, device=f"probe{broker or ''}", broker=broker) as probe:
            probe.inbox().asked = 0
            self.bridge.wait_for(lambda: answered(probe), "an answer")

    def reload_bridge(self, **options):
        """SIGHUP, with these options from here on; until they count."""
        before = self.bridge.text().count("reloaded")
        self.bridge_options.update(options)
        self.write_bridge_conf()
        self.bridge.send_signal(signal.SIGHUP)
        self.bridge.wait_for(lambda: self.bridge.text().count("reloaded") > before, "reloading")

    def kill_broker(self, broker=0):
        self.brokers[broker].kill()

    def stop_broker(self, broker=0):
        self.brokers[broker].stop()

    def kill_bridge(self):
        self.bridge.kill()

    def stop(self):
        for client in self.clients:
            client.close()
        for process in (self.bridge, *self.brokers):
            if process.running:
                process.stop()

    def close(self):
        """Stops everything, then fails if something was wrong with a process."""
        try:
            self.stop()
            for process in (self.bridge, *self.brokers):
                process.check()
            for client in self.clients:
                wire.check(client.messages, self.prefix)
        finally:
            for process in (self.bridge, *self.brokers):
                if process.running:
                    process.kill()
            for port in [p for broker in self.brokers for p in broker.ports]:
                ports.give_back(port)
            if not os.environ.get("E2E_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # -- users and clients --

    def user(self):
        return self._pool.pop(0)

    def users(self, n):
        return [self.user() for _ in range(n)]

    def new_name(self, stem="n"):
        """A name for a group or message that nobody else uses."""
        return f"{stem}{next(self._serial)}"

    def client(self, user, device=None, password=PASSWORD, transport="tcp", broker=0, **kw):
        """Not yet connected. transport "identity": by a certificate of the user's name."""
        port = self.brokers[broker].port_of(transport)
        if transport == "identity":
            stem = f"client-{next(self._serial)}"
            kw["tls_cert"] = tls.client(self.folder, self.cert, self.key, user, stem)
            transport, password = "tls", None
        if transport == "tls":
            kw.setdefault("tls_ca", str(self.cert))
        client = Client(port, user, device, password, transport=transport, prefix=self.prefix,
                        **kw)
        self.clients.append(client)
        return client

    def connect(self, user, device=None, inbox=True, **kw):
        """Connected, and subscribed to the own inbox."""
        client = self.client(user, device, **kw).connect()
        return client.inbox() if inbox else client

    def admin(self, broker=0):
        """A connected administrator."""
        client = Admin(self.brokers[broker].port, ADMIN, self.new_name("admin-"), PASSWORD)
        self.clients.append(client)
        return client.connect()

    def group(self, owner, members=(), gid=None, **params):
        """Creates a group by RPC; `owner` is a connected client with its inbox."""
        gid = gid or self.new_name("g")
        owner.rpc("group.create", gid=gid, members=list(members), **params)
        return gid

    def sql(self, database, query, *args):
        """Reads a database of the running node."""
        db = sqlite3.connect(f"file:{self.data}/{database}.db?mode=ro", uri=True)
        try:
            return db.execute(query, args).fetchall()
        finally:
            db.close()

    def logs(self, lines=120):
        return [(p.name, "\n".join(p.text().splitlines()[-lines:]))
                for p in (*self.brokers, self.bridge)]


def answered(probe):
    """Whether a request has been answered. The plugin says `busy` while its spool is full."""
    replies = probe.on(f"rpc/{probe.device}")
    if not probe.asked or (len(replies) == probe.asked and replies[-1].json.get("error")):
        probe.asked += 1
        probe.publish(f"{probe.prefix}/rpc/user.get", "{}")
    return any("result" in m.json for m in replies)


def until(predicate, what="condition", timeout=build.DEADLINE_S):
    got = wait_until(predicate, timeout)
    assert got, f"no {what} in {timeout} s"
    return got
