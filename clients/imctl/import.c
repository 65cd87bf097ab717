/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `imctl user import`. Called by cmd_user.c. The time goes into hashing passwords, about 15 ms for
 * each different one; a run of users with the same password costs one hash.
 */
#include "import.h"

#include <stdlib.h>
#include <string.h>

#include "../../common/ids.h"
#include "../../common/limits.h"
#include "../../common/phc.h"
#include "password.h"

#define PHC_PREFIX "$argon2id$"

int import_line(
	struct im_str line, struct im_str *uid_out, struct im_str *password_out, struct im_buf *why)
{
	*uid_out = *password_out = (struct im_str){NULL, 0};
	if (line.n == 0 || line.p[0] == '#')
		return IM_OK;
	const char *comma = memchr(line.p, ',', line.n);
	struct im_str uid = {line.p, comma ? (size_t)(comma - line.p) : line.n};
	if (!im_uid_valid(uid)) {
		im_buf_printf(why, "\"%.*s\" is not a user id: 1 to 64 of A-Z a-z 0-9 _ . @ -",
			(int)(uid.n > IM_UID_MAX ? IM_UID_MAX : uid.n), uid.p);
		return IM_E_FORMAT;
	}
	if (comma)
		*password_out = (struct im_str){comma + 1, line.n - uid.n - 1};
	if (comma && (password_out->n == 0 || password_out->n > IM_PASSWORD_MAX)) {
		im_buf_printf(why, "the password must have 1 to %d bytes", IM_PASSWORD_MAX);
		return IM_E_FORMAT;
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
	if (password.n == 0 || (password.n > strlen(PHC_PREFIX) &&
				       memcmp(password.p, PHC_PREFIX, strlen(PHC_PREFIX)) == 0))
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
	int rc = offline_import_begin(o, why);
	if (rc != IMCTL_OK)
		return rc;
	im_buf_init(&reason, 0);
	while (rc == IMCTL_OK && (n = getline(&line, &cap, in)) >= 0) {
		number++;
		rc = import_one(o, (struct im_str){line, (size_t)n}, &last, counts_out, &reason);
	}
	if (rc != IMCTL_OK)
		im_buf_printf(why, "line %lld: %.*s; no user was imported", (long long)number,
			(int)reason.n, reason.p);
	else if (ferror(in)) {
		im_buf_z(why, "cannot read the file; no user was imported");
		rc = IMCTL_USAGE;
	}
	im_buf_reset(&reason);
	int end = offline_import_end(o, rc == IMCTL_OK, rc == IMCTL_OK ? why : &reason);
	explicit_bzero(&last, sizeof(last));
	free(line);
	im_buf_free(&reason);
	return rc == IMCTL_OK ? end : rc;
}
