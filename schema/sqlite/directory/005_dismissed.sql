-- SPDX-License-Identifier: BSD-3-Clause
-- Groups that are gone are found by their name, so that dismissing one again is answered as done.

CREATE INDEX grp_gone ON grp(gid, id) WHERE dismissed = 1;
