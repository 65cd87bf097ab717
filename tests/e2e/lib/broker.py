# SPDX-License-Identifier: BSD-3-Clause
"""One broker of a node: its process, ports, configuration and what it keeps."""
import os
import socket

from . import build, ports
from .proc import Process


class Broker(Process):
    """The first has its files in the node's folder, each further one in a folder of its own below it.
    extra: plugin_opt_* of this one alone, and own_conf: lines of its mosquitto.conf, to be changed
    before it is started; in both {folder} is the node's and {own} is this broker's."""

    def __init__(self, node, number, mosquitto, tls_listener, ws_listener, identity_listener):
        self.node, self.number = node, number  # from 1
        self.folder = node.folder if number == 1 else node.folder / f"b{number}"
        self.folder.mkdir(exist_ok=True)
        self.conf_path, self.link = self.folder / "mosquitto.conf", self.folder / "link.sock"
        self.spool = node.data / "spool" if number == 1 else self.folder / "spool"
        self.extra, self.own_conf = {}, []
        self.port = ports.take()
        self.tls_port = ports.take() if tls_listener else None
        self.ws_port = ports.take() if ws_listener else None
        self.identity_port = ports.take() if identity_listener else None
        self.psk_port = ports.take() if identity_listener else None
        self.ports = [p for p in (self.port, self.tls_port, self.ws_port, self.identity_port,
                                  self.psk_port) if p]
        super().__init__("broker" if number == 1 else f"broker{number}",
                         [*build.WATCH, mosquitto, "-c", self.conf_path],
                         self.folder / "broker.log", env=build.broker_env())

    def write_conf(self):
        node = self.node
        lines = ["user root"] if os.geteuid() == 0 else []
        lines += [
            "per_listener_settings false", "allow_anonymous false", "log_dest stderr",
            "log_type all", "persistence true", f"persistence_location {self.folder}/",
            "allow_duplicate_messages true", "set_tcp_nodelay true",
            f"max_queued_messages {node.max_queued}", "max_inflight_messages 1000",
            "max_packet_size 2000000", "persistent_client_expiration 14d",
            f"listener 0 {self.link}",
            f"listener {self.port} 127.0.0.1",
        ]
        if self.tls_port:
            lines += [f"listener {self.tls_port} 127.0.0.1", f"certfile {node.cert}",
                      f"keyfile {node.key}"]
        if self.ws_port:
            lines += [f"listener {self.ws_port} 127.0.0.1", "protocol websockets"]
        if self.identity_port:
            lines += [f"listener {self.identity_port} 127.0.0.1", f"cafile {node.cert}",
                      f"certfile {node.cert}", f"keyfile {node.key}", "require_certificate true",
                      "use_identity_as_username true",
                      f"listener {self.psk_port} 127.0.0.1", "psk_hint im",
                      "use_identity_as_username true", f"psk_file {node.folder}/psk"]
        mine = [line.format(folder=node.folder, own=self.folder)
                for line in [*node.conf, *self.own_conf]]
        lines = [x for x in lines if x != "allow_anonymous false" or
                 not any(m.startswith("allow_anonymous") for m in mine)] + mine
        lines.append(f"plugin {build.PLUGIN}")
        # Whole modules of wrong logins come from one address here.
        options = {"data_dir": node.data, "link_listener": self.link, "auth_wrong_share": 100,
                   "spool_file": self.spool if self.number > 1 else None,
                   **node.options, **self.extra}
        for name, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    lines.append(f"plugin_opt_{name} {one}".format(folder=node.folder,
                                                                   own=self.folder))
        self.conf_path.write_text("\n".join(map(str, lines)) + "\n", encoding="utf-8")

    def start_listening(self):
        self.start()
        for port in self.ports:
            self.wait_for(lambda p=port: listening(p), f"listener on {port}")

    def port_of(self, transport):
        return {"tcp": self.port, "tls": self.tls_port, "ws": self.ws_port,
                "identity": self.identity_port}[transport]


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
