# SPDX-License-Identifier: BSD-3-Clause
"""A PostgreSQL server of Debian's package in a folder of its own, on a Unix socket and no port."""
import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from .proc import wait_until


def _program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    assert found, f"{name} is not there: install Debian's package postgresql"
    return found[-1]


class Postgres:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="im-pg-"))
        self.data = self.folder / "data"
        self.owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self.owner:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self.folder.chmod(0o755)
        self._run("initdb", "-D", self.data, "-U", "im", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.popen = None
        self.database = f"host={self.folder} user=im dbname=postgres"

    def _as_owner(self):
        if not self.owner:
            return {}
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def _run(self, name, *args):
        done = subprocess.run([_program(name), *map(str, args)], capture_output=True, text=True,
                              cwd=self.folder, **self._as_owner())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.popen = subprocess.Popen(
                [_program("postgres"), "-D", self.data, "-k", self.folder, "-c", "listen_addresses="],
                stdout=log, stderr=log, cwd=self.folder, **self._as_owner())
        assert wait_until(lambda: subprocess.run(
            [_program("pg_isready"), "-q", "-h", self.folder]).returncode == 0), "no server"
        return self

    def synchronous_standby(self):
        """A copy of this server, for which each commit here waits once it is started. Not started."""
        standby = Postgres.__new__(Postgres)
        standby.folder = pathlib.Path(tempfile.mkdtemp(prefix="im-pg-"))
        standby.data, standby.owner, standby.popen = standby.folder / "data", self.owner, None
        if self.owner:
            os.chown(standby.folder, self.owner.pw_uid, self.owner.pw_gid)
        standby.database = f"host={standby.folder} user=im dbname=postgres"
        self._run("pg_basebackup", "-h", self.folder, "-U", "im", "-D", standby.data, "-R", "-c", "fast")
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.ask("SELECT pg_reload_conf()")
        return standby

    def stop(self):
        """In order."""
        if self.popen and self.popen.poll() is None:
            self.popen.send_signal(2)
            self.popen.wait()

    def ask(self, sql):
        return self._run("psql", "-X", "-At", "-h", self.folder, "-U", "im", "-d", "postgres", "-c", sql)

    def kill(self):
        """As a machine that is lost: at once."""
        self.popen.terminate()  # SIGTERM would wait for sessions; SIGQUIT ends them
        self.popen.send_signal(3)
        self.popen.wait()

    def close(self):
        if self.popen and self.popen.poll() is None:
            self.popen.send_signal(3)
            self.popen.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
