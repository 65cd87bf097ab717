-- SPDX-License-Identifier: BSD-3-Clause
-- One message to many users, each in the own conversation with `system`, and how far that is.
CREATE TABLE announcement (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	actor      INTEGER NOT NULL,		-- who asked for it
	created_ms INTEGER NOT NULL,
	listed     INTEGER NOT NULL,		-- 1: it is for those in announcement_user; 0: for all
	rate       INTEGER NOT NULL,		-- so many a second
	state      INTEGER NOT NULL,		-- 0 put together, 1 under way, 2 stopped, 3 done
	through    INTEGER NOT NULL DEFAULT 0,	-- the newest user when it was begun
	position   INTEGER NOT NULL DEFAULT 0,	-- the user with whom it has come this far
	sent       INTEGER NOT NULL DEFAULT 0,
	total      INTEGER NOT NULL DEFAULT 0,
	ended_ms   INTEGER NOT NULL DEFAULT 0,
	message    BLOB NOT NULL		-- as it would be published; empty when it has ended
);
CREATE INDEX announcement_running ON announcement(id) WHERE state = 1;

CREATE TABLE announcement_user (
	announcement INTEGER NOT NULL,
	user         INTEGER NOT NULL,
	PRIMARY KEY (announcement, user)
) WITHOUT ROWID;
