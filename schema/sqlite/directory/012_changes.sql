-- SPDX-License-Identifier: BSD-3-Clause
-- At which log position a conversation was changed last without a message: what its user keeps about
-- it, and his membership. It is that of the message or event that tells it, or the next one.

-- In no index: a list of conversations looks at all of one user's rows anyway,
-- and every read mark would pay for another page.
ALTER TABLE conv_user ADD COLUMN changed_gid INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN changed_gid INTEGER NOT NULL DEFAULT 0;

-- Groups that somebody has gone out of, by himself, by others or by their end, and since when. One
-- row for each, however often; it goes when he comes back.
CREATE TABLE left_group (
	user     INTEGER NOT NULL REFERENCES user(id),
	grp      INTEGER NOT NULL REFERENCES grp(id),
	gone_gid INTEGER NOT NULL,
	PRIMARY KEY (user, grp)
) WITHOUT ROWID;
CREATE TRIGGER member_back AFTER INSERT ON member
BEGIN DELETE FROM left_group WHERE user = NEW.user AND grp = NEW.grp; END;

-- What was changed up to here, by an earlier version, has no position of its own.
INSERT INTO meta (key, value)
	SELECT 'changes_from', value FROM (SELECT max(value) AS value FROM meta
		WHERE key IN ('applied_gid', 'event_gid')) WHERE value IS NOT NULL;
