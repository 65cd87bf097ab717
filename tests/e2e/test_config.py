# SPDX-License-Identifier: BSD-3-Clause
"""What is wrong with a configuration is said in one line, and nothing starts."""
import sqlite3

import pytest

from lib import build, directory
from lib.node import Node


@pytest.fixture
def idle():
    """A node whose processes have not been started."""
    node = Node(users=2)
    node.write_broker_conf()
    node.write_bridge_conf()
    yield node
    node.close()


def broker_refuses(node, *said):
    """The broker ends by itself; one line of the log has all the words."""
    node.write_broker_conf()
    node.broker.start()
    code = node.broker.wait_exit(expected=range(1, 256))
    assert code > 0
    lines = node.broker.text(True).splitlines()
    assert any(all(word in line for word in said) for line in lines), "\n".join(lines[-10:])


def bridge_refuses(node, *said):
    node.bridge.start()
    code = node.bridge.wait_exit(expected=range(1, 256))
    assert code > 0
    lines = node.bridge.text(True).splitlines()
    assert any(all(word in line for word in said) for line in lines), "\n".join(lines[-10:])


@pytest.mark.parametrize("name, value, said", [
    ("no_such_option", "1", "plugin_opt_no_such_option: unknown key"),
    ("no_such_option", "1", "the keys are data_dir, spool_file,"),
    ("windou", "2", "plugin_opt_windou: unknown key \"windou\"; did you mean window?"),
    ("window", "0", "window"), ("window", "many", "window"), ("spool_size", "1", "spool_size"),
    ("spool_size", "-5M", "spool_size"), ("spool_size", "10T", "spool_size"),
    ("topic_prefix", "a/#", "topic_prefix"), ("topic_prefix", "$im", "topic_prefix"),
    ("topic_prefix", "/x", "topic_prefix"), ("presence_policy", "nobody", "presence_policy"),
    ("direct_policy", "x", "direct_policy"), ("jwt_algorithm", "none", "jwt_algorithm"),
    ("jwt_algorithm", "RS256", "jwt_key_file"), ("jwt_algorithm", "HS256", "without a key"),
    ("jwt_auto_create", "maybe", "jwt_auto_create"),
    ("jwt_auto_create", "true", "jwt_secret_file"),
    ("jwt_secret_file", "/no/such/file", "/no/such/file"),
    ("allow_topic", "a/#/b", "allow_topic"), ("allow_topic", "$share/g/x", "allow_topic"),
    ("allow_topic", "read sensors/#", "write `topic read sensors/#` into an acl_file"),
    ("acl_file", "/no/such/file", "/no/such/file cannot be read: No such file"),
    ("max_payload", "0", "max_payload"), ("max_payload", "2M", "max_payload"),
    ("data_dir", "/no/such/folder", "/no/such/folder"),
    ("spool_file", "/no/such/folder/spool", "/no/such/folder"),
    ("link_listener", None, "link_listener"), ("data_dir", None, "data_dir"),
])
def test_a_wrong_plugin_option_keeps_the_broker_from_starting(idle, name, value, said):
    idle.options[name] = value
    broker_refuses(idle, said)


def test_a_short_jwt_secret_is_refused(idle):
    (idle.folder / "secret").write_text("short\n", encoding="utf-8")
    idle.options["jwt_secret_file"] = idle.folder / "secret"
    broker_refuses(idle, "secret", "32")


def test_a_jwt_key_that_is_none_is_refused(idle):
    (idle.folder / "key").write_text("-----BEGIN nonsense\n", encoding="utf-8")
    idle.options.update(jwt_key_file=idle.folder / "key", jwt_algorithm="RS256")
    broker_refuses(idle, str(idle.folder / "key"))


def test_an_option_given_twice_is_refused(idle):
    idle.options["window"] = ["2", "3"]
    broker_refuses(idle, "window")


def test_a_missing_directory_names_the_remedy(idle):
    for file in idle.data.iterdir():
        file.unlink()
    broker_refuses(idle, "directory.db", "imctl")


def test_a_directory_that_is_no_database_is_refused(idle):
    for file in idle.data.iterdir():
        file.unlink()
    (idle.data / "directory.db").write_bytes(b"this is no database" * 100)
    broker_refuses(idle, "directory.db")


def change_version(node, database, version):
    path = node.data / f"{database}.db"
    if not path.exists():
        directory.create(path, database)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()


def test_a_directory_newer_than_the_plugin_is_refused(idle):
    change_version(idle, "directory", 999)
    broker_refuses(idle, "999", "directory")


def test_a_directory_of_a_bridge_of_the_version_before_is_refused(idle):
    """The bridge first: else device accounts, and what else a version brings, would be nothing."""
    change_version(idle, "directory", 18)
    broker_refuses(idle, "directory.db has schema version 18, this program needs version")


@pytest.mark.parametrize("database", ["directory", "messages"])
def test_a_database_newer_than_the_bridge_is_refused(idle, database):
    change_version(idle, database, 999)
    bridge_refuses(idle, "999", database)


