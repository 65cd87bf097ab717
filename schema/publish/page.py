# SPDX-License-Identifier: BSD-3-Clause
"""docs/METHODS.md, and the tables of docs/PROTOCOL.md that stand between two marks."""
import json
import re

from wire import COMMON, Fault
from words import Words, code

PROTOCOL = "PROTOCOL.md"

INTRO = f"""# Methods

Each request that a client may send, as the schemas of [schema/wire](../schema/wire) have it; this
page is made of them by `make wire-docs`, and so is [openrpc.json](openrpc.json), the same for
programs. How a request is sent and answered, and how pages go on, stands in
[{PROTOCOL}]({PROTOCOL}#requests).

What only reads may stand in a [batch]({PROTOCOL}#batches), what writes may not. In openrpc.json the
schemas are of JSON Schema draft 7, as OpenRPC has them; in schema/wire they are of 2020-12.

Parameters in **bold** must be given. A member of a result with a `?` may be left out. Texts are
counted in bytes of UTF-8; names in the column of types lead to [Types](#types) and
[Objects](#objects).
"""


def compact(v):
    return json.dumps(v, ensure_ascii=False, separators=(",", ":"))


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def anchor(heading):
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


class Page:
    def __init__(self, wire):
        self.wire = wire
        self.used = []  # objects that results lead to, in the order in which they are met
        self.words = Words(wire, self.link_object, "[{0}](#types)".format)

    def link_object(self, name):
        if name == "event":
            return f"[event]({PROTOCOL}#events)"
        if name == "system":
            return f"[system]({PROTOCOL}#system-messages)"
        if name not in self.used:
            self.used.append(name)
        return f"[{name}](#{name})"

    def error(self, name):
        number, text = self.wire.errors[name]
        return f"{number} {text}"

    # -- docs/METHODS.md --

    def methods(self):
        names = self.wire.methods
        said = {m: self.wire.said(m) for m in names}
        every = ", ".join(self.error(e) for e in self.wire.errors_of_all)
        parts = [INTRO, f"Any request may be answered with {every}; "
                        f"what they mean stands under [Errors]({PROTOCOL}#errors).\n",
                 table(("method", "what it does", "who may"),
                       [(f"[{m}](#{anchor(m)})", said[m]["title"], said[m]["who"])
                        for m in names])]
        for area in dict.fromkeys(m.partition(".")[0] for m in names):
            parts += [f"## {area}\n"] if area not in names else []
            parts += [self.method(m, said[m]) for m in names if m.partition(".")[0] == area]
        parts += ["## Objects\n", *self.objects(), "## Types\n", self.types()]
        return "\n".join(parts)

    def method(self, name, said):
        title = said["title"]
        parts = [f"##{'#' if '.' in name else ''} {name}\n",
                 f"{title[0].upper()}{title[1:]}. {'Reads only' if said['reads'] else 'Writes'}; "
                 f"who may: {said['who']}.\n"]
        if said["description"]:
            parts.append(said["description"] + "\n")
        rows = [(f"**{code(n)}**" if must else code(n), self.words.type_of(node),
                 full["description"] + (f"; {compact(full['default'])} if left out"
                                        if "default" in full else ""))
                for n, node, full, must in self.wire.parameters(name)]
        parts.append(table(("parameter", "type", "meaning"), rows) if rows
                     else "No parameters.\n")
        owner = f"rpc.{name}"
        parts += self.kinds(self.wire.method(name)["properties"]["result"], owner, "result")
        if said["errors"]:
            parts.append("Errors of its own: "
                         + ", ".join(self.error(e) for e in said["errors"]) + ".\n")
        parts += [f"```json\n{compact(case['params'])}\n{compact(case['result'])}\n```\n"
                  for case in self.wire.examples(name)]
        return "\n".join(parts)

    def kinds(self, node, owner, head):
        """What an object has; each of its alternatives by itself where they are told apart."""
        parts = []
        for kind in self.wire.described(self.wire.file_of(owner), node) or [node]:
            there = self.words.type_of(kind, owner) if "$ref" in kind else ""
            if kind is not node and there.startswith("["):
                parts.append(f"*{kind['description']}*: {there}\n")
                continue
            if kind is not node:
                parts.append(f"*{kind['description']}*:\n")
            parts.append(table((head, "type", "meaning"),
                               [(code(n), t, d) for n, t, d in self.words.rows(kind, owner)]))
        return parts

    def objects(self):
        """What results lead to, and what that leads to."""
        parts = []
        for name in self.used:  # grows meanwhile
            node = self.wire.schemas[name]
            parts += [f"### {name}\n", node["title"] + ".\n", *self.kinds(node, name, "member")]
        return parts

    def types(self):
        rows = []
        for name, node in self.wire.schemas[COMMON]["$defs"].items():
            if node.get("type") == "object":
                continue
            where = f"{self.wire.file_of(COMMON)}, $defs.{name}"
            about = self.wire.need(where, node, "description", str, "what it is, half a sentence")
            form = self.words.type_of(node)
            for inner, _ in self.words.inside(node):
                form += ": " + self.shape(inner, COMMON, ())
            if "pattern" in node:
                form += f"; {code(node['pattern'])}"
            rows.append((code(name), form, about))
        return table(("type", "form", "meaning"), rows)

    # -- tables of docs/PROTOCOL.md --

    def shape(self, branch, owner, without):
        """The members of one alternative in a row: those that may be left out in brackets."""
        there = []
        for name, (nodes, always) in self.words.members(branch, owner).items():
            if name in without:
                continue
            kind = re.sub(r"\[(\w+)\]\([^)]*\)", r"\1", self.words.type_of(nodes[0], owner))
            inner = [n for node in nodes for n, _ in self.words.inside(node)]
            if inner:
                kind = "objects of " + self.shape(inner[0], owner, ())
            text = code(name) + (f" ({kind})" if kind not in (name, "any JSON") else "")
            there.append(text if always else f"[{text}]")
        return ", ".join(there)

    def events(self):
        rows = []
        for names, branch in self.wire.alternatives("event"):
            key = branch.get("x-key")
            live = "cursor" not in branch["properties"] or names["event"] == ["hello"]
            rows.append((", ".join(map(code, names["event"])),
                         ", ".join(map(code, names.get("action", []))),
                         branch["description"].removesuffix("; live only"),
                         self.shape(branch, "event", ("event", "action")),
                         "live only" if live else ", ".join(map(code, ["event", *key]))))
        return table(("`event`", "`action`", "what it says", "other members", "key"), rows)

    def system(self):
        return table(("`action`", "what it says", "other members"),
                     [(", ".join(map(code, names["action"])), branch["description"],
                       self.shape(branch, "system", ("action", "by")))
                      for names, branch in self.wire.alternatives("system")])

    def protocol(self, text):
        """The page with its tables made anew."""
        for name, made in (("events", self.events()), ("system", self.system())):
            mark = rf"(<!-- {name}: made by `make wire-docs` -->\n).*?(<!-- /{name} -->\n)"
            text, n = re.subn(mark, lambda m, made=made: f"{m[1]}\n{made}\n{m[2]}", text,
                              flags=re.S)
            if n != 1:
                raise Fault(f"docs/{PROTOCOL}: write the lines <!-- {name}: made by `make "
                            f"wire-docs` --> and <!-- /{name} --> where the table belongs")
        return text
