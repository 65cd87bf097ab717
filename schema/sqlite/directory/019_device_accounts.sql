-- SPDX-License-Identifier: BSD-3-Clause
-- Device accounts: what the client ids of one begin with. None of these is the beginning of another
-- one, so an id has one owner at most.

CREATE TABLE device_bind (
	prefix TEXT PRIMARY KEY,
	user   INTEGER NOT NULL UNIQUE REFERENCES user(id)
) WITHOUT ROWID;

-- Others see whether a user is a device account.
DROP TRIGGER user_rev;
CREATE TRIGGER user_rev AFTER UPDATE OF uid, nick, avatar, ext, deleted, role ON user
	WHEN NEW.uid <> OLD.uid OR NEW.nick <> OLD.nick OR NEW.avatar <> OLD.avatar
		OR NEW.ext IS NOT OLD.ext OR NEW.deleted <> OLD.deleted
		OR (NEW.role = 2) <> (OLD.role = 2)
BEGIN UPDATE user SET rev = rev + 1 WHERE id = NEW.id; END;
