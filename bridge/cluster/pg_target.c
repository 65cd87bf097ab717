/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the connection string apart and the password from its file. Called by pg_conn.c. */
#include "bridge/cluster/pg_target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "db/textfile.h"

#define LIMIT_S 10
#define WORDS_MAX 64
#define PASSWORD_MAX 1024

struct words {
	const char *key[WORDS_MAX], *value[WORDS_MAX];
	size_t n;
};

/* A host that has vanished is noticed after about ten seconds. What waits for a standby waits on:
 * there the server still answers. */
static const struct {
	const char *key, *value;
} defaults[] = {
	{"fallback_application_name", "im-bridge"},
	{"client_encoding", "UTF8"},
	{"keepalives_idle", "5"},
	{"keepalives_interval", "2"},
	{"keepalives_count", "3"},
	{"tcp_user_timeout", "10000"},
};

static const char *find(const struct words *w, const char *key)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->key[i], key) == 0)
			return w->value[i];
	return NULL;
}

static void add(struct words *w, const char *key, const char *value)
{
	if (w->n + 1 >= WORDS_MAX || find(w, key))
		return;
	w->key[w->n] = key;
	w->value[w->n++] = value;
}

/* a,b,c with nth 1 is b,c,a. */
static void rotate(char *list, unsigned nth)
{
	size_t hosts = 1, n = strlen(list), cut;
	char *at = list, *turned;

	for (const char *c = list; (c = strchr(c, ',')); c++)
		hosts++;
	for (nth %= hosts; nth; nth--)
		at = strchr(at, ',') + 1;
	cut = (size_t)(at - list);
	turned = cut ? malloc(n) : NULL;
	if (!turned)
		return;
	memcpy(turned, at, n - cut);
	turned[n - cut] = ',';
	memcpy(turned + n - cut + 1, list, cut - 1);
	memcpy(list, turned, n);
	free(turned);
}

static int take_words(PQconninfoOption *o, unsigned nth, struct words *w, struct im_buf *why)
{
	for (; o->keyword; o++) {
		if (!o->val)
			continue;
		if (strcmp(o->keyword, "password") == 0) {
			im_buf_z(why, "the connection string holds a password, where others may "
				      "read it: take it out and put it into a file of its own");
			return IM_E_FORMAT;
		}
		if (strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0 ||
			strcmp(o->keyword, "port") == 0)
			rotate(o->val, nth);
		add(w, o->keyword, o->val);
	}
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		add(w, defaults[i].key, defaults[i].value);
	return IM_OK;
}

static int take_password(const char *path, struct im_buf *password, struct im_buf *why)
{
	struct stat st;
	int error;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IRWXO) {
		im_buf_printf(why, "%s has mode %03o, so others may know the password: chmod 600",
			path, (unsigned)(st.st_mode & 07777));
		return IM_E_FORMAT;
	}
	error = textfile_read(path, PASSWORD_MAX, password);
	if (error) {
		im_buf_printf(why,
			"the password cannot be read from %s: %s; the file holds it and nothing "
			"else, and belongs to the user that im-bridge runs as",
			path, textfile_why(error));
		return IM_E_FORMAT;
	}
	while (password->n && strchr("\r\n", password->p[password->n - 1]))
		password->n--;
	im_buf_c(password, '\0');
	return password->failed ? IM_E_NOMEM : IM_OK;
}

static int64_t limit_ms(const struct words *w)
{
	const char *text = find(w, "connect_timeout");
	long s = text ? strtol(text, NULL, 10) : 0;

	return 1000 * (int64_t)(s > 0 && s < 3600 ? s : LIMIT_S);
}

int pg_target_begin(const char *conninfo, const char *password_file, unsigned nth, PGconn **out,
	int64_t *limit_ms_out, struct im_buf *why)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	struct words w = {.n = 0};
	struct im_buf password;
	int rc;

	*out = NULL;
	im_buf_init(&password, 0);
	if (!options) {
		/* libpq's own words repeat what it was given. */
		im_buf_z(why, "the connection string is none that libpq knows: write host=... "
			      "dbname=... user=..., or postgresql://user@host/database");
		return IM_E_FORMAT;
	}
	rc = take_words(options, nth, &w, why);
	if (!rc && password_file)
		rc = take_password(password_file, &password, why);
	if (rc)
		goto out;
	if (password_file)
		add(&w, "password", password.p);
	w.key[w.n] = NULL;
	w.value[w.n] = NULL;
	*limit_ms_out = limit_ms(&w);
	*out = PQconnectStartParams(w.key, w.value, 0);
	rc = *out ? IM_OK : IM_E_NOMEM;
out:
	if (password.p)
		explicit_bzero(password.p, password.cap);
	im_buf_free(&password);
	PQconninfoFree(options);
	return rc;
}
