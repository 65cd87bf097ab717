# SPDX-License-Identifier: BSD-3-Clause
"""The JSON schemas of the wire format: each is sound and strict, each method has one that agrees
with the server's own table of parameters, and all traffic of the methods' unit tests fits."""
import collections
import functools
import json
import os
import pathlib
import re

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "schema" / "wire"
NAMES = sorted(p.name[:-len(".schema.json")] for p in FOLDER.glob("*.schema.json"))
METHODS = [n[4:] for n in NAMES if n.startswith("rpc.")]


@functools.lru_cache(maxsize=None)
def load(name):
    return json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=None)
def validator(name):
    store = {f"{FOLDER.as_uri()}/{n}.schema.json": load(n) for n in NAMES}
    resolver = jsonschema.RefResolver(f"{FOLDER.as_uri()}/{name}.schema.json", load(name), store)
    return jsonschema.Draft202012Validator(load(name), resolver=resolver)


def assert_fits(name, value):
    error = jsonschema.exceptions.best_match(validator(name).iter_errors(value))
    assert error is None, f"{json.dumps(value)[:400]} is no {name}: {error.message}"


def fits(name, value):
    return validator(name).is_valid(value)


@functools.lru_cache(maxsize=None)
def traffic():
    with open(os.environ["IM_RPC_TRAFFIC"], encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


# -- the schemas themselves --

@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_sound(name):
    jsonschema.Draft202012Validator.check_schema(load(name))
    assert load(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert load(name)["title"]


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_leads_somewhere(name):
    for ref in references(load(name)):
        file, _, path = ref.partition("#/")
        target = load(file[:-len(".schema.json")])
        for step in path.split("/") if path else []:
            assert step in target, ref
            target = target[step]


def objects(node):
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            yield node
        for child in node.values():
            yield from objects(child)
    elif isinstance(node, list):
        for child in node:
            yield from objects(child)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "control_request"])
def test_a_schema_knows_every_member(name):
    for node in objects(load(name)):
        if set(node) & {"required"} == {"required"} and set(node["properties"]) == set():
            continue
        assert node.get("additionalProperties") is False, node


# -- against the server's table --

@functools.lru_cache(maxsize=None)
def server_methods():
    """{method: {"reads", "params": {parameter: {"type", "required", "min", "max"}}}}, from the
    program itself."""
    with open(os.environ["IM_METHODS"], encoding="utf-8") as table:
        return {m["method"]: m for m in json.load(table)} | plugin_methods()


def plugin_methods():
    """The one that the plugin answers itself: it has no table, and is no reading one."""
    text = (ROOT / "plugin" / "renewal.c").read_text(encoding="utf-8")
    name = re.search(r'#define METHOD "([a-z.]+)"', text)[1]
    longest = int(re.search(r"#define JWT_TOKEN_MAX (\d+)",
                            (ROOT / "plugin" / "jwt.h").read_text(encoding="utf-8"))[1])
    required = set(re.findall(r'"params\.(\w+) is missing', text))
    token = {"type": "text", "required": True, "min": 1, "max": longest}
    return {name: {"reads": False, "params": {parameter: token for parameter in required}}}


def test_every_method_has_a_schema():
    assert sorted(server_methods()) == METHODS


TYPES = {"text": "string", "texts": "array", "integer": "integer", "integers": "array",
         "boolean": "boolean", "object": "object", "any": None}
LARGEST = 2**53 - 1


