/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure: what was asked of a server and is known. Called by pg_session.c. */
#include "bridge/cluster/pg_server.h"

#include <string.h>

#define VERSION_MIN 15

enum pg_verdict pg_server_check(const struct pg_server *s, struct im_buf *why)
{
	if (s->version < VERSION_MIN * 10000) {
		im_buf_printf(why,
			"the server is PostgreSQL %d, this program needs %d or newer: upgrade it, "
			"or name another one",
			s->version / 10000, VERSION_MIN);
		return PG_SERVER_UNFIT;
	}
	if (s->standby) {
		im_buf_z(why, "the server is a standby: name the primary, or all of them; waiting "
			      "until it is promoted");
		return PG_SERVER_WAIT;
	}
	if (s->read_only) {
		im_buf_z(why, "transactions are read only (default_transaction_read_only): set it "
			      "to off for this role; waiting until it is");
		return PG_SERVER_WAIT;
	}
	return PG_SERVER_FIT;
}

static bool off(const char *setting)
{
	return strcmp(setting, "off") == 0;
}

const char *pg_server_doubt(const struct pg_server *s, unsigned i)
{
	const struct {
		bool is;
		const char *says;
	} doubts[PG_DOUBTS_MAX] = {
		{!*s->standby_names,
			"synchronous_standby_names is empty: when the server is lost for good, so "
			"are the last acknowledged messages, and their numbers are given again; "
			"name a synchronous standby there"},
		{off(s->fsync), "fsync is off: a crash of the server's machine may lose or damage "
				"everything; set it to on"},
		{off(s->full_page_writes), "full_page_writes is off: a crash of the server's "
					   "machine may damage everything; set it to on"},
		{off(s->synchronous_commit),
			"synchronous_commit is off for this role: the bridge sets it to on for "
			"itself, whatever else writes to the schema may lose what it was told is "
			"stored; set it to on"},
	};

	for (unsigned d = 0; d < PG_DOUBTS_MAX; d++)
		if (doubts[d].is && !i--)
			return doubts[d].says;
	return NULL;
}
