# SPDX-License-Identifier: BSD-3-Clause
"""Rules of the tree that a reader relies on: who includes whom, what the plugin exports, headers
that stand alone, man pages without complaints."""

import os
import pathlib
import re
import shlex
import subprocess

import pytest

from house import BUILD, ROOT, SIDES, output, tracked

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
# Folder -> the other top-level folders that its files may include.
MAY_INCLUDE = {"common": {"schema"}, "schema": {"common", "db"}, "db": {"common"},
               **{side: {"common", "schema", "db"} for side in SIDES}}
# A folder of the bridge includes only itself and what stands before it.
BRIDGE = [f"bridge/{name}".rstrip("/") for name in (
    "base", "message", "store", "directory", "link", "deliver", "search", "upkeep", "write", "cluster",
    "rpc", "rpc/methods", "read", "admin", "engine", "brokers", "")]
SOURCES = tracked(*(f"{folder}/**.[ch]" for folder in MAY_INCLUDE))
HEADERS = [f for f in SOURCES if f.suffix == ".h"]


def within(path):
    """A file's path from the root."""
    return path.relative_to(ROOT)


def includes(path):
    for name in INCLUDE.findall(path.read_text("utf-8")):
        assert (ROOT / name).exists(), f"{within(path)}: {name} is not written from the root"
        yield pathlib.PurePath(name)


@pytest.mark.parametrize("folder", sorted(MAY_INCLUDE))
def test_plugin_bridge_and_clients_never_include_one_another(folder):
    files = [f for f in SOURCES if within(f).parts[0] == folder]
    assert files
    wrong = [(str(within(f)), str(i)) for f in files for i in includes(f)
             if i.parts[0] != folder and i.parts[0] not in MAY_INCLUDE[folder]]
    assert wrong == []


def test_a_folder_of_the_bridge_includes_only_what_stands_below_it():
    files = [f for f in SOURCES if within(f).parts[0] == "bridge"]
    stray = [str(within(f)) for f in files if str(within(f).parent) not in BRIDGE]
    assert stray == []
    upward = [(str(within(f)), str(i)) for f in files for i in includes(f)
              if i.parts[0] == "bridge"
              and BRIDGE.index(str(i.parent)) > BRIDGE.index(str(within(f).parent))]
    assert upward == []
    assert {str(within(f).parent) for f in files} == set(BRIDGE)
    assert len([f for f in files if within(f).parent.name == "bridge"]) <= 10


def test_the_map_in_contributing_is_the_order():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text[text.index("A folder of the bridge includes only"):].split("\n\n")[1]
    assert [row.rstrip("/") for row in re.findall(r"^\| `(\S+)` \|", table, re.M)] == BRIDGE


def test_common_includes_of_schema_the_error_table_alone():
    used = {str(i) for f in SOURCES if within(f).parts[0] == "common" for i in includes(f)
            if i.parts[0] == "schema"}
    assert used == {"schema/errors.def"}


COMMENT = re.compile(r"/\*.*?\*/", re.S)
NAMED = re.compile(r"(?<![\w./*<-])[\w*/]+\.[ch]\b")
DEFINED = re.compile(r"^(?!static\b)[a-z][\w ]*?[ *](\w+)\(", re.M)
CALLED_BY = re.compile(r"\b([Aa]sked|[Cc]alled|[Ee]mptied|[Ff]illed|[Oo]pened|[Rr]un|[Uu]sed)\b.* by ")


def comments(path):
    """Each in one line."""
    for text in COMMENT.findall(path.read_text("utf-8")):
        yield " ".join(re.sub(r"\n[ \t]*\* ?", " ", text[2:-2]).split())


def test_files_that_comments_name_exist():
    gone = [(str(within(f)), name) for f in SOURCES for text in comments(f)
            for name in NAMED.findall(text) if not any(within(s).match(name) for s in SOURCES)]
    assert gone == []


def test_who_is_named_as_a_caller_in_the_opening_comment_calls():
    """What a file defines stands in what is said to call it."""
    code = {f: set(re.findall(r"\w+", COMMENT.sub("", f.read_text("utf-8")))) for f in SOURCES
            if f.suffix == ".c"}
    wrong, seen = [], 0
    for f in code:
        opening = [*comments(f), "", ""][1]  # the first is the licence
        defined = set(DEFINED.findall(f.read_text("utf-8")))
        for sentence in filter(CALLED_BY.search, re.split(r"[.;](?:\s|$)", opening)):
            for name in NAMED.findall(sentence):
                seen += 1
                if not any(defined & words for caller, words in code.items()
                           if caller != f and within(caller).match(name)):
                    wrong.append((str(within(f)), name))
    assert wrong == []
    assert seen > 100


