-- SPDX-License-Identifier: BSD-3-Clause
-- What tells one password from the next is not its hash, which is made anew when the user logs in and
-- it is an old one: sessions and remembered logins go on then.

ALTER TABLE user ADD COLUMN credential INTEGER NOT NULL DEFAULT 0; -- another one with each password
ALTER TABLE user ADD COLUMN rehashed INTEGER NOT NULL DEFAULT 0;   -- how often the same one was hashed anew
UPDATE user SET credential = random();
CREATE TRIGGER user_credential_first AFTER INSERT ON user
BEGIN UPDATE user SET credential = random() WHERE id = NEW.id; END;
CREATE TRIGGER user_credential AFTER UPDATE OF password ON user
	WHEN NEW.password IS NOT OLD.password AND NEW.rehashed = OLD.rehashed
BEGIN UPDATE user SET credential = random() WHERE id = NEW.id; END;
