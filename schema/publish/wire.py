# SPDX-License-Identifier: BSD-3-Clause
"""schema/wire as the published documents need it: schemas, examples out of the golden vectors,
error codes. Whatever a schema has to say and does not is a fault, told with what to write where;
nothing that a reader is told stands here."""
import functools
import json
import re

COMMON = "common"
COMPONENTS = "#/components/schemas/"


class Fault(Exception):
    """Something is missing or wrong in schema/wire."""


def references(node):
    """The components that a document's node refers to."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*map(references, node.values()))
    ref = node.get("$ref")
    if isinstance(ref, str) and ref.startswith(COMPONENTS):
        found.add(ref.removeprefix(COMPONENTS).partition("/")[0])
    return found


class Wire:
    def __init__(self, root):
        self.folder = root / "schema" / "wire"
        self.schemas = {p.name.removesuffix(".schema.json"): self._read(p)
                        for p in sorted(self.folder.glob("*.schema.json"))}
        table = (root / "schema" / "errors.def").read_text(encoding="utf-8")
        self.errors = {name: (int(code), text) for name, code, text in
                       re.findall(r'^X\((\w+), (-\d+), "([^"]+)"\)', table, re.M)}
        self.calls = self._read(self.folder / "vectors" / "methods.json")["cases"]
        self.payloads = self._read(self.folder / "vectors" / "payloads.json")["cases"]
        self.methods = [n.removeprefix("rpc.") for n in self.schemas if n.startswith("rpc.")]

    @staticmethod
    def _read(path):
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as e:
            raise Fault(f"{path.name} is no JSON: {e}") from e

    def need(self, where, node, member, kind, say):
        """A member that a schema must have; `say` is what it would be for."""
        value = node.get(member)
        if not isinstance(value, kind) or value in ("", [], {}):
            raise Fault(f'{where}: write "{member}": {say}')
        return value

    def method(self, name):
        return self.schemas[f"rpc.{name}"]

    def file_of(self, name):
        return f"schema/wire/{name}.schema.json"

    # -- what stands behind a reference --

    def place(self, ref):
        """(schema's name, path inside it) of a reference out of any schema; those within one file
        name no file and are told the file by `owner`."""
        file, _, path = ref.partition("#")
        return file.removesuffix(".schema.json"), path.strip("/")

    def at(self, ref, owner=COMMON):
        name, path = self.place(ref)
        node = self.schemas[name or owner]
        for step in path.split("/") if path else []:
            node = node[step]
        return node

    def whole(self, node, owner=COMMON):
        """The node with what it refers to, its own members first."""
        if "$ref" not in node:
            return node
        there = self.whole(self.at(node["$ref"], owner), self.place(node["$ref"])[0] or owner)
        return {**there, **{k: v for k, v in node.items() if k != "$ref"}}

    # -- annotations --

    def said(self, method):
        """What a method's schema says beside the shapes."""
        node, where = self.method(method), self.file_of(f"rpc.{method}")
        need = functools.partial(self.need, where, node)
        said = {
            "title": need("title", str, "what the method does, half a sentence"),
            "who": need("x-who", str, 'who may call it ("anybody", "members", "owner, admins")'),
            "reads": need("x-reads", bool, "true if it changes nothing, otherwise false"),
            "errors": node.get("x-errors"),
            "description": node.get("description"),
        }
        if not isinstance(said["errors"], list):
            raise Fault(f'{where}: write "x-errors": [names of schema/errors.def that are this '
                        'method\'s own; [] for none; those of every request stand in '
                        'request.schema.json]')
        self.known_errors(where, said["errors"])
        return said

    def known_errors(self, where, names):
        for name in names:
            if name not in self.errors:
                raise Fault(f'{where}: "x-errors" names {name}, which schema/errors.def does not '
                            f'have; it has {", ".join(self.errors)}')

    @functools.cached_property
    def errors_of_all(self):
        where = self.file_of("request")
        names = self.need(where, self.schemas["request"], "x-errors", list,
                          "[names of schema/errors.def that any request may get]")
        self.known_errors(where, names)
        return names

    def parameters(self, method):
        """[(name, node, whole node, required)], those that must be given first."""
        params = self.method(method)["properties"]["params"]
        found = []
        for name, node in params["properties"].items():
            full = self.whole(node)
            self.need(f'{self.file_of(f"rpc.{method}")}, params.{name}', full, "description", str,
                      "what it is, half a sentence")
            found.append((name, node, full, name in params.get("required", [])))
        return sorted(found, key=lambda p: not p[3])

    def examples(self, method):
        """The golden vectors that are to be shown, or the first one that has a result."""
        cases = [c for c in self.calls if c["method"] == method and "result" in c]
        if not cases:
            raise Fault(f"schema/wire/vectors/methods.json: write a case "
                        f'{{"method": "{method}", "params": {{…}}, "result": {{…}}}}')
        return [c for c in cases if c.get("shown")] or cases[:1]

    # -- alternatives: kinds of an object, events, bodies of system messages --

    def described(self, where, node):
        """The alternatives of a node that are told apart, which all say what they are; [] if they
        are shown as one."""
        kinds = [k for k in node.get("oneOf", []) if k.get("type") != "null"]
        if not any("description" in k for k in kinds):
            return []
        for i, kind in enumerate(kinds):
            self.need(f"{where}, alternative {i}", kind, "description", str,
                      "what it is, half a sentence, as the others say")
        return kinds

    def alternatives(self, name):
        """The branches of a schema of events or of actions, each with its names."""
        found = []
        for i, branch in enumerate(self.schemas[name]["oneOf"]):
            where = f"{self.file_of(name)}, oneOf {i}"
            self.need(where, branch, "description", str, "what it says, half a sentence")
            names = {k: self.values(branch["properties"][k]) for k in ("event", "action")
                     if k in branch["properties"]}
            if name == "event" and "cursor" in branch["properties"] and names["event"] != ["hello"]:
                key = self.need(where, branch, "x-key", list,
                                '[members which, beside event, tell what it is about]; the newest '
                                "of the same key counts")
                for member in key:
                    if member not in branch["required"]:
                        raise Fault(f'{where}: "x-key" names {member}, which is not required')
            found.append((names, branch))
        return found

    @staticmethod
    def values(node):
        return [node["const"]] if "const" in node else node["enum"]

    # -- for documents of draft 7 --

    def draft7(self, node):
        """A copy in the words of JSON Schema draft 7, which OpenRPC and AsyncAPI speak."""
        return self._draft7(node, COMMON)

    def _draft7(self, node, owner):
        if isinstance(node, list):
            return [self._draft7(n, owner) for n in node]
        if not isinstance(node, dict):
            return node
        out = {k: self._draft7(v, owner) for k, v in node.items()
               if k not in ("$schema", "$defs") and not (k.startswith("x-") and k != "x-key")}
        if "prefixItems" in out:
            out["additionalItems"] = out.pop("items", True)
            out["items"] = out.pop("prefixItems")
        if isinstance(out.get("$ref"), str):
            name, path = self.place(out["$ref"])
            out["$ref"] = self.component_ref(name or owner, path)
            if len(out) > 1:  # beside a reference draft 7 reads nothing
                out = {"allOf": [{"$ref": out.pop("$ref")}], **out}
        return out

    def components(self, used):
        """By the name that they get in a document, the schemas, definitions, and methods'
        parameters and results that `used` leads to."""
        every = {}
        for name, node in self.schemas.items():
            parts = {f"{name}.{n}": part for n, part in node.get("$defs", {}).items()}
            if name.startswith("rpc."):
                parts |= {f"{name.removeprefix('rpc.')}.{n}": part
                          for n, part in node["properties"].items()}
            elif name != COMMON:
                parts[name] = node
            every |= {n: (part, name) for n, part in parts.items()}
        found, left = {}, references(used)
        while left:
            name = left.pop()
            if name not in found:
                found[name] = self._draft7(every[name][0], every[name][1])
                left |= references(found[name])
        return dict(sorted(found.items()))

    @staticmethod
    def component_ref(name, path):
        """Where what a reference leads to stands among those components."""
        steps = path.split("/") if path else []
        if steps[:1] == ["$defs"]:
            name, steps = f"{name}.{steps[1]}", steps[2:]
        elif name.startswith("rpc.") and steps[:1] == ["properties"] and len(steps) > 1:
            name, steps = f"{name.removeprefix('rpc.')}.{steps[1]}", steps[2:]
        return COMPONENTS + "/".join([name, *steps])