def whole(schema):
    """With what it refers to."""
    while "$ref" in schema:
        there = load("common")["$defs"][schema["$ref"].rpartition("/")[2]]
        schema = {**there, **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def type_of(schema):
    return "string" if "enum" in schema else schema.get("type")


def limits_of(schema, kind):
    if kind.startswith("text") and kind != "texts":
        if "enum" in schema:
            return min(map(len, schema["enum"])), max(map(len, schema["enum"]))
        return schema.get("minLength", 0), schema.get("maxLength")
    if kind == "integer":
        return schema.get("minimum"), schema.get("maximum")
    if kind in ("texts", "integers"):
        return schema.get("minItems", 0), schema.get("maxItems")
    return None


def assert_limits(where, schema, server):
    """Those of the server. What a pattern or a list of values says is narrower than its bytes."""
    low, high = limits_of(schema, server["type"])
    want_low, want_high = server["min"], server["max"]
    if "enum" in schema:
        assert want_low <= low and high <= want_high, f"{where}: no value of enum is {high} bytes"
        return
    narrow = "pattern" in schema
    assert low == want_low or narrow and low > want_low, (
        f"{where} begins at {low}; the server's least is {want_low}")
    if want_high < LARGEST:
        assert high == want_high, f"{where} ends at {high}; the server's most is {want_high}"


@pytest.mark.parametrize("method", METHODS)
def test_a_methods_parameters_are_the_servers(method):
    params = load(f"rpc.{method}")["properties"]["params"]
    table = server_methods()[method]["params"]
    assert sorted(params["properties"]) == sorted(table)
    assert sorted(params.get("required", [])) == sorted(n for n, p in table.items()
                                                        if p["required"])
    for name, server in table.items():
        schema, where = whole(params["properties"][name]), f"rpc.{method}, params.{name}"
        assert type_of(schema) == TYPES[server["type"]], where
        if limits_of(schema, server["type"]):
            assert_limits(where, schema, server)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_whether_it_reads(method):
    assert load(f"rpc.{method}")["x-reads"] == server_methods()[method]["reads"]


# -- against what is said --

def test_replies_and_their_results_fit():
    for t in traffic():
        if "method" not in t or t["method"] == "$CONTROL":
            continue
        assert_fits("reply", t["reply"])
        if "result" in t["reply"]:
            assert_fits(f"rpc.{t['method']}",
                        {"params": t["params"], "result": t["reply"]["result"]})


@functools.lru_cache(maxsize=None)
def refusals():
    """{method: names of the errors with which it was refused}"""
    table = (ROOT / "schema" / "errors.def").read_text(encoding="utf-8")
    names = {c: n for n, c in re.findall(r"^X\((\w+), (-\d+)", table, re.M)}
    refused = collections.defaultdict(set)
    for t in traffic():
        if "error" in t.get("reply", {}) and t["method"] in METHODS:
            refused[t["method"]].add(names[str(t["reply"]["error"]["code"])])
    return refused


@pytest.mark.parametrize("method", METHODS)
def test_a_refusal_is_one_that_the_schemas_name(method):
    named = {*load("request")["x-errors"], *load(f"rpc.{method}")["x-errors"]}
    missing = refusals()[method] - named
    assert not missing, f"rpc.{method}.schema.json: add {missing} to x-errors"


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(plugin_methods())))
def test_a_refusal_that_a_schema_names_happens(method):
    never = set(load(f"rpc.{method}")["x-errors"]) - refusals()[method]
    assert not never, (f"no test of the methods brings about {never} of {method}: add one, or take "
                       f"them out of rpc.{method}.schema.json, x-errors")


def test_every_method_was_answered():
    answered = {t["method"] for t in traffic() if "result" in t.get("reply", {})}
    assert answered >= set(METHODS) - {"search"} - set(plugin_methods())  # they have their own


def test_what_is_delivered_fits():
    kinds = collections.Counter()
    for t in traffic():
        if "topic" in t:
            name = "event" if t["topic"] == "event" else "message"
            assert_fits(name, t["payload"])
            kinds[t["payload"].get("event") or t["payload"]["type"]] += 1
    assert set(kinds) >= {"read", "conv", "group", "contact", "block", "user", "device", "system",
                          "recall", "edit", "react", "text"}


def test_administration_fits():
    commands = 0
    for t in traffic():
        if t.get("method") == "$CONTROL":
            assert_fits("control_response", t["reply"])
            commands += 1
    assert commands > 20


def vectors(name):
    return json.loads((FOLDER / "vectors" / f"{name}.json").read_text("utf-8"))["cases"]


def test_the_golden_vectors_fit():
    """Those of the codec that a server could have sent: a seq from 1, a system body of ours."""
    for case in vectors("ack"):
        if "seq" not in case or case["seq"] > 0 and case["id"]:
            assert_fits("acks", [json.loads(case["text"])])
    count = 0
    for case in vectors("receive"):
        if case["seq"] > 0 and case["ts"] >= 0 and case.get("type") != "system":
            assert_fits("message", json.loads(case["payload"]))
            count += 1
    assert count > 5


