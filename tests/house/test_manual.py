# SPDX-License-Identifier: BSD-3-Clause
"""imctl's manual page describes every command as the program takes it."""

import re

import pytest

from house import BUILD, ROOT, output

ITEM = re.compile(r"^\.It Cm (.*)$", re.M)


def usage_of_help():
    """{command: its positionals} from `imctl help`, as "UID [N]"."""
    found = {}
    text = output(BUILD / "imctl", "help").split("commands:\n", 1)[1].split("\n\n", 1)[0]
    for line in text.splitlines():
        if line.startswith("  ") and line[2] != " ":
            words = line.split()
            n = next((i for i, w in enumerate(words) if not w[0].islower()), len(words))
            found[" ".join(words[:n])] = words[n:]
    return found


def usage_of_manual():
    """{command: (positionals, options, works offline)} from the page's macros."""
    found = {}
    page = (ROOT / "docs/imctl.1").read_text("utf-8")
    for item in ITEM.findall(page):
        name, positionals, options = [], [], []
        macro, option, optional, last = "Cm", False, False, False
        for word in item.split():
            if word in ("Cm", "Ar", "Fl", "Op", "Oo", "Oc", "Pq"):
                if word in ("Op", "Oo"):
                    optional, option = True, False
                elif word == "Oc":
                    optional = option = False
                elif word == "Fl":
                    option, macro = True, word
                else:
                    macro = word
                    if word == "Pq":
                        optional = option = False
                continue
            if macro == "Cm":
                name.append(word)
            elif macro == "Fl":
                options.append("-" + word)
                macro = "after Fl"
            elif macro == "Ar" and word == "...":
                if last and not option:
                    positionals[-1] += "..."
            elif macro == "Ar" and option:
                if not optional:
                    option = False  # one word is the option's value, what follows a positional
            elif macro == "Ar":
                last = word != "option"
                if last:
                    positionals.append(f"[{word.upper()}]" if optional else word.upper())
        found[" ".join(name)] = positionals, options, item.endswith("Pq *")
    return found


BUILTIN = {"help", "version"}
MANUAL = usage_of_manual()


def test_the_page_has_the_commands_of_the_program():
    assert set(MANUAL) - BUILTIN == set(usage_of_help()) - BUILTIN


@pytest.mark.parametrize("command", sorted(set(MANUAL) - BUILTIN))
def test_a_command_is_described_as_it_is_taken(command):
    positionals, options, offline = MANUAL[command]
    helped = output(BUILD / "imctl", *command.split(), "--help")
    assert positionals == usage_of_help()[command]
    for option in options:
        assert re.search(rf"^  {option}\b", helped, re.M), option
    assert offline == ("works with --offline as well" in helped)
