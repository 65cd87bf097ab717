-- SPDX-License-Identifier: BSD-3-Clause
-- Links by which people come into a group. Of the secret itself there is only a hash.
CREATE TABLE group_link (
	hash       BLOB PRIMARY KEY,
	grp        INTEGER NOT NULL REFERENCES grp(id),
	name       TEXT NOT NULL,		-- by which it is listed and revoked; no secret
	user       INTEGER NOT NULL REFERENCES user(id),	-- who made it
	created_ms INTEGER NOT NULL,
	expires_ms INTEGER NOT NULL,
	uses       INTEGER NOT NULL,		-- at first
	uses_left  INTEGER NOT NULL,
	UNIQUE (grp, name)
) WITHOUT ROWID;
CREATE INDEX group_link_expires ON group_link(expires_ms);
