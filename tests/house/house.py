# SPDX-License-Identifier: BSD-3-Clause
"""What the checks of the tree share."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["BUILD"])
SIDES = ("plugin", "bridge", "clients")


def tracked(*patterns):
    """Files under version control, and new ones that are not ignored."""
    out = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).exists()]


def output(*argv):
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True,
                          cwd=ROOT).stdout
