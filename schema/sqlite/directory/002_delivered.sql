-- SPDX-License-Identifier: BSD-3-Clause
-- What a user has received stays received when the device is gone that has said so.

ALTER TABLE user ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;	-- newest cursor of past devices
CREATE TRIGGER device_out AFTER DELETE ON device WHEN OLD.cursor > 0
BEGIN UPDATE user SET delivered = max(delivered, OLD.cursor) WHERE id = OLD.user; END;
