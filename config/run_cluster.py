#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`make run-cluster`: several nodes that share a log in PostgreSQL, for trying out and for development,
in the foreground.

Sets up a folder on first use: a PostgreSQL, and a node for each port with all that `make run` makes for
one. Starts everything, starts again what dies, and stops it at Ctrl-C or SIGTERM. An installation has
these on machines of their own, see docs/OPERATIONS.md.
"""

import argparse
import fcntl
import glob
import os
import pathlib
import pwd
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys

import run
import supervisor
from state import UNIX_PATH_MAX, Problem, private_folder, say, write_private

NODES_MAX = 24  # of a cluster, see cluster_node in config/im-bridge.conf
POSTGRES_USER = "postgres"  # of Debian's package; the server does not run as root
SOCKET = ".s.PGSQL.5432"

READY = """
Receive at the third node, send at the first, read back at the second (each line in a terminal of its own):
  mosquitto_sub {host}-p {c} -u bob -P {pw} -i bob-phone -q 1 -t 'im/inbox/bob/#' -v
  mosquitto_pub {host}-p {a} -u alice -P {pw} -i alice-phone -q 1 -t im/u/bob -m 'hello'
  mosquitto_rr {host}-p {b} -u bob -P {pw} -i bob-cli -V 5 -t im/rpc/conv.history \
-e im/inbox/bob/rpc/bob-cli -m '{{"conv":"u/alice","limit":10}}'
Kill the first node, broker and bridge; both are started again:
  pkill -9 -f {first}/
Administer, at any node:
  {imctl} {imctl_host}--port {b} --password-file {password_file} user list
"""


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default="build", help="folder of the built programs")
    p.add_argument("--state", default=os.environ.get("IM_RUN_STATE") or "./run-cluster",
                   help="folder of all data")
    p.add_argument("--nodes", default="3", help="how many")
    p.add_argument("--port", default="1883", help="MQTT of the first node; those of the others follow")
    p.add_argument("--bind", default="127.0.0.1", help="address of all of them")
    p.add_argument("--mosquitto", default="", help="the broker's binary")
    return p.parse_args()


def nodes_number(text):
    if not text.isdigit() or not 1 < int(text) <= NODES_MAX:
        raise Problem(f"NODES={text}: give a number from 2 to {NODES_MAX}, or use `make run` for one")
    return int(text)


class Postgres:
    """A server of Debian's package, on a Unix socket and no port, for these nodes alone."""

    def __init__(self, state):
        self.folder = state / "postgres"
        self.data = self.folder / "data"
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"),
                       key=lambda p: float(pathlib.Path(p).parts[4]))
        if not found:
            raise Problem("no PostgreSQL: install Debian's package postgresql")
        self.bin = pathlib.Path(found[-1]).parent
        self.database = f"host={self.folder} user=im dbname=im"
        self.as_owner = []

    def set_up(self):
        if len(os.fsencode(self.folder / SOCKET)) > UNIX_PATH_MAX:
            raise Problem(f"the path of STATE is too long for a Unix socket ({UNIX_PATH_MAX} bytes): choose "
                          "a shorter one")
        private_folder(self.folder)
        if os.geteuid() == 0:
            self.give_away()
        if not (self.data / "PG_VERSION").exists():
            self.run("initdb", "-D", self.data, "-U", "im", "-A", "trust", "-E", "UTF8", "--locale=C")
        major = (self.data / "PG_VERSION").read_text("ascii").strip()
        if major != self.bin.parts[4]:
            self.bin = pathlib.Path("/usr/lib/postgresql") / major / "bin"
            if not self.bin.is_dir():
                raise Problem(f"{self.data} was made by PostgreSQL {major}, which is not installed")

    def give_away(self):
        """The server refuses to be root's, so that another user has to come by."""
        owner = pwd.getpwnam(POSTGRES_USER)
        for folder in self.folder.parent.parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise Problem(f"PostgreSQL runs as {POSTGRES_USER}, who may not enter {folder}: choose "
                              "another STATE, or do not run this as root")
        self.folder.parent.chmod(0o711)
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}",
                         "--clear-groups"]

    def run(self, name, *words):
        done = subprocess.run([*self.as_owner, self.bin / name, *words], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise Problem(f"{name}: {done.stdout.strip()}")
        return done.stdout

    def answers(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", self.folder, "-U", "im",
                               "-d", "postgres"]).returncode == 0

    def start(self, sup):
        sup.start("postgres", [*self.as_owner, self.bin / "postgres", "-D", self.data, "-k", self.folder,
                               "-c", "listen_addresses=", "-c", "log_min_messages=error",
                               "-c", "logging_collector=off"])
        sup.wait_for(self.answers, "PostgreSQL that answers")
        there = self.run("psql", "-X", "-At", "-h", self.folder, "-U", "im", "-d", "postgres",
                         "-c", "SELECT 1 FROM pg_database WHERE datname = 'im'")
        if not there.strip():
            self.run("createdb", "-h", self.folder, "-U", "im", "im")


