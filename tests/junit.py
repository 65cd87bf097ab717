# SPDX-License-Identifier: BSD-3-Clause
"""Adds up JUnit files, as pytest and cmocka write them."""

import dataclasses
import xml.etree.ElementTree


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    failures: list = dataclasses.field(default_factory=list)  # (test, message)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.failures += other.failures


def read_file(path):
    """Counts of one file; a file that cannot be parsed is a failed test. A skipped test counts as
    failed: what did not run is not shown."""
    counts = Counts()
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (xml.etree.ElementTree.ParseError, OSError) as error:
        return Counts(failed=1, failures=[(path.name, f"unreadable result file: {error}")])
    for case in root.iter("testcase"):
        name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        bad = [child for child in case if child.tag in ("failure", "error", "skipped")]
        if bad:
            counts.failed += 1
            message = bad[0].get("message") or (bad[0].text or "").strip()
            if bad[0].tag == "skipped":
                message = f"skipped: {message}"
            counts.failures.append((name, message.splitlines()[0] if message else bad[0].tag))
        else:
            counts.passed += 1
    return counts


def read_folder(folder, pattern="*.xml"):
    counts = Counts()
    for path in sorted(folder.glob(pattern)):
        counts.add(read_file(path))
    return counts
