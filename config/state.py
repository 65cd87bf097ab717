# SPDX-License-Identifier: BSD-3-Clause
"""What `make run` writes into the state folder: configurations, with lines of the user's own, and where
each broker has its files. Used by run.py."""

import hashlib
import os
import pathlib
import shutil

UNIX_PATH_MAX = 107

MOSQUITTO_CONF = """\
# Written by `make run` at every start; changes are lost. Lines of your own go into files named
# *.conf in {state}/mosquitto.d, the plugin's options into {state}/plugin.conf. What each line is
# for: config/mosquitto.conf.
user {user}
allow_anonymous false
persistence true
persistence_location {store}/
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
{listeners}
plugin {plugin}
{options}
{several}
include_dir {state}/mosquitto.d
"""

PLUGIN_OPTIONS = """\
plugin_opt_data_dir {state}/data
plugin_opt_link_listener {link}
plugin_opt_spool_file {spool}
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
{brokers}
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


class Problem(Exception):
    """Something that the person at the terminal can put right; the text says how."""


def say(text):
    try:
        print(f"mosquitto-im {text}", flush=True)
    except BrokenPipeError:
        pass  # nobody reads any more; the node runs on


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


def merged(options, own, each=()):
    """Our lines, but for those whose key the user's own file sets, and then the file's. each: keys
    that no file can set for all brokers."""
    text = own.read_text("utf-8")
    mine = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    if own.name == "plugin.conf":
        for line in mine:
            if not line.startswith("plugin_opt_"):
                raise Problem(f"{own}: \"{line}\" is no option of the plugin; they begin with "
                              f"plugin_opt_, and other lines go into {own.parent}/mosquitto.d")
    keys = {line.split(None, 1)[0] for line in mine}
    for key in sorted(keys & set(each)):
        raise Problem(f"{own}: each broker has a {key} of its own: leave it out, or set BROKERS=1")
    return "\n".join([line for line in options.splitlines() if line.split(None, 1)[0] not in keys]
                     + mine)


def link_folder(state, names):
    """Where the Unix sockets between brokers and bridge are: in the state folder when their paths are
    short enough for one and without a blank, where mosquitto.conf would cut them; else in a folder of
    our own where programs keep their sockets."""
    def too_long(folder):
        return any(len(os.fsencode(folder / name)) > UNIX_PATH_MAX for name in names)
    if not too_long(state) and not any(map(str.isspace, str(state))):
        return state
    base = pathlib.Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")
    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    folder = base / f"mosquitto-im-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o77 or folder.is_symlink():
        raise Problem(f"{folder} belongs to somebody else: choose a STATE with a shorter path")
    if too_long(folder):
        raise Problem(f"the path of STATE is too long for a Unix socket ({UNIX_PATH_MAX} bytes), "
                      f"and so is {base}: choose a shorter one")
    say(f"link: {folder / names[0]}, since the path of STATE is too long for a socket or has a blank")
    return folder


class Broker:
    """One of the node's: its files in the state folder. Without a port it only hands over what waits
    in its spool."""

    def __init__(self, state, number, port=None, ws_port=None):
        self.number, self.port, self.ws_port = number, port, ws_port
        suffix = "" if number == 1 else f"-{number}"
        self.name = f"mosquitto{suffix}"
        self.conf, self.store = state / f"{self.name}.conf", state / f"broker{suffix}"
        self.spool, self.link_name = state / "data" / f"spool{suffix}", f"link{suffix}.sock"
        self.link = None  # until it is known where sockets go

    def listeners(self, bind, ws_bind):
        lines = [f"listener {self.port} {bind}"] if self.port else []
        if self.ws_port:
            lines += [f"listener {self.ws_port} {ws_bind}", "protocol websockets"]
        return "\n".join(lines)

    def remove(self):
        for path in (self.conf, self.spool, self.link):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.store, ignore_errors=True)
