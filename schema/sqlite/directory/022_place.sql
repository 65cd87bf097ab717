-- SPDX-License-Identifier: BSD-3-Clause
-- A copy of a log that several nodes share: how far it has come. No row: it is nobody's copy.

CREATE TABLE place (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	era    INTEGER NOT NULL,
	pos    INTEGER NOT NULL,
	digest BLOB NOT NULL
);

-- Rows that come from another node are as its triggers have left them: those here keep still while
-- table meta has "following".
DROP TRIGGER member_in;
CREATE TRIGGER member_in AFTER INSERT ON member
	WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'following')
BEGIN UPDATE grp SET members = members + 1 WHERE id = NEW.grp; END;
DROP TRIGGER member_out;
CREATE TRIGGER member_out AFTER DELETE ON member
	WHEN (SELECT dismissed FROM grp WHERE id = OLD.grp) = 0	-- else it is 0 already
		AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'following')
BEGIN UPDATE grp SET members = members - 1 WHERE id = OLD.grp; END;
DROP TRIGGER member_back;
CREATE TRIGGER member_back AFTER INSERT ON member
	WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'following')
BEGIN DELETE FROM left_group WHERE user = NEW.user AND grp = NEW.grp; END;
DROP TRIGGER device_out;
CREATE TRIGGER device_out AFTER DELETE ON device WHEN OLD.cursor > OLD.start
	AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'following')
BEGIN
	INSERT INTO received (user, start, through) VALUES (OLD.user, OLD.start, OLD.cursor)
		ON CONFLICT DO UPDATE SET start = min(start, excluded.start);
	UPDATE user SET delivered = max(delivered, OLD.cursor)
		WHERE id = OLD.user AND delivered >= OLD.start;
	DELETE FROM received WHERE user = OLD.user
		AND through <= (SELECT delivered FROM user WHERE id = OLD.user);
	DELETE FROM received WHERE user = OLD.user AND through <
		(SELECT through FROM received WHERE user = OLD.user
			ORDER BY through DESC LIMIT 1 OFFSET 15);
END;
DROP TRIGGER user_rev;
CREATE TRIGGER user_rev AFTER UPDATE OF uid, nick, avatar, ext, deleted, role ON user
	WHEN (NEW.uid <> OLD.uid OR NEW.nick <> OLD.nick OR NEW.avatar <> OLD.avatar
		OR NEW.ext IS NOT OLD.ext OR NEW.deleted <> OLD.deleted
		OR (NEW.role = 2) <> (OLD.role = 2))
		AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'following')
BEGIN UPDATE user SET rev = rev + 1 WHERE id = NEW.id; END;
DROP TRIGGER user_credential_first;
CREATE TRIGGER user_credential_first AFTER INSERT ON user
	WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'following')
BEGIN UPDATE user SET credential = random() WHERE id = NEW.id; END;
DROP TRIGGER user_credential;
CREATE TRIGGER user_credential AFTER UPDATE OF password ON user
	WHEN NEW.password IS NOT OLD.password AND NEW.rehashed = OLD.rehashed
		AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'following')
BEGIN UPDATE user SET credential = random() WHERE id = NEW.id; END;
