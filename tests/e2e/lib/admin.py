# SPDX-License-Identifier: BSD-3-Clause
"""An administrator's connection: commands over $CONTROL/im/v1."""
import itertools
import json

from . import phc
from .client import Client

COMMAND, RESPONSE = "$CONTROL/im/v1", "$CONTROL/im/v1/response"


class Refusal(Exception):
    """The response's `error`."""


class Admin(Client):
    def __init__(self, *args, **kw):
        super().__init__(*args, v5=True, **kw)
        self._commands = itertools.count(1)

    def connect(self):
        super().connect()
        assert self.subscribe(RESPONSE) < 0x80
        return self

    def send_commands(self, payload):
        """Publishes raw text or an object; returns the next response payload as an object."""
        have = len(self.responses())
        assert self.publish(COMMAND, payload) == 0
        return self.wait_for(lambda: self.responses()[have:], what="control response")[0]

    def responses(self):
        return [m.json for m in list(self.messages) if m.topic == RESPONSE]

    def command(self, name, **params):
        """One command; returns its data."""
        number = str(next(self._commands))
        assert self.publish(COMMAND, json.dumps(
            {"commands": [{"command": name, "correlationData": number, **params}]})) == 0
        answer = self.wait_for(lambda: next(
            (r for responses in self.responses() for r in responses["responses"]
             if r.get("correlationData") == number), None), what=f"response to {name}")
        assert answer["command"] == name
        if "error" in answer:
            raise Refusal(answer["error"])
        return answer.get("data", {})

    def create_user(self, uid, password="pw", **more):
        self.command("createUser", username=uid, password=phc.hash_password(password), **more)
        return uid

    def set_password(self, uid, password):
        self.command("setUserPassword", username=uid, password=phc.hash_password(password))
