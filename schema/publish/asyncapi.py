# SPDX-License-Identifier: BSD-3-Clause
"""docs/asyncapi.json: topics and what is said on them, in the form of AsyncAPI 3. A schema says in
`x-topics` where its payloads go."""
import re

ABOUT = ("A client of a mosquitto-im node: what it sends and receives by MQTT. im is the "
         "operator's topic_prefix; {me} is the client's own user id. The schemas are of JSON Schema "
         "draft 7. See PROTOCOL.md.")
SAY = ('[{"topic": "im/…/{name}", "action": "send" or "receive", "description": "what it is", '
       '"parameters": {"name": "what it is"}}], with "payload" if that is not this schema; '
       "[] if it is on no topic of its own")


def key(address):
    """A name for a channel: those of its levels."""
    return re.sub(r"\W+", ".", address.removeprefix("im/")).strip(".")


def topics(wire):
    """[(schema, topic)]; what a schema of a payload does not say is a fault."""
    found = []
    for name, node in wire.schemas.items():
        if name == "common" or name.startswith("rpc."):
            continue
        where = wire.file_of(name)
        if not isinstance(node.get("x-topics"), list):
            wire.need(where, node, "x-topics", list, SAY)
        for topic in node["x-topics"]:
            for member in ("topic", "action", "description"):
                wire.need(f"{where}, x-topics", topic, member, str, SAY)
            for level in re.findall(r"\{(\w+)\}", topic["topic"]):
                wire.need(f"{where}, x-topics, {topic['topic']}", topic.get("parameters", {}),
                          level, str, "in its parameters: what this level is")
            found.append((name, topic))
    return found


def messages(wire):
    """{schema: {message's name: message}}: one for each event, for all else one for each schema."""
    made = {}
    for name in dict.fromkeys(n for n, t in topics(wire) if "payload" not in t):
        whole = {name: (wire.schemas[name]["title"], f"#/components/schemas/{name}", [])}
        if name == "event":
            whole = {}
            for i, (names, branch) in enumerate(wire.alternatives("event")):
                called = ".".join([names["event"][0], *names.get("action", [])])
                whole[called] = (branch["description"], f"#/components/schemas/event/oneOf/{i}",
                                 [branch])
        made[name] = {n: message(wire, name, n, *parts) for n, parts in whole.items()}
    return made


def message(wire, schema, name, title, ref, branch):
    fits = [c["payload"] for c in wire.payloads if c["schema"] == schema
            and (not branch or is_of(c["payload"], branch[0], wire))]
    return {"name": name, "title": title, "contentType": "application/json",
            "payload": {"$ref": ref},
            "examples": [{"name": name, "payload": p} for p in fits[:1]]}


def bare(topic):
    """The message of a topic that takes something else than its schema's payloads."""
    node = {k: v for k, v in topic["payload"].items() if k != "examples"}
    called = key(topic["topic"])
    return {called: {"name": called, "title": topic["description"], "payload": node,
                     "contentType": node.get("contentMediaType", "application/json"),
                     "examples": [{"name": called, "payload": p}
                                  for p in topic["payload"].get("examples", [])]}}


def is_of(payload, branch, wire):
    return all(payload.get(k) in wire.values(branch["properties"][k])
               for k in ("event", "action") if k in branch["properties"])


def document(wire, version):
    said, channels, operations, every = messages(wire), {}, {}, {}
    for name, topic in topics(wire):
        called, those = key(topic["topic"]), bare(topic) if "payload" in topic else said[name]
        every |= those
        channel = channels.setdefault(called, {"address": topic["topic"], "messages": {}})
        channel["messages"] |= {n: {"$ref": f"#/components/messages/{n}"} for n in those}
        if topic.get("parameters"):
            channel.setdefault("parameters", {}).update(
                {n: {"description": d} for n, d in topic["parameters"].items()})
        operation = operations.setdefault(f"{topic['action']}.{called}", {
            "action": topic["action"],
            "channel": {"$ref": f"#/channels/{called}"},
            "summary": topic["description"],
            "messages": [],
        })
        operation["messages"] += [{"$ref": f"#/channels/{called}/messages/{n}"} for n in those]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "mosquitto-im", "version": version, "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": every,
            "schemas": wire.components(every),
        },
    }