def circles(graph):
    """Sets of more than one node that reach one another (Tarjan 1972)."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in number:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in number:
            visit(node)
    return found


def test_circles_are_found():
    """The check itself."""
    assert circles({"a": ["b"], "b": ["c"], "c": []}) == []
    assert circles({"a": ["b"], "b": ["c"], "c": ["b"], "d": ["a"]}) == [["b", "c"]]


def test_no_files_include_one_another_in_a_circle():
    """A source and its header are one."""
    graph = {}
    for f in SOURCES:
        unit = str(within(f).with_suffix(""))
        graph.setdefault(unit, set()).update(
            str(i.with_suffix("")) for i in includes(f) if str(i.with_suffix("")) != unit)
    assert circles(graph) == []


def test_common_does_no_io_reads_no_clock_and_does_not_log():
    """common/ is pure: these names would say otherwise."""
    forbidden = re.compile(
        r"\b(fopen|open|read|write|printf|fprintf|syslog|time|clock_gettime|gettimeofday|getenv|"
        r"getrandom|rand|socket|mosquitto_\w+)\s*\(")
    found = []
    for f in tracked("common/*.c"):
        text = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"", "", f.read_text("utf-8"), flags=re.S)
        found += [(f.name, m[1]) for m in forbidden.finditer(text)]
    assert found == []


@pytest.mark.parametrize("header", HEADERS, ids=lambda h: str(h.relative_to(ROOT)))
def test_a_header_stands_alone(header, tmp_path):
    source = tmp_path / "alone.c"
    source.write_text(f'#include "{header}"\n#include "{header}"\n')
    done = subprocess.run(
        [os.environ.get("CC", "gcc"), *shlex.split(os.environ.get("CPPFLAGS", "")), f"-I{ROOT}",
         "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(source)],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_plugin_exports_three_symbols():
    lines = output("nm", "-D", "--defined-only", BUILD / "mosquitto_im.so").splitlines()
    assert sorted(line.split()[-1] for line in lines) == [
        "mosquitto_plugin_cleanup", "mosquitto_plugin_init", "mosquitto_plugin_version"]


@pytest.mark.parametrize("page", tracked("docs/*.[1-8]"), ids=lambda p: p.name)
def test_man_pages_are_clean(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)],
                          capture_output=True, text=True)
    assert done.stdout == ""


def test_the_man_page_knows_every_command_and_option_of_imctl():
    page = (ROOT / "docs" / "imctl.1").read_text("utf-8")
    shown = output(BUILD / "imctl", "help")
    missing = []
    for command in re.findall(r"^  ([a-z]+(?: [a-z]+)?)", shown, re.M):
        if f".It Cm {command}" not in page:
            missing.append(command)
        if command in ("help", "version"):
            continue
        one = output(BUILD / "imctl", "help", *command.split())
        missing += [f"{command} {o}" for o in re.findall(r"^  --([a-z-]+)", one, re.M)
                    if f"Fl -{o}" not in page]
    missing += [o for o in re.findall(r"^  --([a-z-]+)", shown, re.M) if f".It Fl -{o}" not in page]
    assert missing == []


def test_every_source_names_its_licence():
    files = tracked("*.c", "*.h", "*.py", "*.sh", "*.sql", "*.def")
    assert files
    assert [str(f.relative_to(ROOT)) for f in files
            if "SPDX-License-Identifier: BSD-3-Clause" not in f.read_text("utf-8")[:400]] == []


def test_sources_are_formatted():
    sources = [str(f) for f in tracked("*.c", "*.h")]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources], capture_output=True,
                          text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[:4000]


def test_no_product_file_has_two_reasons_to_exist():
    """A length that asks for a look, not a law of nature: split what has grown past it."""
    long = {str(f.relative_to(ROOT)): n
            for f in SOURCES if (n := len(f.read_text("utf-8").splitlines())) > 600}
    assert long == {}


def test_the_programs_name_one_version():
    version = re.search(r"^VERSION := (\S+)", (ROOT / "Makefile").read_text("utf-8"), re.M)[1]
    assert output(BUILD / "imctl", "version") == f"imctl {version}\n"
    assert output(BUILD / "im-bridge", "--version") == f"im-bridge {version}\n"
