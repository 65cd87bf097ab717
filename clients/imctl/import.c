/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `imctl user import`. Called by cmd_user.c. The time goes into hashing passwords, about 15 ms for
 * each different one; a run of users with the same password costs one hash.
 */
#include "clients/imctl/import.h"

#include <stdlib.h>
#include <string.h>

#include "clients/imctl/password.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/phc.h"

/* What follows a name may be a secret, and is not repeated: the name's own bytes alone are, and the
 * one that cannot be in it. */
static int not_a_uid(struct im_str line, struct im_buf *why)
{
	size_t n = 0;

	while (n < line.n && im_uid_valid((struct im_str){line.p + n, 1}))
		n++;
	if (n && n + 1 < line.n && line.p[n] == ':' && line.p[n + 1] == '$') {
		im_buf_printf(why,
			"this is a line of mosquitto_passwd for %.*s, whose hash cannot be taken "
			"over: write the name alone, and set a password with imctl user password",
			(int)(n > IM_UID_MAX ? IM_UID_MAX : n), line.p);
	} else if (n < line.n && line.p[n] != ',') {
		im_buf_printf(why,
			"a user id has 1 to %d of A-Z a-z 0-9 _ . @ - and ends at a comma; "
			"character %zu is ",
			IM_UID_MAX, n + 1);
		if (line.p[n] > ' ' && line.p[n] < 0x7f)
			im_buf_printf(why, "\"%c\"", line.p[n]);
		else
			im_buf_z(why, line.p[n] == ' ' ? "a blank" : "none of these");
	} else {
		im_buf_printf(
			why, "a user id has 1 to %d characters, this one has %zu", IM_UID_MAX, n);
	}
	return IM_E_FORMAT;
}

static int check_password(struct im_str password, struct im_buf *why)
{
	if (password.n == 0 || password.n > IM_PASSWORD_MAX) {
		im_buf_printf(why, "the password must have 1 to %d bytes", IM_PASSWORD_MAX);
		return IM_E_FORMAT;
	}
	if (!im_phc_foreign(password))
		return IM_OK;
	im_buf_z(why,
		"the password looks like a hash, and would be taken for the password itself: only "
		"Argon2id as a PHC string of at most 159 bytes is taken over "
		"(uid,$argon2id$v=19$m=...). "
		"Write the name alone, and set a password with imctl user password");
	return IM_E_FORMAT;
}

int import_line(
	struct im_str line, struct im_str *uid_out, struct im_str *password_out, struct im_buf *why)
{
	*uid_out = *password_out = (struct im_str){NULL, 0};
	if (line.n == 0 || line.p[0] == '#')
		return IM_OK;
	const char *comma = memchr(line.p, ',', line.n);
	struct im_str uid = {line.p, comma ? (size_t)(comma - line.p) : line.n};
	if (!im_uid_valid(uid))
		return not_a_uid(line, why);
	if (comma) {
		struct im_str password = {comma + 1, line.n - uid.n - 1};
		if (check_password(password, why))
			return IM_E_FORMAT;
		*password_out = password;
	}
	*uid_out = uid;
	return IM_OK;
}

/* The last password and its hash. */
struct hashed {
	char password[IM_PASSWORD_MAX];
	size_t n;
	char phc[IM_PHC_MAX];
};

static int to_phc(
	struct hashed *last, struct im_str password, struct im_str *phc, struct im_buf *why)
{
	*phc = password;
	if (password.n == 0 || im_phc_valid(password))
		return IMCTL_OK;
	if (password.n != last->n || memcmp(password.p, last->password, last->n) != 0) {
		int rc = password_hash(password, last->phc, why);
		if (rc != IMCTL_OK)
			return rc;
		memcpy(last->password, password.p, password.n);
		last->n = password.n;
	}
	*phc = im_str(last->phc);
	return IMCTL_OK;
}

static int import_one(struct offline *o, struct im_str line, struct hashed *last,
	struct import_counts *counts, struct im_buf *why)
{
	struct im_str uid, password, phc;
	bool created = false;

	while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (import_line(line, &uid, &password, why) != IM_OK)
		return IMCTL_USAGE;
	if (uid.n == 0)
		return IMCTL_OK;
	int rc = to_phc(last, password, &phc, why);
	if (rc == IMCTL_OK)
		rc = offline_import_add(o, uid, phc, &created, why);
	if (rc == IMCTL_OK) {
		counts->created += created;
		counts->existing += !created;
	}
	return rc;
}

int import_users(struct offline *o, FILE *in, struct import_counts *counts_out, struct im_buf *why)
{
	struct hashed last = {.n = 0};
	struct im_buf reason;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int64_t number = 0;

	*counts_out = (struct import_counts){0};
	int rc = IMCTL_OK;

	im_buf_init(&reason, 0);
	while (rc == IMCTL_OK && (n = getline(&line, &cap, in)) >= 0) {
		number++;
		rc = import_one(o, (struct im_str){line, (size_t)n}, &last, counts_out, &reason);
	}
	if (rc != IMCTL_OK)
		im_buf_printf(why, "line %lld: %.*s; no user was imported", (long long)number,
			IM_ARGS(reason));
	else if (ferror(in)) {
		im_buf_z(why, "cannot read the file; no user was imported");
		rc = IMCTL_USAGE;
	}
	explicit_bzero(&last, sizeof(last));
	if (line)
		explicit_bzero(line, cap);
	free(line);
	im_buf_free(&reason);
	return rc;
}
