# SPDX-License-Identifier: BSD-3-Clause
"""Fills directory.db before a node starts: the only test code that knows its tables. While a node
runs, the bridge is the sole writer and tests go through RPC and $CONTROL instead."""
import pathlib
import re
import sqlite3
import time

from . import phc

SCHEMA = pathlib.Path(__file__).resolve().parents[3] / "schema" / "sqlite"


def create(path, database="directory"):
    """An empty database at the newest version of schema/sqlite/{database}/."""
    db = sqlite3.connect(path)
    version = 0
    for sql in sorted((SCHEMA / database).glob("*.sql")):
        db.executescript(sql.read_text(encoding="utf-8"))
        version = int(re.match(r"\d+", sql.name).group())
    db.execute(f"PRAGMA user_version = {version}")
    db.execute("PRAGMA journal_mode = WAL")
    db.commit()
    db.close()
    return version


def add_users(path, users):
    """users: [(uid, password, PHC string or None, admin)]."""
    now = int(time.time() * 1000)
    db = sqlite3.connect(path)
    db.executemany(
        "INSERT INTO user(uid, role, password, created_ms) VALUES(?,?,?,?)",
        [(uid, 1 if admin else 0,
          pw if pw is None or pw.startswith("$argon2") else phc.hash_password(pw), now)
         for uid, pw, admin in users])
    db.commit()
    db.close()
