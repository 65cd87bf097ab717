-- SPDX-License-Identifier: BSD-3-Clause
-- What users may do to others within a day, mutes that outlive a membership, and dismissed groups whose
-- messages are to go at once.

-- How often a user has done what others have not asked for, hour by hour. Rows of more than a day ago
-- go as new ones come.
CREATE TABLE quota (
	user    INTEGER NOT NULL REFERENCES user(id),
	kind    INTEGER NOT NULL,		-- 1 groups made, 2 people put into groups, 3 requests,
						-- 4 requests to one user, 5 requests to one group
	subject INTEGER NOT NULL,		-- kinds 4 and 5: user or group; else 0
	hour    INTEGER NOT NULL,		-- hours since 1970, UTC
	n       INTEGER NOT NULL,
	PRIMARY KEY (user, kind, subject, hour)
) WITHOUT ROWID;
CREATE INDEX quota_hour ON quota(hour);

-- What one user may do within a day, where it is not what the server says.
CREATE TABLE user_quota (
	user INTEGER NOT NULL REFERENCES user(id),
	kind INTEGER NOT NULL,			-- 1 to 3, as above
	max  INTEGER NOT NULL,			-- 0: no limit
	PRIMARY KEY (user, kind)
) WITHOUT ROWID;

-- Who was muted when the membership ended: the next one begins with it.
CREATE TABLE mute (
	grp      INTEGER NOT NULL REFERENCES grp(id),
	user     INTEGER NOT NULL REFERENCES user(id),
	until_ms INTEGER NOT NULL,
	PRIMARY KEY (grp, user)
) WITHOUT ROWID;
CREATE INDEX member_muted ON member(grp, uid) WHERE muted_until_ms > 0;

ALTER TABLE grp ADD COLUMN erase INTEGER NOT NULL DEFAULT 0;	-- 1: messages are to go, 2: they are gone
CREATE INDEX grp_erase ON grp(id) WHERE erase = 1;
CREATE INDEX grp_retention ON grp(id) WHERE retention_days > 0;
