# SPDX-License-Identifier: BSD-3-Clause
"""What is measured: plain Mosquitto, and mosquitto-im, with the same broker settings.

A node keeps its folder when it is stopped, so that it can be started again on the same data. The
users of a node are u0000000, u0000001 ... as imbench names them.
"""
import base64
import ctypes
import hashlib
import hmac
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

START_S = 60
STOP_S = 60
# 10,000 clients and their broker.
FILES = 65536


def user_name(number):
    return f"u{number:07d}"


def group_name(number):
    return f"g{number:05d}"


def free_port():
    """Below the ephemeral ports, so that no client's own port gets in the way of a restart."""
    while True:
        port = random.randint(20000, 29999)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def _child_setup():
    """Enough files, and an end when the runner ends, however it does."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """Started with its output in a file, stopped by its pid."""

    def __init__(self, name, argv, log):
        self.name, self.argv, self.log = name, [str(a) for a in argv], pathlib.Path(log)
        self.popen = None

    def start(self):
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, preexec_fn=_child_setup)

    @property
    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def require(self):
        if not self.running:
            tail = self.log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{self.name} ended with {self.popen.returncode}:\n{tail}")

    def stop(self):
        if not self.running:
            return
        self.popen.terminate()
        try:
            self.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise RuntimeError(f"{self.name} did not stop in {STOP_S} s") from None

    def kill(self):
        if self.running:
            self.popen.kill()
            self.popen.wait()

    def memory_kb(self):
        """(resident, peak)"""
        self.require()
        fields = {}
        status = pathlib.Path(f"/proc/{self.popen.pid}/status").read_text(encoding="ascii")
        for line in status.splitlines():
            key, _, value = line.partition(":")
            fields[key] = value.split()
        return int(fields["VmRSS"][0]), int(fields["VmHWM"][0])


class _Node:
    """What both kinds share: folder, port, broker."""

    side = ""

    def __init__(self, folder, broker):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.ports = [self.port]
        self.passwords = None
        self.broker = Process("broker", [broker, "-c", self.folder / "mosquitto.conf"],
                              self.folder / "broker.log")

    def broker_conf(self, port=None):
        """The settings that are the same on both sides. Queues are large enough that the broker
        never drops: it would, silently, and the run would fail its verification."""
        lines = ["user root"] if os.geteuid() == 0 else []
        return lines + [
            "per_listener_settings false",
            "log_dest stderr", "log_type error", "log_type warning",
            "persistence false",
            "set_tcp_nodelay true",
            "max_inflight_messages 0",
            "max_queued_messages 100000",
            "allow_duplicate_messages true",
            "max_packet_size 2000000", "persistent_client_expiration 14d",
            f"listener {port or self.port} 127.0.0.1",
        ]

    def write_conf(self, name, lines):
        (self.folder / name).write_text("\n".join(map(str, lines)) + "\n", encoding="utf-8")

    def wait_listening(self):
        end = time.monotonic() + START_S
        missing = list(self.ports)
        while time.monotonic() < end:
            for process in self.brokers():
                process.require()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", missing[0])) == 0:
                    missing.pop(0)
            if not missing:
                return
            time.sleep(0.005)
        raise RuntimeError(f"the broker does not listen after {START_S} s")

    def brokers(self):
        return [self.broker]

    def processes(self):
        return self.brokers()

    def pids(self):
        return [(p.name, p.popen.pid) for p in self.processes()]

    def restart_broker(self):
        """Stops and starts the broker. Returns when the new one was started (monotonic ns)."""
        self.broker.stop()
        begin = time.monotonic_ns()
        self.broker.start()
        return begin

    def stop(self):
        for process in reversed(self.processes()):
            process.stop()

    def kill(self):
        for process in self.processes():
            process.kill()

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class PlainNode(_Node):
    """Mosquitto as it comes. users: with a password file for so many; 0: anonymous. rules: with an
    acl_file of this text."""

    side = "plain"

    def __init__(self, folder, broker, users=0, rules=None):
        super().__init__(folder, broker)
        lines = self.broker_conf()
        if rules is not None:
            (self.folder / "acl").write_text(rules, encoding="ascii")
            lines.append(f"acl_file {self.folder / 'acl'}")
        if users:
            self._make_passwords(users)
            lines += ["allow_anonymous false", f"password_file {self.folder / 'users'}"]
        else:
            lines += ["allow_anonymous true"]
        self.write_conf("mosquitto.conf", lines)

    def _make_passwords(self, users):
        words = [hashlib.sha256(f"pw{n}".encode()).hexdigest()[:16] for n in range(users)]
        self.passwords = self.folder / "passwords"
        self.passwords.write_text("".join(w + "\n" for w in words), encoding="ascii")
        hashed = self.folder / "users"
        hashed.write_text("".join(f"{user_name(n)}:{w}\n" for n, w in enumerate(words)),
                          encoding="ascii")
        hashed.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", str(hashed)], check=True, capture_output=True)

    def start(self):
        self.broker.start()
        self.wait_listening()


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(secret, uid, ttl_s=7 * 86400):
    now = int(time.time())
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": uid, "iat": now, "exp": now + ttl_s}]
    text = ".".join(_b64(json.dumps(p, separators=(",", ":")).encode()) for p in parts)
    return text + "." + _b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def argon2id(password, memory_kib=19456, passes=2, salt=b"mosquitto-im-bch"):
    """A PHC string with the parameters that the product itself uses for new passwords."""
    lib = ctypes.CDLL("libargon2.so.1")
    out = ctypes.create_string_buffer(256)
    secret = password.encode()
    size = ctypes.c_size_t
    rc = lib.argon2id_hash_encoded(passes, memory_kib, 1, secret, size(len(secret)), salt,
                                   size(len(salt)), size(32), out, size(len(out)))
    if rc:
        raise RuntimeError(f"argon2id: {rc}")
    return out.value.decode()


class ImNode(_Node):
    """mosquitto-im: a broker with the plugin, and the bridge.

    users: how many there are; logins: how many of them will connect (tokens are made for these);
    groups: [(number, kind, first user, members)] with kind "group" or "room"; login: "jwt", or
    "password" (one password for all, hashed as the product hashes); bridge: further keys of
    im-bridge.conf; log_version: the schema of messages.db, if not the newest; brokers: so many under
    the one bridge.
    """

    side = "im"
    PASSWORD = "correct-horse"
    ORDINALS = 3  # the schema of messages.db that brought them

    def __init__(self, folder, broker, build, schema, users, logins=None, groups=(), login="jwt",
                 bridge=None, log_version=None, brokers=1):
        super().__init__(folder, broker)
        self.others = [Other(self, number) for number in range(2, brokers + 1)]
        self.ports += [other.port for other in self.others]
        self.build, self.schema = pathlib.Path(build), pathlib.Path(schema)
        self.data = self.folder / "data"
        self.data.mkdir()
        self.users = users
        self.login = login
        self.bridge_options = bridge or {}
        self.link = self.folder / "link"
        self.secret = self.folder / "secret"
        self.bridge = Process("bridge", [self.build / "im-bridge", "-c",
                                         self.folder / "im-bridge.conf"],
                              self.folder / "bridge.log")
        self._make_logins(min(users, logins or users))
        self._create("directory")
        self._create("messages", log_version)
        self._fill_directory(groups)
        self.write_confs()

    @staticmethod
    def available(build):
        """Has mosquitto-im been built there?"""
        return all((pathlib.Path(build) / name).exists()
                   for name in ("mosquitto_im.so", "im-bridge"))

    # -- data --

    def _make_logins(self, logins):
        secret = os.urandom(24).hex().encode()
        self.secret.write_bytes(secret + b"\n")
        self.secret.chmod(0o600)
        self.passwords = self.folder / "passwords"
        with open(self.passwords, "w", encoding="ascii") as out:
            for n in range(logins):
                word = make_token(secret, user_name(n)) if self.login == "jwt" else self.PASSWORD
                out.write(word + "\n")

    def database(self, name):
        return self.data / f"{name}.db"

    def _create(self, name, version=None):
        """An empty database from the numbered migrations, as the bridge would create it; or as that
        of an earlier version did."""
        files = sorted((self.schema / "sqlite" / name).glob("*.sql"))[:version]
        db = sqlite3.connect(self.database(name))
        db.execute("PRAGMA journal_mode = WAL")
        for path in files:
            db.executescript(path.read_text(encoding="utf-8"))
        db.execute(f"PRAGMA user_version = {int(files[-1].name.split('_')[0])}")
        db.commit()
        db.close()

    def _fill_directory(self, groups):
        """User n gets id n + 1."""
        now = int(time.time() * 1000)
        phc = argon2id(self.PASSWORD) if self.login == "password" else None
        db = sqlite3.connect(self.database("directory"))
        db.executemany("INSERT INTO user(id, uid, password, created_ms) VALUES(?,?,?,?)",
                       ((n + 1, user_name(n), phc, now) for n in range(self.users)))
        for number, kind, first, members in groups:
            cursor = db.execute(
                "INSERT INTO grp(gid, kind, name, member_limit, created_ms) VALUES(?,?,?,?,?)",
                (group_name(number), 1 if kind == "room" else 0, group_name(number), 20000, now))
            db.executemany(
                "INSERT INTO member(grp, uid, user, role, joined_seq, joined_ms) "
                "VALUES(?,?,?,?,0,?)",
                ((cursor.lastrowid, user_name(first + n), first + n + 1, 2 if n == 0 else 0, now)
                 for n in range(members)))
        db.commit()
        db.close()

    def fill_log(self, messages, each=100, text=lambda gid: "x" * 64, sides=None):
        """Stores direct messages of the past, `each` to a conversation, interleaved. sides: the
        numbers of the two users of each conversation, the lower one first. If none are given user 0
        is one side of the first thousand (with users 1001 .. 2000), and the others are between
        users from 3000 on. text: of the message at a place in the log."""
        convs = max(1, messages // each)
        own = min(convs, 1000)
        sides = sides or [(1, 1002 + c) for c in range(own)] + [
            (3001 + 2 * c, 3002 + 2 * c) for c in range(convs - own)]
        now = int(time.time() * 1000) - 86400000
        db = sqlite3.connect(self.database("messages"))
        db.execute("PRAGMA synchronous = OFF")
        db.executemany("INSERT INTO conv(id, kind, a, b) VALUES(?,0,?,?)",
                       ((c + 1, a, b) for c, (a, b) in enumerate(sides)))

        def rows():
            for gid in range(1, messages + 1):
                conv = (gid - 1) % convs
                seq = (gid - 1) // convs + 1
                yield (gid, conv + 1, seq, sides[conv][seq & 1], now + gid // 1000,
                       f"past-{gid:019d}", text(gid))

        db.executemany("INSERT INTO message(gid, conv, seq, sender, ts, enc, client_id, body) "
                       "VALUES(?,?,?,?,?,0,?,?)", rows())
        # Nothing but messages, in conversations so short that no speakers are noted.
        assert each < 128
        ordinals = db.execute("PRAGMA user_version").fetchone()[0] >= self.ORDINALS
        db.executemany("INSERT INTO conv_log(conv, seq, gid, less_ord, less_shown) "
                       "VALUES(?,?,?,0,0)" if ordinals else
                       "INSERT INTO conv_log(conv, seq, gid) VALUES(?,?,?)",
                       ((c + 1, s + 1, s * convs + c + 1) for c in range(convs)
                        for s in range((messages - c + convs - 1) // convs)))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        db = sqlite3.connect(self.database("directory"))
        db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES('applied_gid', ?)", (messages,))
        db.commit()
        db.close()

    def read_all(self, sides, each, but):
        """As if both users had read each conversation of fill_log's to its end, but every so
        manieth."""
        db = sqlite3.connect(self.database("directory"))
        db.executemany("INSERT INTO conv_user(user, conv, read_seq) VALUES(?,?,?)",
                       ((user, c + 1, each) for c, pair in enumerate(sides) if c % but
                        for user in pair))
        db.commit()
        db.close()

    def bytes_stored(self, name="messages"):
        return sum(self.database(name).with_name(f"{name}.db{tail}").stat().st_size
                   for tail in ("", "-wal")
                   if self.database(name).with_name(f"{name}.db{tail}").exists())

    @property
    def has_search(self):
        return self.bridge_options.get("search") != "false"

    def search_behind(self):
        """(messages, seconds): how far the search index lies behind the log."""
        uri = "file:{}?mode=ro"
        log = sqlite3.connect(uri.format(self.database("messages")), uri=True)
        index = sqlite3.connect(uri.format(self.database("search")), uri=True)
        try:
            head = log.execute("SELECT MAX(gid) FROM message").fetchone()[0] or 0
            meta = dict(index.execute("SELECT key, value FROM meta"))
            done = meta.get("words_gid", meta.get("indexed_gid", 0))  # the latter: before version 4
            oldest = log.execute("SELECT ts FROM message WHERE gid > ? AND gid <= ? LIMIT 1",
                                 (done, head)).fetchone()
            return max(0, head - done), max(0.0, time.time() - oldest[0] / 1000) if oldest else 0.0
        finally:
            log.close()
            index.close()

    def bridge_starts(self):
        """How often its bridge has begun to work."""
        return self.bridge.log.read_text("utf-8").count("\ninfo started ") if self.bridge.log.exists() else 0

    def has_user(self, number):
        db = sqlite3.connect(f"file:{self.database('directory')}?mode=ro", uri=True)
        try:
            return db.execute("SELECT 1 FROM user WHERE uid = ?", (user_name(number),)).fetchone() is not None
        finally:
            db.close()

    def unnumbered(self):
        """About so many messages of an earlier version have no ordinals yet."""
        db = sqlite3.connect(f"file:{self.database('messages')}?mode=ro", uri=True)
        try:
            meta = dict(db.execute("SELECT key, value FROM meta"))
            return meta.get("unnumbered", 0) - meta.get("numbered", 0)
        finally:
            db.close()

    def forget_cache(self):
        """Drops the databases from the page cache; the node must be stopped."""
        os.sync()
        for path in self.data.iterdir():
            fd = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)

    def bounds(self):
        """What one user may cause and a room's viewers get, as far as the bridge under test has a bound: none here, as with
        the rates of the plugin."""
        printed = subprocess.run([self.build / "im-bridge", "--print-config"], check=True,
                                 capture_output=True, text=True).stdout
        return [key for key in ("rate_cost", "room_messages_per_second", "groups_per_day",
                                "invitations_per_day", "requests_per_day") if f"\n#{key} " in printed]

    def plugin_options(self):
        """Further lines of mosquitto.conf."""
        return []

    # -- processes --

    def write_confs(self):
        self.write_conf("mosquitto.conf", self.im_conf(self.port, self.link))
        for other in self.others:
            self.write_conf(other.conf.name, self.im_conf(other.port, other.link) + [
                f"plugin_opt_spool_file {other.spool}"])
        self.write_conf("im-bridge.conf", [
            f"data_dir {self.data}",
            *(f"broker {link}" for link in [self.link, *(o.link for o in self.others)]),
            *(f"{key} 0" for key in self.bounds()),
            *(f"{key} {value}" for key, value in self.bridge_options.items()),
        ])

    def im_conf(self, port, link):
        """mosquitto.conf of one broker."""
        return self.broker_conf(port) + [
            "allow_anonymous false",
            f"listener 0 {link}",
            f"plugin {self.build.resolve() / 'mosquitto_im.so'}",
            f"plugin_opt_data_dir {self.data}",
            f"plugin_opt_link_listener {link}",
            "plugin_opt_rate_messages 0",
            "plugin_opt_rate_bytes 0",
            f"plugin_opt_jwt_secret_file {self.secret}",
            *self.plugin_options(),
        ]

    def brokers(self):
        return [self.broker, *(other.process for other in self.others)]

    def processes(self):
        return [*self.brokers(), self.bridge]

    def start(self):
        """Returns seconds until the brokers listen; ready() tells when a request is answered."""
        begin = time.monotonic()
        for process in self.brokers():
            process.start()
        self.wait_listening()
        self.bridge.start()
        return time.monotonic() - begin


class Other:
    """A further broker of a node: its port, process and files."""

    def __init__(self, node, number):
        self.port = free_port()
        self.conf = node.folder / f"mosquitto-{number}.conf"
        self.link, self.spool = node.folder / f"link-{number}", node.folder / f"spool-{number}"
        # What is measured of one is summed up by the name before the dot.
        self.process = Process(f"broker.{number}", [*node.broker.argv[:-1], self.conf],
                               node.folder / f"broker-{number}.log")


class OrdinaryNode(ImNode):
    """mosquitto-im whose IM has another prefix, so that the generator's topics are ordinary ones, as on
    plain Mosquitto; rules: the text of its acl_file."""

    side = "plain"

    def __init__(self, *args, rules, **kw):
        self.rules = rules
        super().__init__(*args, **kw)

    def plugin_options(self):
        (self.folder / "acl").write_text(self.rules, encoding="ascii")
        return ["plugin_opt_topic_prefix chat", f"plugin_opt_acl_file {self.folder / 'acl'}"]
