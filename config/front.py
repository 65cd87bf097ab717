# SPDX-License-Identifier: BSD-3-Clause
"""One address in front of the brokers of `make run`: haproxy and its configuration. Used by run.py."""

import os
import shutil

# Where haproxy connects from, by which the plugin knows it: plugin_opt_proxy_address.
SOURCE = "127.0.0.2"

TOP = """\
# Written by `make run` at every start; changes are lost. What the lines are for: config/haproxy.cfg.
defaults
	timeout connect 5s
	timeout client 60s
	timeout server 60s
	timeout http-request 10s
	timeout client-fin 30s
	timeout tunnel 28h
	option clitcpka
	option srvtcpka
	# A broker that is away is passed over.
	retries 8
	option redispatch 1
	balance leastconn

# Who guesses passwords is known by his address here alone.
backend per_address
	stick-table type ipv6 size 100k expire 10m store conn_rate(10s)
"""

FRONT = """
frontend {name}
	mode {mode}
	bind {bind}:{port}
	tcp-request connection track-sc0 src table per_address
	tcp-request connection reject if {{ sc0_conn_rate gt 50 }}
{more}	default_backend {name}_brokers

backend {name}_brokers
	mode {mode}
"""

WEBSOCKET = """\
	http-request return status 404 unless { path /mqtt }
	http-request set-header X-Forwarded-For %[src]
"""


def find(named):
    """The program, or None: then there is no such address."""
    return shutil.which(named or "haproxy",
                        path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin")


def near(bind):
    """An address of this machine at which what is bound there is reached."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)


def source(bind):
    """haproxy's address at the brokers, other than that of imctl where there is a choice."""
    return near(bind) if ":" in bind else SOURCE


def _section(name, mode, bind, port, more, ports):
    def at(host):
        return f"[{host}]" if ":" in host else host
    lines = [f"\tserver broker{n} {at(near(bind))}:{p} source {source(bind)}\n"
             for n, p in enumerate(ports, 1)]
    return FRONT.format(name=name, mode=mode, bind=at(bind), port=port, more=more) + "".join(lines)


def configuration(bind, port, ports, ws_port, ws_ports):
    """The text of haproxy.cfg. port: the front's, ports: of the brokers; the same for WebSocket, or
    None."""
    text = TOP + _section("mqtt", "tcp", bind, port, "", ports)
    if ws_port:
        text += _section("ws", "http", bind, ws_port, WEBSOCKET, ws_ports)
    return text
