#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`make run`: a node for trying out and for development, in the foreground.

Sets up a folder on first use (databases, configuration, an administrator, demo users and a group),
then starts broker and bridge, starts either again when it dies, and stops both at Ctrl-C or
SIGTERM. With more than one broker haproxy in front of them as well, where there is one. An
installation uses systemd instead, see docs/OPERATIONS.md.
"""

import argparse
import fcntl
import json
import os
import pathlib
import pwd
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import front
import supervisor
from state import (BRIDGE_CONF, BRIDGE_OPTIONS, MOSQUITTO_CONF, OWN_LINES, PLUGIN_OPTIONS, Broker,
                   Problem, link_folder, merged, private_folder, say, write_private)

USERS = ("alice", "bob", "carol")
GROUP = "team"
READY_DEADLINE_S = 60
TAKE_IN_DEADLINE_S = 600
BROKERS_MAX = 8  # IM_PEERS_MAX of common/limits.h

READY = """
Write, receive, read back (each line in a terminal of its own):
  mosquitto_sub {host}-p {port} -u bob -P {pw} -i bob-phone -q 1 -t 'im/inbox/bob/#' -v
  mosquitto_pub {host}-p {port} -u alice -P {pw} -i alice-phone -q 1 -t im/u/bob -m 'hello'
  mosquitto_pub {host}-p {port} -u alice -P {pw} -i alice-phone -q 1 -t im/g/team \
-m '{{"id":"c-1","body":"hi all"}}'
  mosquitto_rr {host}-p {port} -u bob -P {pw} -i bob-cli -V 5 -t im/rpc/conv.history \
-e im/inbox/bob/rpc/bob-cli -m '{{"conv":"u/alice","limit":10}}'
  mosquitto_rr {host}-p {port} -u bob -P {pw} -i bob-cli -V 5 -t im/rpc/sync \
-e im/inbox/bob/rpc/bob-cli -m '{{}}'
Administer:
  {imctl} {imctl_host}--port {port} --password-file {password_file} user list
"""


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default="build", help="folder of the built programs")
    p.add_argument("--state", default=os.environ.get("IM_RUN_STATE") or "./run", help="folder of the node's data")
    p.add_argument("--port", default="1883", help="MQTT")
    p.add_argument("--ws-port", default="", help="MQTT over WebSocket; none if empty")
    p.add_argument("--bind", default="127.0.0.1", help="address of both")
    p.add_argument("--brokers", default="1", help="how many brokers; their ports follow one another")
    p.add_argument("--front-port", default="", help="one address in front of several brokers; the port "
                   "behind theirs if empty")
    p.add_argument("--mosquitto", default="", help="the broker's binary")
    p.add_argument("--haproxy", default="", help="haproxy's binary")
    return p.parse_args()


def reached(bind, port):
    """Whether somebody listens there."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as s:
        return s.connect_ex((front.near(bind), port)) == 0


def port_number(text, name):
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Problem(f"{name}={text} is not a port: give a number from 1 to 65535")
    return int(text)


def brokers_number(text):
    if not text.isdigit() or not 0 < int(text) <= BROKERS_MAX:
        raise Problem(f"BROKERS={text}: give a number from 1 to {BROKERS_MAX}")
    return int(text)


