# SPDX-License-Identifier: BSD-3-Clause
"""What is published of schema/wire (docs/METHODS.md, openrpc.json, asyncapi.json, the tables of
docs/PROTOCOL.md) is what the schemas say, and a schema that says too little is told so."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PUBLISH = ROOT / "schema" / "publish"
sys.path.insert(0, str(PUBLISH))
sys.dont_write_bytecode = True

import asyncapi  # noqa: E402
import openrpc  # noqa: E402
from page import Page  # noqa: E402
from wire import Fault, Wire  # noqa: E402

WIRE = Wire(ROOT)
DOCUMENTS = {name: json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))
             for name in ("openrpc.json", "asyncapi.json")}


def test_what_is_published_is_what_the_schemas_say():
    run = subprocess.run([sys.executable, "-B", str(PUBLISH), os.environ["IM_VERSION"], "--check"],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.fixture
def tree(tmp_path):
    """A copy to take something out of."""
    shutil.copytree(ROOT / "schema" / "wire", tmp_path / "schema" / "wire")
    shutil.copy(ROOT / "schema" / "errors.def", tmp_path / "schema")
    return tmp_path


def publish(tree):
    wire = Wire(tree)
    page = Page(wire)
    page.methods(), page.events(), page.system()
    openrpc.document(wire, "1"), asyncapi.document(wire, "1")


def change(tree, name, fn):
    path = tree / "schema" / "wire" / f"{name}.json"
    node = json.loads(path.read_text(encoding="utf-8"))
    fn(node)
    path.write_text(json.dumps(node), encoding="utf-8")


def without(*steps):
    def fn(node):
        for step in steps[:-1]:
            node = node[step]
        del node[steps[-1]]
    return fn


@pytest.mark.parametrize("name, fn, says", [
    ("rpc.sync.schema", without("x-who"), 'rpc.sync.schema.json: write "x-who": who may call it'),
    ("rpc.sync.schema", without("x-reads"), 'rpc.sync.schema.json: write "x-reads": true if'),
    ("rpc.sync.schema", without("x-errors"), 'rpc.sync.schema.json: write "x-errors": [names of'),
    ("rpc.sync.schema", lambda n: n["x-errors"].append("LOST"),
     '"x-errors" names LOST, which schema/errors.def does not have; it has PARSE'),
    ("rpc.sync.schema", without("properties", "params", "properties", "cursor", "description"),
     'rpc.sync.schema.json, params.cursor: write "description"'),
    ("common.schema", without("$defs", "uid", "description"), 'write "description": what it is'),
    ("vectors/methods", lambda n: n.update(cases=[c for c in n["cases"]
                                                  if c["method"] != "sync"]),
     'vectors/methods.json: write a case {"method": "sync"'),
    ("event.schema", without("oneOf", 1, "x-key"), 'event.schema.json, oneOf 1: write "x-key"'),
    ("event.schema", without("oneOf", 1, "description"), 'oneOf 1: write "description"'),
    ("event.schema", lambda n: n["oneOf"][1]["x-key"].append("note"), '"x-key" names note'),
    ("quote.schema", without("oneOf", 1, "description"),
     'quote.schema.json, alternative 0: write "description": what it is'),
    ("rpc.user.get.schema", without("properties", "result", "oneOf", 1, "description"),
     'rpc.user.get.schema.json, alternative 1: write "description": what it is'),
    ("system.schema", without("oneOf", 0, "description"), 'system.schema.json, oneOf 0: write'),
    ("acks.schema", without("x-topics"), 'acks.schema.json: write "x-topics": [{"topic"'),
    ("presence.schema", without("x-topics", 0, "parameters"), 'im/presence/{uid}: write "uid"'),
    ("request.schema", without("x-errors"), 'request.schema.json: write "x-errors"'),
], ids=lambda v: v if isinstance(v, str) and v.endswith("schema") else "")
def test_what_a_schema_lacks_is_told_with_what_to_write(tree, name, fn, says):
    publish(tree)
    change(tree, name, fn)
    with pytest.raises(Fault, match=re.escape(says)):
        publish(tree)


# -- the documents by themselves --

def nodes(node):
    yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, (dict, list)):
            yield from nodes(child)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_leads_somewhere_in_the_document(name):
    count = 0
    for node in nodes(DOCUMENTS[name]):
        ref = node.get("$ref") if isinstance(node, dict) else None
        if not isinstance(ref, str):
            continue
        target = DOCUMENTS[name]
        assert ref.startswith("#/"), ref
        for step in ref[2:].split("/"):
            target = target[int(step) if isinstance(target, list) else step]
        count += 1
    assert count > 100


def validator(name, schema):
    return jsonschema.Draft7Validator(
        schema, resolver=jsonschema.RefResolver("", DOCUMENTS[name]))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_its_schemas_are_of_draft_7(name):
    for schema in DOCUMENTS[name]["components"]["schemas"].values():
        jsonschema.Draft7Validator.check_schema(schema)
        for node in nodes(schema):
            assert not isinstance(node, dict) or not {"prefixItems", "$defs"} & set(node), node


def test_examples_of_methods_fit_their_document():
    doc = DOCUMENTS["openrpc.json"]
    assert [m["name"] for m in doc["methods"]] == WIRE.methods
    for method in doc["methods"]:
        shapes = {p["name"]: p for p in method["params"]}
        assert method["examples"], method["name"]
        for example in method["examples"]:
            given = {p["name"]: p["value"] for p in example["params"]}
            assert {n for n, p in shapes.items() if p["required"]} <= set(given)
            for n, value in given.items():
                validator("openrpc.json", shapes[n]["schema"]).validate(value)
            validator("openrpc.json", method["result"]["schema"]).validate(
                example["result"]["value"])


def test_examples_of_messages_fit_their_document():
    messages = DOCUMENTS["asyncapi.json"]["components"]["messages"]
    assert {"hello", "read", "message", "acks", "signal", "presence"} <= set(messages)
    for name, message in messages.items():
        assert message["examples"], f"vectors/payloads.json has no {name}"
        for example in message["examples"]:
            validator("asyncapi.json", message["payload"]).validate(example["payload"])


def test_every_kind_of_topic_is_a_channel():
    """Those of the golden vectors that are a client's; an inbox's levels stand in the page."""
    channels = [re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(c["address"])) + "$")
                for c in DOCUMENTS["asyncapi.json"]["channels"].values()]
    cases = json.loads((ROOT / "schema/wire/vectors/topics.json").read_text("utf-8"))["cases"]
    kinds = {}
    for case in cases:
        if case["kind"] not in ("bad", "other", "link") and case.get("prefix", "im") == "im":
            kinds.setdefault(case["kind"], []).append(case["topic"])
    assert len(kinds) > 7
    for kind, topics in kinds.items():
        assert any(c.match(t) for c in channels for t in topics), f"no channel for {kind}: {topics}"
    page = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| ((?:`im/[^`]*`(?:, )?)+) \|", page, re.M):
        for topic in re.findall(r"`(im/[^`#]*)`", row):
            assert any(c.match(topic) for c in channels), f"no schema's x-topics has {topic}"


def test_the_page_of_methods_names_the_members_of_every_object():
    """Those of alternatives, and of alternatives among these, too."""
    page = (ROOT / "docs" / "METHODS.md").read_text(encoding="utf-8")
    lists = re.findall(r"^\| `(\w+)(?: \?)?` \| array of object \|[^\n]*\n\| `(\S+)", page, re.M)
    assert len(lists) > 10
    assert [(name, after) for name, after in lists if not after.startswith(f"{name}[].")] == []
    for name, schema in WIRE.schemas.items():
        said = ["description" in kind for kind in schema.get("oneOf", ())
                if kind.get("type") == "object"]
        assert all(said) or not any(said), f"{name}: describe every alternative, or none"


def anchor(heading):
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_every_link_between_the_pages_leads_to_a_heading():
    pages = {name: (ROOT / "docs" / name).read_text(encoding="utf-8")
             for name in ("PROTOCOL.md", "METHODS.md")}
    anchors = {name: {anchor(h) for h in re.findall(r"^#+ (.*)$", text, re.M)}
               for name, text in pages.items()}
    for name, text in pages.items():
        for page, target in re.findall(r"\]\((PROTOCOL\.md|METHODS\.md)?#([^)]+)\)", text):
            assert target in anchors[page or name], f"{name} links to {page or name}#{target}"
