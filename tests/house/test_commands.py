# SPDX-License-Identifier: BSD-3-Clause
"""Every command that the documentation gives can be given: the file is there and executable, the
target, the subcommand and the option exist."""

import os
import re
import shlex
import subprocess

import pytest

from house import BUILD, ROOT, output, tracked
from test_manual import usage_of_help

FENCED = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)
INDENTED = re.compile(r"^ {4}(\S.*)$", re.M)
INLINE = re.compile(r"`([^`\n]+)`")
TREE = r"(?:tests|config|schema)/[\w./-]+"


def said_in(path):
    """The lines of a page's code blocks, and what stands between backticks in its text."""
    text = path.read_text("utf-8")
    blocks = FENCED.findall(text)
    text = FENCED.sub("", text)
    blocks += INDENTED.findall(text)
    lines = [line for block in blocks for line in block.splitlines()]
    return lines + INLINE.findall(INDENTED.sub("", text).replace("\n", " "))


def commands():
    """The words of each; NAME=value before it is left out."""
    for path in tracked("*.md"):
        for line in said_in(path):
            try:
                words = shlex.split(line, comments=True)
            except ValueError:  # prose, or a topic with a quote
                continue
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                yield words


def given(first):
    """Each command that begins so, once, as a test's parameter."""
    found = {" ".join(words): words for words in commands() if re.fullmatch(first, words[0])}
    assert found
    return [pytest.param(words, id=text) for text, words in sorted(found.items())]


def test_what_names_its_interpreter_is_executable_and_nothing_else_is():
    wrong = []
    for path in tracked():
        if path.is_symlink():
            continue
        with path.open("rb") as f:
            script = f.read(2) == b"#!"
        if script != os.access(path, os.X_OK):
            wrong.append(str(path.relative_to(ROOT)))
    assert wrong == []


@pytest.fixture(name="targets", scope="module")
def _targets():
    """What make can make: its own list of its rules."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    listed = subprocess.run(["make", "-pRrnq", f"BUILD={BUILD}", "clean"], cwd=ROOT, env=env,
                            capture_output=True, text=True).stdout
    return set(re.findall(r"^([\w./-]+):", listed, re.M))


@pytest.mark.parametrize("words", given("make"))
def test_a_documented_target_exists(words, targets):
    names = [w for w in words[1:] if "=" not in w and not w.startswith("-")]
    assert [n for n in names if n not in targets] == []


@pytest.mark.parametrize("words", given(TREE))
def test_a_documented_file_is_there(words):
    path = ROOT / words[0]
    assert path.exists()
    if len(words) > 1:
        assert os.access(path, os.X_OK)
        known = output(path, "--help")
        options = [w.split("=")[0] for w in words[1:] if w.startswith("--")]
        assert [o for o in options if not re.search(rf"(?<![\w-]){o}(?![\w-])", known)] == []


@pytest.mark.parametrize("words", given("imctl"))
def test_a_documented_command_of_imctl_exists(words):
    known = [name.split() for name in usage_of_help()]
    words = words[1:]
    while words and words[0] in ("--offline", "--socket"):
        words = words[2:]
    # A word of several commands stands for all of them.
    assert any(words[:len(name)] == name or name[:len(words)] == words for name in known)