def find_broker(named):
    path = shutil.which(named or "mosquitto",
                        path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin")
    if not path:
        raise Problem(f"no broker: {named or 'mosquitto'} is not a program; "
                      "install mosquitto or set MOSQUITTO")
    return path


def broker_version(broker):
    """(2, 0, 11)"""
    said = subprocess.run([broker, "-h"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=broker_env()).stdout
    found = re.search(r"mosquitto version (\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def open_to_all(port):
    """Whether something listens on this port of all addresses of the machine."""
    for name in ("tcp", "tcp6"):
        table = pathlib.Path("/proc/net", name)
        for row in table.read_text("ascii").splitlines()[1:] if table.exists() else []:
            address, number = row.split()[1].split(":")
            if row.split()[3] == "0A" and not int(address, 16) and int(number, 16) == port:
                return True
    return False


def broker_env():
    """A plugin built with the sanitizers needs their libraries loaded before the broker."""
    preload = os.environ.get("IM_BROKER_PRELOAD")
    if not preload:
        return None
    return {**os.environ, "LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0"}


def check_port(bind, port, name):
    """So that a taken port is said in one line, before anything is started."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((bind, port))
        except OSError as error:
            raise Problem(f"cannot listen on {bind} port {port}: {error.strerror}. Is another "
                          f"broker running there? Another port: make run {name}=...") from None


class Node:
    """The state folder and what belongs into it."""

    prefix = ""  # of its processes' names
    bridge_lines = []  # of im-bridge.conf, beside those that every node has

    def __init__(self, arguments):
        self.bind = arguments.bind
        build = pathlib.Path(arguments.build).resolve()
        self.plugin, self.bridge, self.imctl = (
            build / name for name in ("mosquitto_im.so", "im-bridge", "imctl"))
        self.mosquitto = find_broker(arguments.mosquitto)
        self.state = pathlib.Path(arguments.state).resolve()
        self.data = self.state / "data"
        self.password_file = self.state / "password"
        self.secret_file = self.state / "jwt.secret"
        self.demo_done = self.state / "demo.done"
        self.links = None  # the folder of the sockets
        self.choose_ports(arguments)

    def choose_ports(self, arguments):
        n = brokers_number(arguments.brokers)
        first = port_number(arguments.port, "PORT")
        ws = port_number(arguments.ws_port, "WS_PORT") if arguments.ws_port else None
        self.brokers = [Broker(self.state, i + 1, first + i, ws + i if ws else None) for i in range(n)]
        # Of an earlier run with more of them: what waits in their spools was promised.
        self.leftover = [b for b in (Broker(self.state, i) for i in range(n + 1, BROKERS_MAX + 1))
                         if b.spool.exists()]
        self.haproxy = front.find(arguments.haproxy) if n > 1 else None
        self.port, self.ws_port = first, ws
        if n > 1 and not self.haproxy:
            say("no haproxy: there is no one address in front of the brokers, and clients take one of "
                "their ports")
        if self.haproxy:
            self.port = (port_number(arguments.front_port, "FRONT_PORT") if arguments.front_port
                         else first + n)
            self.ws_port = ws + n if ws else None

    def named_ports(self):
        """Whatever is listened on, and the variable that says where."""
        named = [(b.port, "PORT") for b in self.brokers]
        named += [(b.ws_port, "WS_PORT") for b in self.brokers if b.ws_port]
        if self.haproxy:
            named += [(self.port, "FRONT_PORT")] + [(self.ws_port, "WS_PORT")] * bool(self.ws_port)
        return named

    def check_ports(self):
        seen = set()
        for port, name in self.named_ports():
            if port > 65535:
                raise Problem(f"there is no port {port}: set {name} to a lower one")
            if port in seen:
                raise Problem(f"port {port} would be listened on twice: set {name} to another one")
            seen.add(port)
        for port, name in self.named_ports():
            check_port(self.bind, port, name)

    def lock(self):
        """One `make run` a folder. The lock is held as long as this process lives."""
        for folder in (self.state, self.data, self.state / "mosquitto.d",
                       *(b.store for b in self.brokers + self.leftover)):
            private_folder(folder)
        self.lock_file = open(self.state / "run.lock", "w", encoding="ascii")
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(f"{self.state} is in use by another `make run`; a second node needs "
                          "another STATE and PORT") from None
        self.check_ports()

    def offline(self, *words, password=None, check=True):
        """imctl on the databases, while nothing runs. Passwords go by standard input."""
        argv = [self.imctl, "--offline", self.data, "--json", *words]
        if password is not None:
            argv += ["--password-file", "-"]
        done = subprocess.run(argv, input=password or "", text=True, stdout=subprocess.PIPE)
        if check and done.returncode != 0:
            raise Problem(f"imctl {' '.join(words)}: {done.stdout.strip()}")
        return done.returncode == 0

    def set_up(self):
        """First use creates; a later one changes the passwords when they were given anew."""
        stored = self.choose_password()
        if not self.secret_file.exists():
            write_private(self.secret_file, secrets.token_hex(32) + "\n")
        if not self.demo_done.exists():
            for uid in ("admin", *USERS):
                role = "admin" if uid == "admin" else "user"
                if not self.offline("user", "show", uid, check=False):
                    self.offline("user", "create", uid, "--role", role, password=self.password)
        if stored and stored != self.password:
            for uid in ("admin", *USERS):
                if self.offline("user", "show", uid, check=False):
                    self.offline("user", "password", uid, password=self.password)
        self.keep_password(stored)

    def choose_password(self):
        """Returns the one of before, "" if there is none."""
        stored = self.password_file.read_text("utf-8").strip() if self.password_file.exists() else ""
        self.password = os.environ.get("DEMO_PASSWORD") or stored or secrets.token_urlsafe(9)
        if "\n" in self.password:
            raise Problem("DEMO_PASSWORD has more than one line")
        return stored

    def keep_password(self, stored):
        if stored and stored != self.password:
            say("the demo users' and the administrator's password is the new one")
        if stored != self.password:
            write_private(self.password_file, self.password + "\n")

    def write_conf(self, path, template, options, own, values, each=()):
        if not (self.state / own).exists():
            write_private(self.state / own, OWN_LINES[own])
        lines = merged(options.format(**values), self.state / own, each)
        write_private(path, template.format(**values, options=lines))

    def configure(self):
        # Mosquitto 2.0.11 takes an interface's name for WebSocket, and all of them for an address.
        near = self.bind == "127.0.0.1" and broker_version(self.mosquitto) < (2, 1)
        everyone = self.brokers + self.leftover
        self.links = self.links or link_folder(self.state, [b.link_name for b in everyone])
        for broker in everyone:
            broker.link = self.links / broker.link_name
        each = ("plugin_opt_spool_file", "plugin_opt_link_listener") if len(everyone) > 1 else ()
        values = dict(
            user=pwd.getpwuid(os.geteuid()).pw_name, state=self.state, plugin=self.plugin,
            brokers="\n".join([f"broker {b.link}" for b in everyone] + self.bridge_lines),
            several=f"plugin_opt_proxy_address {front.source(self.bind)}" if self.haproxy else "")
        for b in everyone:
            self.write_conf(b.conf, MOSQUITTO_CONF, PLUGIN_OPTIONS, "plugin.conf", dict(
                values, link=b.link, store=b.store, spool=b.spool,
                listeners=b.listeners(self.bind, "lo" if near else self.bind)), each)
        self.write_conf(self.state / "im-bridge.conf", BRIDGE_CONF, BRIDGE_OPTIONS, "bridge.conf",
                        values)
        (self.state / "haproxy.cfg").unlink(missing_ok=True)
        if self.haproxy:
            write_private(self.state / "haproxy.cfg", front.configuration(
                self.bind, self.port, [b.port for b in self.brokers],
                self.ws_port, [b.ws_port for b in self.brokers]))

    def clean_up(self):
        """What a stopped node leaves is its state."""
        for broker in self.brokers + self.leftover:
            broker.link.unlink(missing_ok=True)
        if self.links != self.state:
            self.links.rmdir()

    def start(self, sup):
        """The bridge would wait for the brokers' sockets by itself, but longer."""
        for broker in self.brokers + self.leftover:
            broker.link.unlink(missing_ok=True)
            sup.start(self.prefix + broker.name, [self.mosquitto, "-c", broker.conf], broker_env())
        for broker in self.brokers + self.leftover:
            sup.wait_for(broker.link.exists, f"socket {broker.link}")
        self.start_bridge(sup)
        if self.haproxy:
            sup.start("haproxy", [self.haproxy, "-db", "-f", self.state / "haproxy.cfg"])
            for port in filter(None, (self.port, self.ws_port)):
                sup.wait_for(lambda p=port: reached(self.bind, p), f"listener on port {port}")

    def start_bridge(self, sup):
        sup.start(f"{self.prefix}im-bridge", [self.bridge, "-c", self.state / "im-bridge.conf"])

    def online(self, sup, port, *words):
        """imctl on the running node, by a token: the administrator's password is the user's own
        affair after the first start. Returns what it has printed."""
        token = subprocess.run(
            [self.imctl, "token", "admin", "--ttl", "5m", "--secret-file", self.secret_file],
            stdout=subprocess.PIPE, check=True).stdout
        read, write = os.pipe()
        with open(write, "wb") as f:
            f.write(token)  # far below a pipe's capacity
        with open(read, "rb") as given, tempfile.TemporaryFile() as answer:
            code = sup.run(
                [self.imctl, "--json", "--host", front.near(self.bind), "--port", str(port),
                 "--password-file", "-", "--wait-s", str(READY_DEADLINE_S),
                 "--timeout-s", str(READY_DEADLINE_S), *words], stdin=given, stdout=answer)
            answer.seek(0)
            text = answer.read().decode()
        if code != 0:
            raise Problem(f"imctl {' '.join(words)} failed with status {code}: {text.strip()}")
        return text

    def wait_ready(self, sup):
        """The answers have gone through plugins, spools, bridge and back: a message would too."""
        for broker in self.brokers:
            self.online(sup, broker.port, "stats")
        if not self.demo_done.exists():
            self.online(sup, self.brokers[0].port, "group", "create", GROUP, "--owner", USERS[0],
                        "--members", ",".join(USERS))
            write_private(self.demo_done, "")

    def taken_in(self, sup):
        """Whether nothing waits any more at the brokers that are no longer wanted, whose clients are
        gone."""
        told = {b["broker"]: b for b in
                json.loads(self.online(sup, self.brokers[0].port, "stats"))["brokers"]}
        return all(told[str(b.link)]["linked"] and (told[str(b.link)]["plugin"] or {}).get(
            "spool_bytes") == 0 for b in self.leftover)

    def take_in(self, sup):
        """Stores what waits at brokers of an earlier run, and goes on without them."""
        sup.wait_for(lambda: self.taken_in(sup), "empty spool of brokers that are no longer wanted",
                     TAKE_IN_DEADLINE_S)
        for name in ("im-bridge", *(b.name for b in self.leftover)):
            sup.end(name)
        say("without " + ", ".join(b.name for b in self.leftover) + " from now on: what waited there "
            "is stored; ordinary messages and sessions that were kept there are gone")
        for broker in self.leftover:
            broker.remove()
        self.leftover = []
        self.configure()
        self.start_bridge(sup)
        self.wait_ready(sup)

    def shares(self, ports):
        """What is said beside the one address of several brokers."""
        numbers = ", ".join(map(str, ports))
        if self.haproxy:
            return f", where haproxy shares clients out among the brokers on {numbers}"
        return "" if len(ports) == 1 else f", the first of {numbers}: one node, whichever a client takes"

    def announce(self):
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        say(f"ready on mqtt://{host}:{self.port}{self.shares([b.port for b in self.brokers])}")
        if self.ws_port:
            ws_ports = [b.ws_port for b in self.brokers]
            say(f"ready on ws://{host}:{self.ws_port}/mqtt{self.shares(ws_ports)}")
            if self.bind not in ("0.0.0.0", "::") and any(map(open_to_all, ws_ports)):
                say(f"warning: this broker listens on port {ws_ports[0]} of all addresses, not of "
                    f"{self.bind} alone: close the port by a firewall, or leave WS_PORT out")
        # Clients look for localhost by themselves.
        near = self.bind in ("127.0.0.1", "0.0.0.0", "::1", "::")
        print(READY.format(host="" if near else f"-h {self.bind} ",
                           imctl_host="" if near else f"--host {self.bind} ",
                           port=self.port, pw=shlex.quote(self.password), imctl=self.imctl,
                           password_file=shlex.quote(str(self.password_file))), flush=True)


def serve(node):
    sup = supervisor.Supervisor(say)
    clean = True
    try:
        node.start(sup)
        node.wait_ready(sup)
        if node.leftover:
            node.take_in(sup)
        sup.ready = True
        node.announce()
        sup.watch()
    except supervisor.Stop:
        say("stopping")
    except supervisor.Died as error:
        raise Problem(str(error)) from None
    finally:
        clean = sup.stop()
        node.clean_up()
    if clean:
        say("stopped")
    return 0 if clean else 1


def main():
    os.umask(0o077)
    if "MAKELEVEL" in os.environ:
        # make passes signals on, unless it is killed itself.
        supervisor.die_with_parent(signal.SIGTERM)
    try:
        node = Node(parse_arguments())
        node.lock()
        node.set_up()
        node.configure()
        sys.exit(serve(node))
    except KeyboardInterrupt:
        sys.exit(130)
    except (Problem, OSError) as error:
        print(f"mosquitto-im: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
