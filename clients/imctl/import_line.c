/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by import.c. What follows a name may be a secret, and is not repeated: the name's own
 * bytes alone are, and the one that cannot be in it. */
#include "clients/imctl/import_line.h"

#include <string.h>

#include "common/ids.h"
#include "common/limits.h"

/* How much of a name that is none is shown. */
#define SHOWN_MAX 64

static void put_character(struct im_buf *why, char c)
{
	if (c > ' ' && c < 0x7f)
		im_buf_printf(why, "\"%c\"", c);
	else
		im_buf_z(why, c == ' ' ? "a blank" : "none of these");
}

/* What a terminal shows as it is. */
static bool is_plain(struct im_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

/* With a hash behind it it is meant for a name, and shown. */
static int not_a_uid(struct im_str name, bool is_name, struct im_buf *why)
{
	size_t n = 0;

	while (n < name.n && im_uid_valid((struct im_str){name.p + n, 1}))
		n++;
	if (is_name && is_plain(name))
		im_buf_printf(why, "\"%.*s\" cannot be a user id: ",
			(int)(name.n > SHOWN_MAX ? SHOWN_MAX : name.n), name.p);
	if (n < name.n) {
		im_buf_printf(why,
			"a user id has 1 to %d of A-Z a-z 0-9 _ . @ - and ends at a comma or a "
			"colon; character %zu is ",
			IM_UID_MAX, n + 1);
		put_character(why, name.p[n]);
	} else {
		im_buf_printf(
			why, "a user id has 1 to %d characters, this one has %zu", IM_UID_MAX, n);
	}
	return IM_E_FORMAT;
}

/* As mosquitto reads its files. */
static struct im_str trimmed(struct im_str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct im_str){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int take_hash(struct im_str text, struct import_entry *out, struct im_buf *why)
{
	struct im_pwhash h;
	const char *wrong;

	out->text = trimmed(text);
	if (im_pwhash_take(out->text, &h, &wrong) == IM_OK) {
		out->kind = (enum import_kind)h.kind;
		return IM_OK;
	}
	im_buf_printf(why, "what stands for the hash cannot be taken: %s", wrong);
	if (!im_phc_looks(out->text))
		im_buf_z(why,
			"; if it is the password itself, write a comma in place of the colon, or "
			"hash the file's passwords with mosquitto_passwd -U");
	else
		im_buf_z(
			why, "; write the name alone, and set a password with imctl user password");
	return IM_E_FORMAT;
}

static int take_password(struct im_str text, struct import_entry *out, struct im_buf *why)
{
	out->kind = IMPORT_PASSWORD;
	out->text = text;
	if (text.n == 0 || text.n > IM_PASSWORD_MAX) {
		im_buf_printf(why, "the password must have 1 to %d bytes", IM_PASSWORD_MAX);
		return IM_E_FORMAT;
	}
	if (memchr(text.p, '\0', text.n)) {
		im_buf_z(why, "the password has a zero byte, which none can have");
		return IM_E_FORMAT;
	}
	if (!im_phc_looks(text))
		return IM_OK;
	if (im_phc_valid(text))
		return take_hash(text, out, why);
	im_buf_z(why, "the password looks like a hash, and would be taken for the password itself");
	if (im_pwhash_valid(text))
		im_buf_z(why,
			"; if it is a hash, write a colon in place of the comma, or give --hashes");
	else
		im_buf_z(why,
			": only $7$ and $6$ of mosquitto_passwd, behind a colon, and Argon2id as a "
			"PHC string are taken over. Write the name alone, and set a password with "
			"imctl user password");
	return IM_E_FORMAT;
}

int import_line(struct im_str line, bool hashes, struct import_entry *out, struct im_buf *why)
{
	struct im_str name = {line.p, 0}, text = {NULL, 0};

	*out = (struct import_entry){.kind = IMPORT_NONE};
	if (im_str_bare_cr(line)) {
		im_buf_z(why, IM_BARE_CR_WHY);
		return IM_E_FORMAT;
	}
	if (trimmed(line).n == 0 || line.p[0] == '#')
		return IM_OK;
	while (name.n < line.n && line.p[name.n] != ',' && line.p[name.n] != ':')
		name.n++;
	if (name.n < line.n)
		text = (struct im_str){line.p + name.n + 1, line.n - name.n - 1};
	if (!im_uid_valid(name))
		return not_a_uid(name, im_phc_looks(trimmed(text)), why);
	out->uid = name;
	if (!text.p)
		return IM_OK;
	return hashes || line.p[name.n] == ':' ? take_hash(text, out, why)
					       : take_password(text, out, why);
}
