-- SPDX-License-Identifier: BSD-3-Clause
-- When the connection began by which a device's home is its home, so that an earlier one that is
-- heard of late takes nothing from it.

-- 0: not known.
ALTER TABLE device ADD COLUMN home_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device_mark ADD COLUMN home_ms INTEGER NOT NULL DEFAULT 0;