def test_per_listener_settings_are_refused(idle):
    idle.write_broker_conf()
    path = idle.folder / "mosquitto.conf"
    text = path.read_text(encoding="utf-8").replace("per_listener_settings false",
                                                    "per_listener_settings true")
    idle.write_broker_conf = lambda: path.write_text(text, encoding="utf-8")
    broker_refuses(idle, "per_listener_settings")


# -- the rest of the broker's configuration --

DYNSEC = """{
 "defaultACLAccess": {"publishClientSend": true, "publishClientReceive": true, "subscribe": true,
                      "unsubscribe": true},
 "clients": [{"username": "root", "roles": [{"rolename": "admin"}], "iterations": 101,
              "salt": "%s", "password": "%s"}],
 "roles": [{"rolename": "admin", "acls": [
  {"acltype": "subscribePattern", "topic": "#", "allow": true},
  {"acltype": "publishClientReceive", "topic": "#", "allow": true}]}]
}"""


def dynsec(node):
    """The lines of Mosquitto's own plugin, with an administrator who may read everything."""
    import base64
    import hashlib
    salt = b"0123456789ab"
    key = hashlib.pbkdf2_hmac("sha512", b"pw", salt, 101)
    (node.folder / "dynsec.json").write_text(
        DYNSEC % (base64.b64encode(salt).decode(), base64.b64encode(key).decode()),
        encoding="utf-8")
    return [f"plugin {build.broker_plugin('mosquitto_dynamic_security')}",
            f"plugin_opt_config_file {node.folder}/dynsec.json"]


def change_conf(node, change):
    """The broker's configuration from now on: `change` of its lines."""
    write, path = node.write_broker_conf, node.folder / "mosquitto.conf"

    def changed():
        write()
        lines = change(path.read_text(encoding="utf-8").splitlines())
        path.write_text("\n".join(map(str, lines)) + "\n", encoding="utf-8")
    node.write_broker_conf = changed
    return path


def before_ours(lines, more):
    at = next(n for n, x in enumerate(lines) if x.startswith("plugin "))
    return lines[:at] + more + lines[at:]


def warnings(node, *said):
    """The lines of the log that have all the words."""
    return [x for x in node.broker.text().splitlines()
            if "im: " in x and all(word in x for word in said)]


def test_a_plugin_that_would_decide_first_is_refused(idle):
    path = change_conf(idle, lambda lines: before_ours(lines, dynsec(idle)))
    broker_refuses(idle, f"{path}:", "mosquitto_dynamic_security.so is loaded first")


def test_a_plugin_behind_ours_is_said_to_be_never_asked():
    node = Node(users=3)
    path = change_conf(node, lambda lines: lines + dynsec(node))
    try:
        node.start()
        line, = warnings(node, "mosquitto_dynamic_security.so is never asked")
        number = next(n for n, x in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
                      if "mosquitto_dynamic_security" in x)
        assert f"{path}:{number}:" in line
        from lib.client import Refused
        with pytest.raises(Refused):
            node.client("root", password="pw").connect()
        eve = node.client(node.user(), v5=True).connect()
        assert eve.subscribe("#") == 0x87
    finally:
        node.close()


@pytest.mark.parametrize("topic", ["im/# out", "#", "+/inbox/# both 1", "# out 0 im/ x/", "$im/# out"])
def test_a_connection_that_would_carry_messages_away_is_refused(idle, topic):
    path = change_conf(idle, lambda lines: lines + [
        "connection cloud", "address 127.0.0.1:1", f"topic {topic}"])
    broker_refuses(idle, f"{path}:", f"`topic {topic}` of connection cloud",
                   "private messages", "topic sensors/# out")


def test_an_included_file_is_looked_at(idle):
    folder = idle.folder / "conf.d"
    folder.mkdir()
    (folder / "a.conf").write_text("# nothing\n", encoding="utf-8")
    (folder / "b.conf").write_text("\nconnection x\naddress 127.0.0.1:1\ntopic # out\n",
                                   encoding="utf-8")
    (folder / "c.txt").write_text("topic im/# out\n", encoding="utf-8")
    change_conf(idle, lambda lines: lines + [f"include_dir {folder}"])
    broker_refuses(idle, f"{folder}/b.conf:4:", "of connection x")


def test_what_is_no_danger_is_started_and_what_does_not_hold_is_said(own_node):
    node = own_node(users=3, conf=[
        "acl_file {folder}/acl", "password_file {folder}/passwd", "connection cloud",
        "address 127.0.0.1:1", "topic sensors/# out", "topic # in 0 far/", "notifications false"],
        files={"acl": "topic deny #\n", "passwd": ""})
    assert len(warnings(node, "acl_file", "/acl is not looked at", "plugin_opt_acl_file")) == 1
    assert len(warnings(node, "password_file", "/passwd is not looked at", "directory.db")) == 1
    assert warnings(node, "link_listener") == [] and warnings(node, "never asked") == []
    c = node.connect(node.user())
    assert c.rpc("user.get")


