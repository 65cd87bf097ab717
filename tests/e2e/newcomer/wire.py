# SPDX-License-Identifier: BSD-3-Clause
"""The example client's connections: opened, subscribed, and after an end opened again or not, as
docs/PROTOCOL.md says under "How a connection ends"."""
import asyncio
import random
import socket
import sys
import urllib.parse

try:
    import paho.mqtt.client as mqtt
    from paho.mqtt.properties import PacketTypes, Properties
except ImportError:
    sys.exit("the example client needs paho for this Python: apt install python3-paho-mqtt")

# What CONNACK or DISCONNECT says: why, and whether to come back. 0 is this client's own DISCONNECT.
# (paho 1.6 reads no DISCONNECT of one byte, such as 0x8E: both selves come back until the node ends that.)
ENDS = {0: ("left", "no"), 0x87: ("refused", "token"), 0x85: ("client id", "no"),
        0x83: ("keepalive", "no"), 0x8E: ("taken", "no")}


def no_delay(_client, _userdata, sock):
    """Or an acknowledgement and the next request would wait 40 ms for one another."""
    sock = getattr(sock, "_socket", sock)   # under paho's WebSocket
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Wire:
    """One connection after another, each subscribed to the inbox, and when not to come back."""

    def __init__(self, say, user, password, device, host="127.0.0.1", port=1883, ws=False, keep=False):
        self.say = say      # say(event, **members): what the screen is told
        self.user, self.password, self.device, self.keep = user, password, device, keep
        self.host, self.port, self.transport = host, port, "websockets" if ws else "tcp"
        self.loop, self.tasks, self.mqtt = asyncio.get_running_loop(), set(), None
        self.ready = asyncio.Event()        # subscribed: what is answered from now on reaches us
        self.credential = asyncio.Event()   # the user has given a new one
        self.rooms = set()                  # those that somebody looks at
        self.inbox = f"im/inbox/{user}/"
        self.answers = self.inbox + "rpc/" + urllib.parse.quote(device, safe=":@").replace("~", "%7E")

    def task(self, coroutine):
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def run(self):
        """Until there is no coming back without the user's asking for it, who then runs it again."""
        delay = asked = 0
        while True:
            self.end, self.hello, self.closed = None, None, self.loop.create_future()
            self.dial()
            why, retry = ENDS.get(await self.closed, ("closed", "later"))
            self.ready.clear()
            await self.loop.run_in_executor(None, self.mqtt.loop_stop)
            if self.end:
                why, retry = self.end["reason"], self.end["retry"]
            if self.hello:
                delay = asked = 0
            if retry == "no" or retry == "token" and asked:     # a second refused one: do not guess on
                return self.say("stopped", why=why)
            if retry == "token":
                asked = 1
                self.credential.clear()
                self.say("credential", why=why)
                await self.credential.wait()
            else:
                delay = min(delay * 2 or 1, 60)
                self.say("offline", why=why)
                await asyncio.sleep(delay * random.uniform(0.7, 1.3))

    def dial(self):
        # A new one each time, which does not reconnect: paho would do it without asking why, and send
        # again what the outbox sends again. Its thread hands all over to this loop: nothing needs a lock.
        m = self.mqtt = mqtt.Client(self.device, protocol=mqtt.MQTTv5, transport=self.transport,
                                    reconnect_on_failure=False)
        m.username_pw_set(self.user, self.password)

        def here(callback):
            return lambda _m, _userdata, *what: self.loop.call_soon_threadsafe(callback, *what)
        m.on_connect, m.on_subscribe = here(self.connected), here(self.subscribed)
        m.on_message, m.on_disconnect = here(self.received), here(self.over)
        m.on_connect_fail = here(self.over)
        m.on_socket_open = no_delay
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 86400 if self.keep else 0
        m.connect_async(self.host, self.port, 60, clean_start=not self.keep, properties=session)
        m.loop_start()

    async def leave(self):
        self.mqtt.disconnect()
        await asyncio.wait([self.closed], timeout=1)

    def over(self, code=None, _properties=None):
        if not self.closed.done():
            self.closed.set_result(getattr(code, "value", code))

    def connected(self, flags, code, _properties):
        if code.value:
            self.over(code)
        elif flags["session present"]:
            self.subscribed(None, [code])
        else:
            self.subscribe()

    def subscribe(self):
        mine = [self.inbox + row for row in ("u/+", "g/+", "ack", "event", "signal/+")]
        rooms = ["im/room/" + gid for gid in self.rooms]
        self.mqtt.subscribe([(topic, 1) for topic in [*mine, self.answers, *rooms]])

    def subscribed(self, _mid, codes, _properties=None):
        if codes[0].value < 0x80 and not self.ready.is_set():
            self.ready.set()
            self.loop.call_later(10, self.ungreeted, self.mqtt)
            self.begin()

    def ungreeted(self, connection):
        if connection is self.mqtt and not self.hello:
            self.subscribe()
