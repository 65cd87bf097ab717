# SPDX-License-Identifier: BSD-3-Clause
"""The runner of the models: what holds, what breaks and by what, and nothing that was not looked at
to its end. And that its table, the models and their page speak of the same rules."""

import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import check  # noqa: E402

CASES = check.read_cases()
MODELS = sorted(HERE.glob("*.pml"))


def case(model, flags="", expected="holds", live=False):
    return check.Case(live, expected, model, tuple(flags.split()), "a test")


@pytest.mark.parametrize("one", [
    case("amend"),
    case("amend", "-DEQUALATP", "equal at equal positions"),
    case("newer", "-DNOEND", "the copy equals the log"),
    case("lock", "-DROWFIRST", "deadlock"),
    case("lock", live=True),
    case("lock", "-DNOIDLE -DFOREVER", "no end", live=True),
], ids=str)
def test_what_is_expected_is_found(one, tmp_path):
    good, line = check.run(one, tmp_path)
    assert good, line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("one, found", [
    (case("amend", "-DEQUALATP"), "equal at equal positions"),
    (case("amend", expected="equal at equal positions"), "holds"),
    (case("amend", "-DEQUALATP", "no body behind a recall"), "equal at equal positions"),
], ids=["breaks", "holds", "breaks by something else"])
def test_what_is_not_expected_is_said_and_kept(one, found, tmp_path):
    good, line = check.run(one, tmp_path)
    assert not good
    assert line.startswith("UNEXPECTED")
    assert f"expected: {one.expected}; found: {found} " in line
    (kept,) = tmp_path.iterdir()
    assert (kept / "said").exists()
    # The command that is printed shows the counterexample.
    for command in re.findall(r"^  (cd .*)", line, re.M):
        steps = subprocess.run(command, shell=True, capture_output=True, text=True).stdout
        assert "assertion violated" in steps
    assert ("./pan -r" in line) == (found != "holds")


COUNTS = "active proctype p() { int n; do :: n < 900000 -> n++ :: else -> break od }"


@pytest.mark.parametrize("text, memory_mb, detail", [
    ("active proctype p() { no such thing }", 4096, "undeclared variable"),
    (COUNTS, 4096, "max search depth too small"),
    (COUNTS, 20, "MEMLIM bound"),
], ids=["wrong", "too deep", "too large"])
def test_what_is_not_searched_to_its_end_does_not_hold(text, memory_mb, detail, tmp_path):
    (tmp_path / "m.pml").write_text(text)
    good, line = check.run(case("m"), models=tmp_path, memory_mb=memory_mb)
    assert not good
    assert "found: unfinished" in line
    assert detail in line


def ended(*argv):
    done = subprocess.run([HERE / "check.py", *argv], capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).splitlines()[-1]


def test_those_that_are_asked_for_are_run():
    code, last = ended("--only", "amend")
    assert code == 0
    assert last.startswith(f"{sum('amend' in str(c) for c in CASES)} as expected, 0 not")


def test_asking_for_none_is_an_error():
    code, last = ended("--only", "nosuchword")
    assert code == 1
    assert "nosuchword" in last


def test_one_that_is_not_as_expected_fails_the_run(monkeypatch, capsys):
    monkeypatch.setattr(check, "read_cases",
                        lambda: [case("amend"), case("amend", expected="deadlock")])
    monkeypatch.setattr(sys, "argv", ["check.py"])
    with pytest.raises(SystemExit) as end:
        check.main()
    assert end.value.code == 1
    assert "1 as expected, 1 not" in capsys.readouterr().out


def flags_of(one):
    return {f.removeprefix("-D").split("=")[0] for f in one.flags}


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_the_flags_of_the_table_are_those_of_the_model(path):
    """One that the model does not know would change nothing, and hold."""
    text = path.read_text("utf-8")
    known = set(re.findall(r"^#ifn?def (\w+)|defined\((\w+)\)", text, re.M))
    known = {a or b for a, b in known}
    asked = set().union(*(flags_of(c) for c in CASES if c.model == path.stem))
    assert asked - known == set()
    assert {k for k in known - asked if not re.search(rf"^#define {k}\b", text, re.M)} == set()


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_each_assertion_says_what_it_is_for(path):
    """Each has a comment in its line: by that the table names it."""
    lines = [line for line in path.read_text("utf-8").splitlines() if re.search(r"\bassert\(", line)]
    assert lines or path.stem == "lock"  # which may only come to a stop
    assert [line for line in lines if "/* " not in line] == []


def test_what_is_expected_stands_beside_an_assertion():
    for one in CASES:
        lines = (HERE / f"{one.model}.pml").read_text("utf-8").splitlines()
        said = {check.comment_of(line) for line in lines if "assert(" in line}
        assert one.expected in said | {"holds", "deadlock", "no end"}, one
        assert one.expected != "the model is large enough", one


def test_each_sabotage_stands_in_the_page():
    page = (HERE / "README.md").read_text("utf-8")
    bounds = {"PUTS", "CRASHES", "CUTS", "ABORTS", "LOSTRET", "FAILOVERS"}
    broken = set().union(*(flags_of(c) for c in CASES if c.expected != "holds")) - bounds
    assert [f for f in sorted(broken) if not re.search(rf"`[^`]*-D{f}\b", page)] == []