class Member(run.Node):
    """One node. The first one is made like that of `make run`, and brings its users with it; the others
    begin with nothing, and have them from there."""

    def __init__(self, arguments, number, port, database):
        values = dict(vars(arguments), state=pathlib.Path(arguments.state) / f"node-{number}",
                      port=str(port), brokers="1", ws_port="", front_port="", haproxy="")
        super().__init__(argparse.Namespace(**values))
        self.number = number
        self.prefix = f"node {number} "
        self.bridge_lines = [f"cluster_database {database}", f"cluster_node {number}",
                             f"cluster_name node-{number}"]

    def set_up_as(self, first):
        self.password, self.password_file = first.password, first.password_file
        write_private(self.secret_file, first.secret_file.read_text("utf-8"))
        self.demo_done = first.demo_done
        if not (self.data / "directory.db").exists():
            self.offline("user", "list")  # makes an empty one, without which no plugin starts

    def has_joined(self):
        """Whether it has the users that the first one has brought."""
        with sqlite3.connect(f"file:{self.data}/directory.db?mode=ro", uri=True) as db:
            return db.execute("SELECT 1 FROM user WHERE uid = 'admin'").fetchone() is not None


class Cluster:
    def __init__(self, arguments):
        self.state = pathlib.Path(arguments.state).resolve()
        self.postgres = Postgres(self.state)
        first = run.port_number(arguments.port, "PORT")
        self.members = [Member(arguments, n + 1, first + n, self.postgres.database)
                        for n in range(nodes_number(arguments.nodes))]
        self.stored = ""  # the password of before

    def lock(self):
        private_folder(self.state)
        self.lock_file = open(self.state / "run.lock", "w", encoding="ascii")
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(f"{self.state} is in use by another `make run-cluster`; a second cluster needs "
                          "another STATE and PORT") from None
        for member in self.members:
            member.lock()

    def set_up(self):
        first = self.members[0]
        self.postgres.set_up()
        if first.demo_done.exists():
            self.stored = first.choose_password()
        else:
            first.set_up()
        for member in self.members[1:]:
            member.set_up_as(first)
        for member in self.members:
            member.configure()

    def start(self, sup):
        self.postgres.start(sup)
        for member in self.members:
            member.start(sup)
            sup.wait_for(member.has_joined, f"users at node {member.number}", run.READY_DEADLINE_S)
            member.wait_ready(sup)
        if self.stored and self.stored != self.members[0].password:
            self.change_passwords(sup)

    def change_passwords(self, sup):
        """By a running node, since no copy is changed by itself."""
        first = self.members[0]
        new = self.state / "password.new"
        write_private(new, first.password + "\n")
        for uid in ("admin", *run.USERS):
            first.online(sup, first.port, "user", "password", uid, "--password-file", str(new))
        new.unlink()
        first.keep_password(self.stored)

    def clean_up(self):
        for member in self.members:
            member.clean_up()

    def announce(self):
        first = self.members[0]
        host = f"[{first.bind}]" if ":" in first.bind else first.bind
        say("cluster ready on " + ", ".join(f"mqtt://{host}:{m.port}" for m in self.members))
        near = first.bind in ("127.0.0.1", "0.0.0.0", "::1", "::")
        a, b, c = (self.members[i % len(self.members)].port for i in range(3))
        print(READY.format(host="" if near else f"-h {first.bind} ",
                           imctl_host="" if near else f"--host {first.bind} ", a=a, b=b, c=c,
                           pw=shlex.quote(first.password), imctl=first.imctl,
                           first=shlex.quote(str(first.state)),
                           password_file=shlex.quote(str(first.password_file))), flush=True)


def serve(cluster):
    sup = supervisor.Supervisor(say)
    clean = True
    try:
        cluster.start(sup)
        sup.ready = True
        cluster.announce()
        sup.watch()
    except supervisor.Stop:
        say("stopping")
    except supervisor.Died as error:
        raise Problem(str(error)) from None
    finally:
        clean = sup.stop()
        cluster.clean_up()
    if clean:
        say("stopped")
    return 0 if clean else 1


def main():
    os.umask(0o077)
    if "MAKELEVEL" in os.environ:
        # make passes signals on, unless it is killed itself.
        supervisor.die_with_parent(signal.SIGTERM)
    try:
        cluster = Cluster(parse_arguments())
        cluster.lock()
        cluster.set_up()
        sys.exit(serve(cluster))
    except KeyboardInterrupt:
        sys.exit(130)
    except (Problem, OSError) as error:
        print(f"mosquitto-im: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