# -- all three, for every method and every payload --

PAGE = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("method", sorted(server_methods()))
def test_a_method_has_a_schema_a_vector_and_an_example(method):
    assert method in METHODS, "no schema"
    assert any("result" in c for c in vectors("methods") if c["method"] == method), "no vector"
    assert re.search(rf"^\w+> im/rpc/{re.escape(method)} \{{|^\w+> im/rpc \{{.*"
                     rf"\"method\":\"{re.escape(method)}\"", PAGE, re.M), "no example"


@pytest.mark.parametrize("case", vectors("methods"), ids=lambda c: c["method"])
def test_a_vector_of_a_method_fits(case):
    if "result" in case:
        assert_fits(f"rpc.{case['method']}", {"params": case["params"], "result": case["result"]})
    elif case["method"] in METHODS:
        assert not fits(f"rpc.{case['method']}", {"params": case["params"]})


@pytest.mark.parametrize("case", vectors("payloads"), ids=lambda c: c["schema"])
def test_a_vector_of_a_payload_fits(case):
    assert_fits(case["schema"], case["payload"])


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("rpc.") and n != "common"])
def test_every_kind_of_payload_has_a_vector(name):
    """Where a schema has alternatives, each of them."""
    cases = [c["payload"] for c in vectors("payloads") if c["schema"] == name]
    assert cases
    resolver = validator(name).resolver
    for branch in load(name).get("oneOf", []):
        one = jsonschema.Draft202012Validator(branch, resolver=resolver)
        assert any(one.is_valid(c) for c in cases), branch.get("description") or branch


MESSAGE = {"conv": "u/bob", "seq": 1, "from": "bob", "ts": 1, "type": "text", "cursor": "1",
           "body": "hi"}


@pytest.mark.parametrize("change", [
    {"seq": 0}, {"seq": "1"}, {"from": ""}, {"from": "a b"}, {"conv": "bob"}, {"cursor": 1},
    {"extra": 1}, {"type": "Text"}, {"enc": "hex"}, {"mentions": ["a", 1]}, {"reactions": {}},
    {"type": "recalled"}, {"type": "system"}, {"type": "edit"},
    {"type": "system", "body": {"action": "join", "by": "a", "members": []}},
    {"content_type": ""}, {"format": 2}, {"props": []}, {"props": [["a"]]}, {"props": {"a": "b"}},
    {"props": [["a", "b", "c"]]}, {"props": [["a", "b"]] * 17}, {"correlation": ""},
    {"response_topic": ""},
], ids=str)
def test_what_is_no_message_does_not_pass(change):
    assert fits("message", MESSAGE)
    assert not fits("message", {**MESSAGE, **change})


@pytest.mark.parametrize("name, value", [
    ("event", {"event": "read", "conv": "u/bob", "seq": 1, "by": "bob"}),
    ("event", {"event": "unknown", "cursor": "1"}),
    ("acks", []), ("acks", [{"id": None, "conv": "u/bob", "seq": 1, "ts": 1}]),
    ("reply", {"jsonrpc": "2.0", "id": 1}),
    ("reply", {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": -32600, "message": "x"}}),
    ("reply", {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "x"}}),
    ("reply", []), ("reply", [{"jsonrpc": "2.0", "id": 1}]),
    ("reply", [{"jsonrpc": "2.0", "id": 1, "result": {}}] * 51),
    ("request", []), ("request", [{"jsonrpc": "2.0", "id": 1}]), ("request", [[]]),
    ("request", [{"jsonrpc": "2.0", "id": 1, "method": "sync"}] * 51),
    ("envelope", {"id": "1"}), ("envelope", {"body": 1, "to": "bob"}),
    ("rpc.sync", {"params": {"limit": 0}}), ("rpc.sync", {"params": {"from": 1}}),
    ("rpc.conv.history", {"params": {"conv": "u/b", "before": 1, "after": 1, "limit": 1}}),
    ("rpc.block.list", {"result": {"blocks": [], "more": True}}),
    ("rpc.block.list", {"result": {"blocks": [], "more": False, "next": "a"}}),
], ids=str)
def test_what_is_wrong_does_not_pass(name, value):
    assert not fits(name, value)
