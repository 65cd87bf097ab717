# SPDX-License-Identifier: BSD-3-Clause
"""The sample configurations name every option of the tables, with its default, and no other."""

import re

import pytest

from house import BUILD, ROOT, output

PAIR = re.compile(r"^(#?)([a-z][a-z0-9_]*)(?: (.*))?$")


def pairs(text, prefix=""):
    """[(key, value, commented out)] of a configuration text; prose starts with "# "."""
    found = []
    for line in text.splitlines():
        m = PAIR.match(line)
        if m and m[2].startswith(prefix):
            found.append((m[2], (m[3] or "").strip(), m[1] == "#"))
    return found


SIDES = {
    "plugin": (lambda: output(BUILD / "print_plugin_options"), "mosquitto.conf", "plugin_opt_"),
    "bridge": (lambda: output(BUILD / "im-bridge", "--print-config"), "im-bridge.conf", ""),
}


@pytest.fixture(params=SIDES, name="side")
def _side(request):
    table, sample, prefix = SIDES[request.param]
    text = (ROOT / "config" / sample).read_text("utf-8")
    return pairs(table(), prefix), pairs(text, prefix)


def test_every_option_is_in_the_sample(side):
    table, sample = side
    assert table, "the table printed nothing"
    assert sorted({k for k, _, _ in table} - {k for k, _, _ in sample}) == []


def test_every_option_of_the_sample_exists(side):
    table, sample = side
    assert sorted({k for k, _, _ in sample} - {k for k, _, _ in table}) == []


def test_what_is_commented_out_is_the_default(side):
    table, sample = side
    defaults = {k: v for k, v, _ in table if v}
    shown = {}
    for key, value, commented in sample:
        if commented:
            shown.setdefault(key, []).append(value)
    wrong = {k: (shown[k], defaults[k]) for k in shown
             if k in defaults and defaults[k] not in shown[k]}
    assert wrong == {}


def test_the_bridges_sample_is_its_table_as_text():
    sample = (ROOT / "config" / "im-bridge.conf").read_text("utf-8").split("\n\n", 1)[1]
    table = output(BUILD / "im-bridge", "--print-config")
    comment = re.compile("^#(?=[a-z])|^data_dir.*", re.M)
    assert comment.sub("", sample) == re.sub("^data_dir.*", "", comment.sub("", table), flags=re.M), \
        "run: make sample"


def test_every_option_is_explained(side):
    """A comment stands above each, or above the group of lines that it belongs to."""
    _, sample = side
    names = {k for k, _, _ in sample}
    for file in ("mosquitto.conf", "im-bridge.conf"):
        for block in (ROOT / "config" / file).read_text("utf-8").split("\n\n"):
            lines = block.splitlines()
            if any(m[2] in names for m in filter(None, map(PAIR.match, lines))):
                assert lines[0].startswith("# "), block
