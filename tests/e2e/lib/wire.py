# SPDX-License-Identifier: BSD-3-Clause
"""Holds everything that clients received against the schemas of the wire format. Called when a
test's clients are closed: traffic that no test looks at is checked as well."""
import functools
import json

import jsonschema

from . import build

FOLDER = build.ROOT / "schema" / "wire"


@functools.lru_cache(maxsize=None)
def store():
    """Every schema by its address."""
    return {path.as_uri(): json.loads(path.read_text(encoding="utf-8"))
            for path in FOLDER.glob("*.schema.json")}


@functools.lru_cache(maxsize=None)
def validator(name, part=None):
    """For {name}.schema.json, or for one of its properties."""
    address = (FOLDER / f"{name}.schema.json").as_uri()
    schema = store()[address]
    resolver = jsonschema.RefResolver(address, schema, store=store())
    if part:
        schema = schema["properties"][part]
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def hold(name, value, part=None, where=""):
    """Raises AssertionError if the value does not fit."""
    error = jsonschema.exceptions.best_match(validator(name, part).iter_errors(value))
    assert error is None, (f"{where}{json.dumps(value)[:400]} is no {name}"
                           f"{'.' + part if part else ''}: {error.message[:300]}")


def check_rpc(method, params, result):
    """Both sides of a request that succeeded."""
    hold(f"rpc.{method}", params, "params")
    hold(f"rpc.{method}", result, "result")


def kind(topic, prefix="im"):
    """The schema for a topic, or None for ordinary traffic."""
    if topic == "$CONTROL/im/v1/response":
        return "control_response"
    levels = topic[len(prefix) + 1:].split("/") if topic.startswith(prefix + "/") else []
    if not levels:
        return None
    if levels[0] == "room":
        return "message"
    if levels[0] == "presence":
        return "presence"
    if levels[0] == "inbox" and len(levels) > 2:
        return {"u": "message", "g": "message", "ack": "acks", "event": "event",
                "signal": "signal", "rpc": "reply"}.get(levels[2])
    return None


def check(messages, prefix="im"):
    for m in messages:
        name = kind(m.topic, prefix)
        if name and m.payload:
            hold(name, m.json, where=f"{m.topic}: ")
