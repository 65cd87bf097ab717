#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`make run`: a node for trying out and for development, in the foreground.

Sets up a folder on first use (databases, configuration, an administrator, demo users and a group),
then starts broker and bridge, starts either again when it dies, and stops both at Ctrl-C or
SIGTERM. An installation uses systemd instead, see docs/OPERATIONS.md.
"""

import argparse
import fcntl
import hashlib
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

import supervisor

USERS = ("alice", "bob", "carol")
GROUP = "team"
READY_DEADLINE_S = 60
UNIX_PATH_MAX = 107

MOSQUITTO_CONF = """\
# Written by `make run` at every start; changes are lost. Lines of your own go into files named
# *.conf in {state}/mosquitto.d, the plugin's options into {state}/plugin.conf. What each line is
# for: config/mosquitto.conf.
user {user}
allow_anonymous false
persistence true
persistence_location {state}/broker/
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 5000
max_packet_size 2000000
persistent_client_expiration 14d
connection_messages false
log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S
listener 0 {link}
listener {port} {bind}
{ws}
plugin {plugin}
{options}
include_dir {state}/mosquitto.d
"""

PLUGIN_OPTIONS = """\
plugin_opt_data_dir {state}/data
plugin_opt_link_listener {link}
plugin_opt_jwt_secret_file {state}/jwt.secret
# Whoever tries a node out feeds it by the thousand, and MQTT 3.1.1 has no way to say "too fast".
plugin_opt_rate_messages 0
plugin_opt_rate_bytes 0
"""

BRIDGE_CONF = """\
# Written by `make run` at every start; changes are lost. Lines of your own go into
# {state}/bridge.conf. What there is: config/im-bridge.conf.
{options}
"""

BRIDGE_OPTIONS = """\
data_dir {state}/data
broker {link}
# As for the rates in mosquitto.conf: whoever tries a node out does in a minute what others do in a day.
rate_cost 0
room_messages_per_second 0
groups_per_day 0
invitations_per_day 0
requests_per_day 0
"""

# What `make run` makes at first use and never changes.
OWN_LINES = {
    "plugin.conf": "# Options of the plugin, one a line, as plugin_opt_max_devices 3; they go before "
                   "those of `make run`.\n",
    "bridge.conf": "# Keys of im-bridge.conf, one a line, as retention_days 30; they go before those "
                   "of `make run`.\n",
}

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


class Problem(Exception):
    """Something that the person at the terminal can put right; the text says how."""


def say(text):
    try:
        print(f"mosquitto-im {text}", flush=True)
    except BrokenPipeError:
        pass  # nobody reads any more; the node runs on


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default="build", help="folder of the built programs")
    p.add_argument("--state", default=os.environ.get("IM_RUN_STATE") or "./run", help="folder of the node's data")
    p.add_argument("--port", default="1883", help="MQTT")
    p.add_argument("--ws-port", default="", help="MQTT over WebSocket; none if empty")
    p.add_argument("--bind", default="127.0.0.1", help="address of both")
    p.add_argument("--mosquitto", default="", help="the broker's binary")
    return p.parse_args()


def port_number(text, name):
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Problem(f"{name}={text} is not a port: give a number from 1 to 65535")
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


def private_folder(path):
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path, text):
    """Whole or not at all, and only for us to read."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w",
              encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    temporary.replace(path)


def merged(options, own):
    """Our lines, but for those whose key the user's own file sets, and then the file's."""
    text = own.read_text("utf-8")
    mine = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    if own.name == "plugin.conf":
        for line in mine:
            if not line.startswith("plugin_opt_"):
                raise Problem(f"{own}: \"{line}\" is no option of the plugin; they begin with "
                              f"plugin_opt_, and other lines go into {own.parent}/mosquitto.d")
    keys = {line.split(None, 1)[0] for line in mine}
    return "\n".join([line for line in options.splitlines() if line.split(None, 1)[0] not in keys]
                     + mine)


def link_path(state):
    """The Unix socket between broker and bridge: in the state folder when its path is short enough
    for one and without a blank, where mosquitto.conf would cut it; else in a folder of our own
    where programs keep their sockets."""
    path = state / "link.sock"
    if len(os.fsencode(path)) <= UNIX_PATH_MAX and not any(map(str.isspace, str(path))):
        return path
    base = pathlib.Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")
    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    folder = base / f"mosquitto-im-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o77 or folder.is_symlink():
        raise Problem(f"{folder} belongs to somebody else: choose a STATE with a shorter path")
    path = folder / "link.sock"
    if len(os.fsencode(path)) > UNIX_PATH_MAX:
        raise Problem(f"the path of STATE is too long for a Unix socket ({UNIX_PATH_MAX} bytes), "
                      f"and so is {base}: choose a shorter one")
    say(f"link: {path}, since the path of STATE is too long for a socket or has a blank")
    return path


