# SPDX-License-Identifier: BSD-3-Clause
"""SQLite is handled in one place: a connection that is opened, a statement that is prepared or a
transaction that is ended elsewhere would be so by rules of its own."""

import re

from house import ROOT, tracked

CALL = re.compile(r"\b(sqlite3_\w+)\s*\(")
# Extensions of SQLite, which it calls itself, and what they are registered with.
EXTENSIONS = {"bridge/search/search.c", "bridge/search/search_tokens.c",
              "bridge/search/search_tokens_old.c"}

def calls(folder):
    for f in tracked(f"{folder}/**.c", f"{folder}/**.h"):
        text = re.sub(r"/\*.*?\*/", "", f.read_text("utf-8"), flags=re.S)
        for name in CALL.findall(text):
            yield str(f.relative_to(ROOT)), name


def test_sqlite_is_called_by_db_alone():
    sides = ("schema", "plugin", "bridge", "clients")
    assert [c for side in sides for c in calls(side) if c[0] not in EXTENSIONS] == []
    assert len(list(calls("db"))) > 50
