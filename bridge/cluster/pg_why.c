/* SPDX-License-Identifier: BSD-3-Clause */
/* A table by SQLSTATE, the longest beginning first. Called by pg_conn.c. */
#include "bridge/cluster/pg_why.h"

#include <ctype.h>
#include <string.h>

struct meaning {
	const char *state; /* or how it begins */
	bool fatal;
	const char *what_to_do; /* NULL: nothing; it passes */
};

static const struct meaning meanings[] = {
	{"28P01", true,
		"put the password of that role, and nothing else, into the password file, or give "
		"the role that one: ALTER ROLE ... PASSWORD ..."},
	{"28000", true, "create the role, or let it in by a line in the server's pg_hba.conf"},
	{"3D000", true, "create the database, or name the one that the cluster has"},
	{"42501", true,
		"give the role the right to create the schema (GRANT CREATE ON DATABASE ... TO "
		"...), or make it the owner of the schema im and all in it"},
	{"25006", false, "the server only reads for now; waiting until it writes"},
	{"53100", false, "the disk of the server is full; make room there"},
	{"53300", false, "raise the server's max_connections, or the role's CONNECTION LIMIT"},
	{"22", true, "this program and the schema im do not fit; report it"},
	{"23", true, "this program and the schema im do not fit; report it"},
	{"42", true,
		"the schema im is not the one that this program has made; restore it from a "
		"backup, or move it out of the way"},
	{"0A", true, "the server does not know how to do this; use PostgreSQL 15 or newer"},
	{"P0", true, "this program and the schema im do not fit; report it"},
};

static const struct meaning *find(const char *state)
{
	for (size_t i = 0; state && i < sizeof(meanings) / sizeof(*meanings); i++)
		if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0)
			return &meanings[i];
	return NULL;
}

/* Without its line breaks, and without the line that says where in the server's source it was. */
static void put_message(const char *message, struct im_buf *why)
{
	size_t begin = why->n;

	while (*message) {
		size_t n = strcspn(message, "\n");
		size_t blank = strspn(message, " \t");

		if (n > blank && strncmp(message, "LOCATION:", 9) != 0) {
			if (why->n > begin)
				im_buf_c(why, ' ');
			im_buf_put(why, message + blank, n - blank);
		}
		message += n + (message[n] == '\n');
	}
}

bool pg_why(const char *sqlstate, const char *message, struct im_buf *why)
{
	const struct meaning *m = find(sqlstate);

	put_message(message, why);
	if (m && m->what_to_do) {
		im_buf_z(why, ": ");
		im_buf_z(why, m->what_to_do);
	}
	return m && m->fatal;
}

/* It stands as `FATAL:  28P01: `, whatever the language. */
bool pg_why_state(const char *message, char state_out[6])
{
	for (const char *at = message; (at = strstr(at, ":  ")); at += 3) {
		size_t n = 0;

		while (n < 5 &&
			(isdigit((unsigned char)at[3 + n]) || isupper((unsigned char)at[3 + n])))
			n++;
		if (n == 5 && at[8] == ':') {
			memcpy(state_out, at + 3, 5);
			state_out[5] = '\0';
			return true;
		}
	}
	return false;
}