def test_a_link_listener_that_is_none_is_said(own_node):
    """It works, because the bridge connects by what its own configuration says."""
    node = own_node(users=3, options={"link_listener": "{folder}/link.socket"})
    line, = warnings(node, "link_listener")
    assert "link.socket" in line and "listener 0 PATH" in line
    assert node.connect(node.user()).rpc("user.get")


def test_a_reload_says_what_would_keep_the_broker_from_starting(own_node):
    import signal
    node = own_node(users=3)
    c = node.connect(node.user())
    with open(node.folder / "mosquitto.conf", "a", encoding="utf-8") as f:
        f.write("connection cloud\naddress 127.0.0.1:1\ntopic im/# out\n")
    node.broker.send_signal(signal.SIGHUP)
    line = node.broker.wait_text("would not start with this configuration")
    assert "`topic im/# out` of connection cloud" in line
    assert c.rpc("user.get")


def test_our_plugin_by_name_for_one_listener_is_refused(idle, free_port):
    """2.1's plugin_load and plugin_use; older brokers do not know them."""
    change_conf(idle, lambda lines: [f"plugin_load im {build.PLUGIN}" if x.startswith("plugin ")
                                     else x for x in lines] +
                [f"listener {free_port()} 127.0.0.1", "plugin_use im"])
    broker_refuses(idle, *(["plugin_load", "others bypass"] if build.broker_version() >= (2, 1)
                           else ["plugin_load"]))


# -- the bridge's configuration --

@pytest.mark.parametrize("line, said", [
    ("no_such_key 5", "no_such_key"), ("data_dirr /x", "data_dir"), ("log_level loud", "log_level"),
    ("data_dir", "data_dir"), ("data_dir /a\ndata_dir /b", "data_dir"),
])
def test_a_wrong_bridge_key_is_named_with_file_and_line(idle, line, said):
    path = idle.folder / "im-bridge.conf"
    path.write_text(f"# a comment\nbroker {idle.link}\n\n{line}\n", encoding="utf-8")
    number = 4 + line.count("\n")
    bridge_refuses(idle, f"{path}:{number}", said)


def test_a_missing_bridge_key_is_named(idle):
    (idle.folder / "im-bridge.conf").write_text("# nothing\n", encoding="utf-8")
    bridge_refuses(idle, "im-bridge.conf", "data_dir")


def test_a_missing_bridge_configuration_is_named(idle):
    (idle.folder / "im-bridge.conf").unlink()
    bridge_refuses(idle, "im-bridge.conf")


def test_a_second_bridge_on_the_same_data_is_refused(node):
    from lib.proc import Process
    second = Process("second bridge", [build.BRIDGE, "-c", node.folder / "im-bridge.conf"],
                     node.folder / "second.log")
    second.start()
    assert second.wait_exit(expected=range(1, 256)) > 0
    assert str(node.data) in second.text()
    c = node.connect(node.user())
    assert c.rpc("user.get")


def test_another_prefix_moves_everything(own_node):
    node = own_node(users=4, options={"topic_prefix": "chat/v2"})
    import json
    alice, bob = node.users(2)
    a, b = node.client(alice, v5=True).connect(), node.client(bob).connect()
    for c in (a, b):
        assert c.subscribe(f"chat/v2/inbox/{c.user}/#") < 0x80
    assert a.publish(f"chat/v2/u/{bob}", {"id": "1", "body": "moved"}) == 0
    m = b.wait_for(lambda: [m for m in b.messages if m.topic == f"chat/v2/inbox/{bob}/u/{alice}"])
    assert m[0].json["body"] == "moved"
    a.wait_for(lambda: any(m.topic.endswith("/ack") for m in a.messages))
    assert a.publish(f"im/u/{bob}", "x") == 0x87
    a.publish("chat/v2/rpc/user.get", json.dumps({}))
    a.wait_for(lambda: any("/rpc/" in m.topic for m in a.messages))


def test_the_bridge_stops_on_sigterm_and_reloads_on_sighup(own_node):
    import signal
    node = own_node(users=3)
    node.bridge.send_signal(signal.SIGHUP)
    c = node.connect(node.user())
    assert c.rpc("user.get")
    assert node.bridge.stop() == 0
    node.start_bridge()


def test_logs_hold_no_secrets_and_no_bodies(own_node):
    node = own_node(users=3)
    alice, bob = node.users(2)
    a, b = node.connect(alice), node.connect(bob)
    a.send(f"im/u/{bob}", {"id": "x", "body": "BODY-NOT-FOR-LOGS"})
    a.publish(f"im/u/{bob}", {"id": "y", "body": "BODY-NOT-FOR-LOGS", "bad": 1})
    a.rpc_raw("user.password", {"old": "wrong SECRET", "new": "a SECRET"})
    a.publish("im/rpc/user.password", '{"old": "SECRET", malformed')
    admin = node.admin()
    admin.set_password(bob, "SECRET")
    from lib.client import Refused
    with pytest.raises(Refused):
        node.client(alice, password="SECRET-try").connect()
    b.wait_disconnected()
    for name, text in node.logs(10 ** 6):
        for word in ("BODY-NOT-FOR-LOGS", "SECRET", "$argon2id$"):
            assert word not in text, f"{word} in the log of {name}"
