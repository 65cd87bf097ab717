-- SPDX-License-Identifier: BSD-3-Clause
-- Client ids that may have left a session at the broker: which, since when, and, when such a device is
-- forgotten, whose the id was, until the broker must have forgotten the session, too.

ALTER TABLE device ADD COLUMN kept_ms INTEGER NOT NULL DEFAULT 0;	-- first subscribed in a session that may stay; 0: never
UPDATE device SET kept_ms = max(created_ms, 1);
CREATE INDEX device_kept ON device(user, kept_ms);

CREATE TABLE device_mark (
	device   TEXT PRIMARY KEY,
	user     INTEGER NOT NULL REFERENCES user(id),
	kept_ms  INTEGER NOT NULL,
	until_ms INTEGER NOT NULL DEFAULT 0	-- 0: not reckoned yet
) WITHOUT ROWID;
CREATE INDEX device_mark_user ON device_mark(user, kept_ms);
CREATE INDEX device_mark_until ON device_mark(until_ms);
