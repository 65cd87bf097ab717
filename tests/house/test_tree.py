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
# Folder -> what its files may include beside their own folder.
MAY_INCLUDE = {"schema": {"common", "db"}, "common": {"schema"}, "db": {"common"},
               **{side: {"common", "schema", "db"} for side in SIDES}}
HEADERS = [h for h in tracked("*.h") if h.relative_to(ROOT).parts[0] in MAY_INCLUDE]


def includes(path):
    for name in INCLUDE.findall(path.read_text("utf-8")):
        assert (ROOT / name).exists(), f"{path}: {name} is not written from the root"
        yield pathlib.PurePath(name).parts[0]


@pytest.mark.parametrize("folder", sorted(MAY_INCLUDE))
def test_plugin_bridge_and_clients_never_include_one_another(folder):
    files = tracked(f"{folder}/**.c", f"{folder}/**.h")
    assert files
    wrong = [(str(f.relative_to(ROOT)), top) for f in files for top in includes(f)
             if top != folder and top not in MAY_INCLUDE[folder]]
    assert wrong == []


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
            for f in tracked(*(f"{folder}/**.[ch]" for folder in MAY_INCLUDE))
            if (n := len(f.read_text("utf-8").splitlines())) > 600}
    assert long == {}


def test_the_programs_name_one_version():
    version = re.search(r"^VERSION := (\S+)", (ROOT / "Makefile").read_text("utf-8"), re.M)[1]
    assert output(BUILD / "imctl", "version") == f"imctl {version}\n"
    assert output(BUILD / "im-bridge", "--version") == f"im-bridge {version}\n"
