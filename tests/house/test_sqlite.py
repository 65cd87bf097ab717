# SPDX-License-Identifier: BSD-3-Clause
"""SQLite is handled in one place: a connection that is opened, a statement that is prepared or a
transaction that is ended elsewhere would be so by rules of its own."""

import re

from house import ROOT, tracked

CALL = re.compile(r"\b(sqlite3_\w+)\s*\(")
# Extensions of SQLite, which it calls itself, and what they are registered with.
EXTENSIONS = {"bridge/search/search.c", "bridge/search/search_tokens.c",
              "bridge/search/search_tokens_old.c"}
# The rules of accounts stand on a connection that is somebody's, and have statements of their own.
BESIDE = {"schema/account.c", "schema/audit.c", "schema/check.c"}
THEIRS = {"sqlite3_prepare_v2", "sqlite3_prepare_v3", "sqlite3_step", "sqlite3_reset",
          "sqlite3_finalize", "sqlite3_errcode", "sqlite3_changes", "sqlite3_last_insert_rowid"}


def calls(folder):
    for f in tracked(f"{folder}/**.c", f"{folder}/**.h"):
        text = re.sub(r"/\*.*?\*/", "", f.read_text("utf-8"), flags=re.S)
        for name in CALL.findall(text):
            yield str(f.relative_to(ROOT)), name


def test_the_bridge_calls_sqlite_through_db_alone():
    assert [c for c in calls("bridge") if c[0] not in EXTENSIONS] == []


def test_the_rules_of_accounts_open_nothing_and_begin_nothing():
    assert [c for c in calls("schema") if c[0] not in BESIDE or c[1] not in THEIRS] == []


def test_db_is_where_it_is_called():
    assert len(list(calls("db"))) > 50
