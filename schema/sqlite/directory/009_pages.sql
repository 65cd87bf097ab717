-- SPDX-License-Identifier: BSD-3-Clause
-- Lists that are paged in the order of an index, so that a page costs what it holds.

DROP INDEX member_muted;
CREATE INDEX member_muted ON member(grp, user) WHERE muted_until_ms > 0;
CREATE INDEX device_list ON device(user, device);
