-- SPDX-License-Identifier: BSD-3-Clause
-- Which rooms a user follows: they count as unread, and sync brings them. Those who belong to a room
-- already see of it what they ask for.

ALTER TABLE conv_user ADD COLUMN follow INTEGER NOT NULL DEFAULT 0;
