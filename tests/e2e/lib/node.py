# SPDX-License-Identifier: BSD-3-Clause
"""One node: a broker with the plugin and a bridge, in a folder of their own, on ports of their own.

A node is made with a pool of users, so that tests that share one need not get in each other's way:
`node.user()` hands out a name that nobody has used.
"""
import itertools
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import tempfile

from . import build, directory, ports, tls, wire
from .admin import Admin
from .client import Client
from .proc import Process, wait_until

PASSWORD = "pw"
PSK = "0123456789abcdef"  # of each user, and of a nobody
ADMIN = "admin"
POOL = 400


class Node:
    """options: plugin_opt_* without the prefix (a list gives several lines); bridge: keys of
    im-bridge.conf; conf: further lines of mosquitto.conf, in which {folder} is the node's; files:
    text by name, written there; more_users: (name, password or PHC string)."""

    def __init__(self, *, options=None, bridge=None, conf=(), files=None, users=POOL, more_users=(),
                 tls_listener=False, ws_listener=False, identity_listener=False,
                 max_queued=5000):
        # A short path: a Unix socket's may have 108 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="im-e2e-"))
        self.data = self.folder / "data"
        self.data.mkdir()
        self.options, self.bridge_options = dict(options or {}), dict(bridge or {})
        self.conf, self.max_queued = list(conf), max_queued
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text, encoding="utf-8")
        self.prefix = self.options.get("topic_prefix", "im")
        self.port = ports.take()
        self.tls_port = ports.take() if tls_listener else None
        self.ws_port = ports.take() if ws_listener else None
        self.identity_port = ports.take() if identity_listener else None
        self.psk_port = ports.take() if identity_listener else None
        self.ports = [p for p in (self.port, self.tls_port, self.ws_port, self.identity_port,
                                  self.psk_port) if p]
        if tls_listener or identity_listener:
            self.cert, self.key = tls.make(self.folder)
        self.clients = []
        self._serial = itertools.count(1)
        self._pool = [f"user{n:03d}" for n in range(users)]
        (self.folder / "psk").write_text("".join(f"{u}:{PSK}\n" for u in [*self._pool, "nobody"]),
                                         encoding="utf-8")
        directory.create(self.data / "directory.db")
        directory.add_users(self.data / "directory.db",
                            [(ADMIN, PASSWORD, True)] + [(u, PASSWORD, False) for u in self._pool]
                            + [(u, pw, False) for u, pw in more_users])
        self.link = self.folder / "link.sock"
        self.broker = Process("broker", [*build.WATCH, build.MOSQUITTO, "-c",
                                         self.folder / "mosquitto.conf"],
                              self.folder / "broker.log", env=build.broker_env())
        self.bridge = Process("bridge", [*build.WATCH, build.BRIDGE, "-c",
                                         self.folder / "im-bridge.conf"],
                              self.folder / "bridge.log")

    # -- configuration --

    def write_broker_conf(self):
        lines = ["user root"] if os.geteuid() == 0 else []
        lines += [
            "per_listener_settings false", "allow_anonymous false", "log_dest stderr",
            "log_type all", "persistence true", f"persistence_location {self.folder}/",
            "allow_duplicate_messages true", "set_tcp_nodelay true",
            f"max_queued_messages {self.max_queued}", "max_inflight_messages 1000",
            "max_packet_size 2000000", "persistent_client_expiration 14d",
            f"listener 0 {self.link}",
            f"listener {self.port} 127.0.0.1",
        ]
        if self.tls_port:
            lines += [f"listener {self.tls_port} 127.0.0.1", f"certfile {self.cert}",
                      f"keyfile {self.key}"]
        if self.ws_port:
            lines += [f"listener {self.ws_port} 127.0.0.1", "protocol websockets"]
        if self.identity_port:
            lines += [f"listener {self.identity_port} 127.0.0.1", f"cafile {self.cert}",
                      f"certfile {self.cert}", f"keyfile {self.key}", "require_certificate true",
                      "use_identity_as_username true",
                      f"listener {self.psk_port} 127.0.0.1", "psk_hint im",
                      "use_identity_as_username true", f"psk_file {self.folder}/psk"]
        mine = [line.format(folder=self.folder) for line in self.conf]
        lines = [x for x in lines if x != "allow_anonymous false" or
                 not any(m.startswith("allow_anonymous") for m in mine)] + mine
        lines.append(f"plugin {build.PLUGIN}")
        # Whole modules of wrong logins come from one address here.
        options = {"data_dir": self.data, "link_listener": self.link, "auth_wrong_share": 100,
                   **self.options}
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    lines.append(f"plugin_opt_{name} {one}".format(folder=self.folder))
        (self.folder / "mosquitto.conf").write_text("\n".join(map(str, lines)) + "\n",
                                                    encoding="utf-8")

    def write_bridge_conf(self):
        # A test makes as many groups as it likes.
        options = {"data_dir": self.data, "broker": self.link, "groups_per_day": 0,
                   "invitations_per_day": 0, "requests_per_day": 0, **self.bridge_options}
        (self.folder / "im-bridge.conf").write_text(
            "".join(f"{k} {v}\n" for k, v in options.items() if v is not None), encoding="utf-8")

    # -- processes --

    def start(self):
        self.write_broker_conf()
        self.write_bridge_conf()
        self.start_broker()
        self.start_bridge()
        return self

    def start_broker(self):
        self.broker.start()
        for port in self.ports:
            self.broker.wait_for(lambda p=port: listening(p), f"listener on {port}")

    def start_bridge(self):
        """Until a request has been answered, which is when a message can be sent."""
        self.bridge.start()
        with self.client(ADMIN, device="probe") as probe:
            probe.inbox().asked = 0
            self.bridge.wait_for(lambda: answered(probe), "an answer")

    def reload_bridge(self, **options):
        """SIGHUP, with these options from here on; until they count."""
        before = self.bridge.text().count("reloaded")
        self.bridge_options.update(options)
        self.write_bridge_conf()
        self.bridge.send_signal(signal.SIGHUP)
        self.bridge.wait_for(lambda: self.bridge.text().count("reloaded") > before, "reloading")

    def kill_broker(self):
        self.broker.kill()

    def kill_bridge(self):
        self.bridge.kill()

    def stop(self):
        for client in self.clients:
            client.close()
        for process in (self.bridge, self.broker):
            if process.running:
                process.stop()

    def close(self):
        """Stops everything, then fails if something was wrong with a process."""
        try:
            self.stop()
            self.bridge.check()
            self.broker.check()
            for client in self.clients:
                wire.check(client.messages, self.prefix)
        finally:
            for process in (self.bridge, self.broker):
                if process.running:
                    process.kill()
            for port in self.ports:
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

    def client(self, user, device=None, password=PASSWORD, transport="tcp", **kw):
        """Not yet connected. transport "identity": by a certificate of the user's name."""
        port = {"tcp": self.port, "tls": self.tls_port, "ws": self.ws_port,
                "identity": self.identity_port}[transport]
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

    def admin(self):
        """A connected administrator."""
        client = Admin(self.port, ADMIN, self.new_name("admin-"), PASSWORD)
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
                for p in (self.broker, self.bridge)]


def answered(probe):
    """Whether a request has been answered. The plugin says `busy` while its spool is full."""
    replies = probe.on("rpc/probe")
    if not probe.asked or (len(replies) == probe.asked and replies[-1].json.get("error")):
        probe.asked += 1
        probe.publish(f"{probe.prefix}/rpc/user.get", "{}")
    return any("result" in m.json for m in replies)


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def until(predicate, what="condition", timeout=build.DEADLINE_S):
    got = wait_until(predicate, timeout)
    assert got, f"no {what} in {timeout} s"
    return got
