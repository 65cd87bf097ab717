-- SPDX-License-Identifier: BSD-3-Clause
-- What others see of a user has a version, so that whoever shows it knows when it is stale.

ALTER TABLE user ADD COLUMN told_ms INTEGER NOT NULL DEFAULT 0;	-- changes of it were told until then
ALTER TABLE user ADD COLUMN rev INTEGER NOT NULL DEFAULT 0;	-- grows with each change of it
CREATE TRIGGER user_rev AFTER UPDATE OF uid, nick, avatar, ext, deleted ON user
	WHEN NEW.uid <> OLD.uid OR NEW.nick <> OLD.nick OR NEW.avatar <> OLD.avatar
		OR NEW.ext IS NOT OLD.ext OR NEW.deleted <> OLD.deleted
BEGIN UPDATE user SET rev = rev + 1 WHERE id = NEW.id; END;