class Node:
    """The state folder and what belongs into it."""

    def __init__(self, arguments):
        self.port = port_number(arguments.port, "PORT")
        self.ws_port = port_number(arguments.ws_port, "WS_PORT") if arguments.ws_port else None
        self.bind = arguments.bind
        build = pathlib.Path(arguments.build).resolve()
        self.plugin, self.bridge, self.imctl = (
            build / name for name in ("mosquitto_im.so", "im-bridge", "imctl"))
        self.broker = find_broker(arguments.mosquitto)
        self.state = pathlib.Path(arguments.state).resolve()
        self.data = self.state / "data"
        self.password_file = self.state / "password"
        self.secret_file = self.state / "jwt.secret"
        self.demo_done = self.state / "demo.done"

    def lock(self):
        """One `make run` a folder. The lock is held as long as this process lives."""
        for folder in (self.state, self.data, self.state / "broker", self.state / "mosquitto.d"):
            private_folder(folder)
        self.lock_file = open(self.state / "run.lock", "w", encoding="ascii")
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(f"{self.state} is in use by another `make run`; a second node needs "
                          "another STATE and PORT") from None
        check_port(self.bind, self.port, "PORT")
        if self.ws_port:
            check_port(self.bind, self.ws_port, "WS_PORT")

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
        stored = self.password_file.read_text("utf-8").strip() if self.password_file.exists() else ""
        self.password = os.environ.get("DEMO_PASSWORD") or stored or secrets.token_urlsafe(9)
        if "\n" in self.password:
            raise Problem("DEMO_PASSWORD has more than one line")
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
            say("the demo users' and the administrator's password is the new one")
        if stored != self.password:
            write_private(self.password_file, self.password + "\n")

    def configure(self):
        # Mosquitto 2.0.11 takes an interface's name for WebSocket, and all of them for an address.
        near = self.bind == "127.0.0.1" and broker_version(self.broker) < (2, 1)
        ws = (f"listener {self.ws_port} {'lo' if near else self.bind}\nprotocol websockets"
              if self.ws_port else "")
        self.link = link_path(self.state)
        values = dict(
            user=pwd.getpwuid(os.geteuid()).pw_name, state=self.state, link=self.link,
            port=self.port, bind=self.bind, ws=ws, plugin=self.plugin)
        for name, template, options, own in (
                ("mosquitto.conf", MOSQUITTO_CONF, PLUGIN_OPTIONS, "plugin.conf"),
                ("im-bridge.conf", BRIDGE_CONF, BRIDGE_OPTIONS, "bridge.conf")):
            if not (self.state / own).exists():
                write_private(self.state / own, OWN_LINES[own])
            lines = merged(options.format(**values), self.state / own)
            write_private(self.state / name, template.format(**values, options=lines))

    def clean_up(self):
        """What a stopped node leaves is its state."""
        self.link.unlink(missing_ok=True)
        if self.link.parent != self.state:
            self.link.parent.rmdir()

    def start(self, sup):
        """The bridge would wait for the broker's socket by itself, but longer."""
        self.link.unlink(missing_ok=True)
        sup.start("mosquitto", [self.broker, "-c", self.state / "mosquitto.conf"], broker_env())
        sup.wait_for(self.link.exists, f"socket {self.link}")
        sup.start("im-bridge", [self.bridge, "-c", self.state / "im-bridge.conf"])

    def online(self, sup, *words):
        """imctl on the running node, by a token: the administrator's password is the user's own
        affair after the first start."""
        token = subprocess.run(
            [self.imctl, "token", "admin", "--ttl", "5m", "--secret-file", self.secret_file],
            stdout=subprocess.PIPE, check=True).stdout
        read, write = os.pipe()
        with open(write, "wb") as f:
            f.write(token)  # far below a pipe's capacity
        host = "127.0.0.1" if self.bind == "0.0.0.0" else "::1" if self.bind == "::" else self.bind
        try:
            code = sup.run(
                [self.imctl, "--host", host, "--port", str(self.port), "--password-file", "-",
                 "--wait-s", str(READY_DEADLINE_S), "--timeout-s", str(READY_DEADLINE_S), *words],
                stdin=read, stdout=subprocess.DEVNULL)
        finally:
            os.close(read)
        if code != 0:
            raise Problem(f"imctl {' '.join(words)} failed with status {code}")

    def wait_ready(self, sup):
        """The answer has gone through plugin, spool, bridge and back: a message would too."""
        self.online(sup, "stats")
        if not self.demo_done.exists():
            self.online(sup, "group", "create", GROUP, "--owner", USERS[0], "--members",
                        ",".join(USERS))
            write_private(self.demo_done, "")

    def announce(self):
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        say(f"ready on mqtt://{host}:{self.port}")
        if self.ws_port:
            say(f"ready on ws://{host}:{self.ws_port}/mqtt")
            if self.bind not in ("0.0.0.0", "::") and open_to_all(self.ws_port):
                say(f"warning: this broker listens on port {self.ws_port} of all addresses, not of "
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
