# SPDX-License-Identifier: BSD-3-Clause
"""Holds everything that clients received against the schemas of the wire format. Called when a
test's clients are closed: traffic that no test looks at is checked as well."""
import functools
import json

import jsonschema

from . import build

FOLDER = build.ROOT / "schema" / "wire"


@functools.lru_cache(maxsize=None)
def validator(name):
    """None if there is no such schema."""
    path = FOLDER / f"{name}.schema.json"
    if not path.exists():
        return None
    schemas = {p.name: json.loads(p.read_text(encoding="utf-8"))
               for p in FOLDER.glob("*.schema.json")}
    schema = schemas[path.name]
    store = {s.get("$id", n): s for n, s in schemas.items()} | schemas
    cls = jsonschema.validators.validator_for(schema)
    resolver = jsonschema.RefResolver(FOLDER.as_uri() + "/", schema, store=store)
    return cls(schema, resolver=resolver)


def kind(topic, prefix="im"):
    """The schema for a topic, or None for ordinary traffic."""
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
    """Raises AssertionError for the first message that does not fit."""
    for m in messages:
        name = kind(m.topic, prefix)
        v = validator(name) if name else None
        if v is None or not m.payload:
            continue
        error = jsonschema.exceptions.best_match(v.iter_errors(m.json))
        assert error is None, f"{m.topic}: {m.payload[:300]!r} is no {name}: {error.message}"
