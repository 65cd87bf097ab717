# SPDX-License-Identifier: BSD-3-Clause
"""Publishes schema/wire: docs/METHODS.md, docs/openrpc.json, docs/asyncapi.json, and the tables of
docs/PROTOCOL.md.

    python3 schema/publish VERSION          writes those that differ
    python3 schema/publish VERSION --check  names those that differ, and fails
"""
import json
import pathlib
import sys

import asyncapi
import openrpc
from page import Page
from wire import Fault, Wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def as_json(document):
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def documents(version):
    """{path: text}"""
    wire = Wire(ROOT)
    page = Page(wire)
    protocol = DOCS / "PROTOCOL.md"
    return {
        DOCS / "METHODS.md": page.methods(),
        protocol: page.protocol(protocol.read_text(encoding="utf-8")),
        DOCS / "openrpc.json": as_json(openrpc.document(wire, version)),
        DOCS / "asyncapi.json": as_json(asyncapi.document(wire, version)),
    }


def main(version, *options):
    try:
        made = documents(version)
    except Fault as fault:
        return str(fault)
    stale = [p for p, text in made.items()
             if not p.exists() or p.read_text(encoding="utf-8") != text]
    if options == ("--check",):
        return f"stale: {', '.join(p.name for p in stale)}; run make wire-docs" if stale else 0
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
