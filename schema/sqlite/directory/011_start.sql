-- SPDX-License-Identifier: BSD-3-Clause
-- What a device has received lies in (start, cursor]: one that begins with the newest has not had
-- what was before. What devices that are gone have received stays: user.delivered says through where
-- from the beginning on, `received` what lies apart from that, the 16 newest stretches of a user.

ALTER TABLE device ADD COLUMN start INTEGER NOT NULL DEFAULT 0;

CREATE TABLE received (
	user    INTEGER NOT NULL REFERENCES user(id),
	start   INTEGER NOT NULL,
	through INTEGER NOT NULL,
	PRIMARY KEY (user, through)
) WITHOUT ROWID;

DROP TRIGGER device_out;
CREATE TRIGGER device_out AFTER DELETE ON device WHEN OLD.cursor > OLD.start
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
