# SPDX-License-Identifier: BSD-3-Clause
"""docs/openrpc.json: the methods in the form of the OpenRPC specification, 1.3."""

ABOUT = ("Requests of MQTT clients to a mosquitto-im node: published to im/rpc (JSON-RPC 2.0) or "
         "im/rpc/{method} (the parameters alone), where im is the operator's topic_prefix; "
         "answered on the MQTT 5 response topic or im/inbox/{me}/rpc/{device}. Lengths of texts "
         "are in bytes of UTF-8. The schemas are of JSON Schema draft 7. See PROTOCOL.md.")


def error(wire, name):
    code, text = wire.errors[name]
    return {"code": code, "message": text}


def parameter(wire, name, node, full, must):
    return {"name": name, "description": full["description"], "required": must,
            "schema": wire.draft7(node)}


def method(wire, name):
    said = wire.said(name)
    result = f"{name}.result"
    made = {
        "name": name,
        "summary": said["title"],
        "tags": [{"name": name.partition(".")[0]},
                 {"name": "reads" if said["reads"] else "writes"}],
        "paramStructure": "by-name",
        "params": [parameter(wire, *p) for p in wire.parameters(name)],
        "result": {"name": result, "schema": {"$ref": f"#/components/schemas/{result}"}},
        "errors": [{"$ref": f"#/components/errors/{e}"}
                   for e in [*wire.errors_of_all, *said["errors"]]],
        "examples": [{
            "name": f"{name}.{i}" if i > 1 else name,
            "params": [{"name": n, "value": v} for n, v in case["params"].items()],
            "result": {"name": result, "value": case["result"]},
        } for i, case in enumerate(wire.examples(name), 1)],
        "x-who": said["who"],
    }
    if said["description"]:
        made["description"] = said["description"]
    return made


def document(wire, version):
    methods = [method(wire, m) for m in wire.methods]
    return {
        "openrpc": "1.3.2",
        "info": {"title": "mosquitto-im", "version": version, "description": ABOUT},
        "methods": methods,
        "components": {
            "schemas": wire.components(methods),
            "errors": {name: error(wire, name) for name in wire.errors},
        },
    }
