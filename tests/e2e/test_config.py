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
    ("no_such_option", "1", "no_such_option"), ("windou", "2", "window"),
    ("window", "0", "window"), ("window", "many", "window"), ("spool_size", "1", "spool_size"),
    ("spool_size", "-5M", "spool_size"), ("spool_size", "10T", "spool_size"),
    ("topic_prefix", "a/#", "topic_prefix"), ("topic_prefix", "$im", "topic_prefix"),
    ("topic_prefix", "/x", "topic_prefix"), ("presence_policy", "nobody", "presence_policy"),
    ("direct_policy", "x", "direct_policy"), ("jwt_algorithm", "none", "jwt_algorithm"),
    ("jwt_algorithm", "RS256", "jwt_key_file"), ("jwt_auto_create", "maybe", "jwt_auto_create"),
    ("jwt_auto_create", "true", "jwt_secret_file"),
    ("jwt_secret_file", "/no/such/file", "/no/such/file"),
    ("allow_topic", "a/#/b", "allow_topic"), ("allow_topic", "$share/g/x", "allow_topic"),
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
    b.rpc("user.get")
    for name, text in node.logs(10 ** 6):
        for word in ("BODY-NOT-FOR-LOGS", "SECRET", "$argon2id$"):
            assert word not in text, f"{word} in the log of {name}"
