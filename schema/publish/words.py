# SPDX-License-Identifier: BSD-3-Clause
"""Schemas in words: what a value is, and the members of an object as rows of a table."""
from wire import COMMON

LARGEST = 2**53


def code(text):
    return "`" + str(text) + "`"


def span(node, low, high, unit):
    """"1 to 64 bytes" """
    if node.get(low) == node.get(high, 1) == 1:
        unit = unit.removesuffix("s")
    least, most = node.get(low, 0), node.get(high)
    if most is None:
        return f"{least} {unit} or more".replace("  ", " ") if least else ""
    if least == most:
        return f"{least} {unit}"
    return f"{least} to {most} {unit}" if least else f"up to {most} {unit}"


def value(v):
    return code({True: "true", False: "false", None: "null"}.get(v, f'"{v}"')
                if isinstance(v, (bool, str, type(None))) else v)


class Words:
    """link_object(name), link_type(name): where a reader finds a schema, or a definition of the
    common one."""

    def __init__(self, wire, link_object, link_type):
        self.wire, self.link_object, self.link_type = wire, link_object, link_type

    def type_of(self, node, owner=COMMON):
        if "$ref" in node:
            name, path = self.wire.place(node["$ref"])
            there = self.wire.at(node["$ref"], owner)
            if not path:
                return self.link_object(name)
            if path.startswith("$defs/") and there.get("type") != "object":
                return self.link_type(path.rpartition("/")[2])
            return self.type_of(self.wire.whole(node, owner), name or owner)
        if "enum" in node:
            return " or ".join(value(v) for v in node["enum"])
        if "const" in node:
            return value(node["const"])
        if "allOf" in node:
            return self.type_of(node["allOf"][0], owner)
        if "oneOf" in node:
            kinds = []
            for n in node["oneOf"]:
                kind = self.type_of(n, owner)
                kinds += [kind] if kind not in kinds else []
            return " or ".join(kinds)
        return self._plain(node, owner)

    def _plain(self, node, owner):
        kind = node.get("type")
        if isinstance(kind, list):
            return " or ".join(kind)
        if kind == "string":
            length = span(node, "minLength", "maxLength", "bytes")
            return f"string, {length}" if length else "string"
        if kind in ("integer", "number"):
            low, high = node.get("minimum"), node.get("maximum")
            if high is None or high >= LARGEST:
                return kind if low is None else f"{kind} from {low}"
            return f"{kind}, {low} to {high}" if low is not None else f"{kind} up to {high}"
        if kind == "array":
            items = node.get("items")
            if "prefixItems" in node:
                return f"[{', '.join(self.type_of(n, owner) for n in node['prefixItems'])}]"
            of = self.type_of(items, owner)
            many = span(node, "minItems", "maxItems", "").strip()
            return f"array of {many + ' ' if many else ''}{of}"
        each = node.get("additionalProperties")
        if kind == "object" and isinstance(each, dict):
            return f"object, each member {self.type_of(each, owner)}"
        return kind or "any JSON"

    def kinds(self, node, owner=COMMON):
        """What a value may be, null aside: a node's alternatives, and theirs."""
        node = self.wire.whole(node, owner)
        if "oneOf" not in node:
            return [] if node.get("type") == "null" else [node]
        return [kind for n in node["oneOf"] for kind in self.kinds(n, owner)]

    def members(self, node, owner=COMMON):
        """{name: ([nodes], always)} of an object; of alternatives, what any of them has."""
        kinds = self.kinds(node, owner)
        found = {}
        for kind in kinds:
            for name, member in kind.get("properties", {}).items():
                if member is not False:
                    found.setdefault(name, [])
                    if member not in found[name]:
                        found[name].append(member)
        return {name: (nodes, all(name in k.get("required", []) for k in kinds))
                for name, nodes in found.items()}

    def rows(self, node, owner=COMMON, before=""):
        """[(name, type, description)] of an object and of the objects in it."""
        rows = []
        for name, (nodes, always) in self.members(node, owner).items():
            types = list(dict.fromkeys(self.type_of(n, owner) for n in nodes))
            if sorted(types) == sorted((value(True), value(False))):
                types = ["boolean"]
            about = next((n["description"] for n in nodes if "description" in n), "")
            rows.append((before + name + ("" if always else " ?"), " or ".join(types), about))
            inner = [pair for n in nodes for pair in self.inside(n)]
            if inner:
                deeper = f"{before}{name}{'[]' if inner[0][1] else ''}."
                rows += self.rows({"oneOf": [n for n, _ in inner]}, owner, deeper)
        return rows

    @staticmethod
    def inside(node):
        """The object that a member holds, or holds many of, if it is spelt out there."""
        items = node.get("items")
        if isinstance(items, dict) and ("properties" in items or "oneOf" in items):
            yield items, True
        elif "properties" in node:
            yield node, False
