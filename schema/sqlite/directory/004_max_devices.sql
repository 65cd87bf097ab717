-- SPDX-License-Identifier: BSD-3-Clause
-- How many devices of one user may be connected, where it is not what the server says.

ALTER TABLE user ADD COLUMN max_devices INTEGER;	-- NULL: the server's; 0: no limit
