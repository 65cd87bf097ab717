-- SPDX-License-Identifier: BSD-3-Clause
-- Messages that members have reported to the administrators, with the words as they were then.

CREATE TABLE report (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	reporter   INTEGER NOT NULL REFERENCES user(id),
	conv       INTEGER NOT NULL,		-- the id in messages.db
	seq        INTEGER NOT NULL,
	conv_name  TEXT NOT NULL,		-- as the reporter sees it
	sender     INTEGER NOT NULL REFERENCES user(id),
	sent_ms    INTEGER NOT NULL,
	type       TEXT NOT NULL,
	enc        INTEGER NOT NULL,		-- of body: 0 text, 1 JSON, 2 bytes
	body       BLOB NOT NULL,
	cut        INTEGER NOT NULL,		-- body is the beginning only
	reason     TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	closed     INTEGER NOT NULL DEFAULT 0,
	closed_ms  INTEGER NOT NULL DEFAULT 0,
	closed_by  INTEGER REFERENCES user(id),
	note       TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX report_once ON report(reporter, conv, seq);
CREATE INDEX report_rate ON report(reporter, created_ms);
CREATE INDEX report_state ON report(closed, id);
