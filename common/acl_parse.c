/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads an acl_file as Mosquitto does, and says what is wrong with it, where Mosquitto takes it for
 * something else or ends without a word about the line. Called by acl.c. */
#include "common/acl_parse.h"

#include <stdlib.h>

#include "common/ids.h"
#include "common/may.h"
#include "common/topic.h"
#include "common/utf8.h"

/* More is not read by anybody; what begins before it ends behind it. */
#define WARNINGS_MAX (16 * 1024)
#define QUOTED_MAX 100
#define COMMENT "a comment has a line of its own"
#define BOM "\xef\xbb\xbf"

static const char *const access_names[] = {"deny", "read", "write", "readwrite"};
#define ACCESSES (sizeof(access_names) / sizeof(access_names[0]))

struct parse {
	const struct im_acl_from *f;
	struct im_acl_rules *out;
	struct im_buf *why, *warnings;
	uint32_t line;
	bool section;          /* a `user` or `role` line was there */
	uint8_t list, pattern; /* where topics and patterns go */
	struct im_str user;
	bool nameless; /* was warned of */
};

void im_acl_quote(struct im_buf *b, struct im_str s)
{
	size_t i;

	for (i = 0; i < s.n && i < QUOTED_MAX; i++)
		im_buf_c(b, (unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] >= 0x7f ? '?'
											  : s.p[i]);
	if (i < s.n)
		im_buf_z(b, "...");
}

/* ---- sentences ---- */

static int fail(struct parse *ps, const char *begins, struct im_str quoted, const char *ends)
{
	im_buf_printf(ps->why, "%s:%u: %s", ps->f->name, ps->line, begins);
	im_acl_quote(ps->why, quoted);
	im_buf_z(ps->why, ends);
	return IM_E_FORMAT;
}

static void warn(struct parse *ps, const char *begins, struct im_str quoted, const char *ends)
{
	if (ps->warnings->n >= WARNINGS_MAX)
		return;
	im_buf_printf(ps->warnings, "%s:%u: %s", ps->f->name, ps->line, begins);
	im_acl_quote(ps->warnings, quoted);
	im_buf_z(ps->warnings, ends);
	im_buf_c(ps->warnings, '\n');
}

/* What Mosquitto takes as a part of a filter or name. */
static bool has_comment(struct im_str line)
{
	for (size_t i = 1; i < line.n; i++)
		if (line.p[i] == '#' && (line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return true;
	return false;
}

/* ---- words ---- */

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct im_str trim(struct im_str s)
{
	while (s.n && blank(s.p[0]))
		s = (struct im_str){s.p + 1, s.n - 1};
	while (s.n && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The first word of a trimmed text; *rest is what follows, trimmed. */
static struct im_str word(struct im_str *rest)
{
	struct im_str s = *rest;
	size_t n = 0;

	while (n < s.n && !blank(s.p[n]))
		n++;
	*rest = trim((struct im_str){s.p + n, s.n - n});
	return (struct im_str){s.p, n};
}

/* ---- rules ---- */

int im_acl_rules_add(struct im_acl_rules *r, const struct im_acl_rule *one)
{
	uint32_t room = r->room ? r->room * 2 : 64;
	struct im_acl_rule *v = r->v;

	if (r->n == r->room) {
		v = realloc(v, room * sizeof(*v));
		if (!v)
			return IM_E_NOMEM;
		r->v = v;
		r->room = room;
	}
	v[r->n++] = *one;
	return IM_OK;
}

static size_t levels_of(struct im_str s)
{
	size_t i, n = 1;

	for (i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

const char *im_acl_filter_fault(struct im_str filter)
{
	if (!im_filter_valid(filter))
		return "is no topic filter: + and # stand alone in their level, and # is the last";
	if (filter.n >= 6 && memcmp(filter.p, "$share", 6) == 0 &&
		(filter.n == 6 || filter.p[6] == '/'))
		return "is no filter for rights: write the topic without $share/GROUP/, which "
		       "holds for shared subscriptions too";
	if (!im_utf8_valid(filter))
		return "is not UTF-8, as topics are";
	if (filter.n > 65535)
		return "is longer than a topic can be, which is 65535 bytes";
	if (levels_of(filter) > IM_ACL_LEVELS_MAX)
		return "has more than 32 levels, which are the most that are looked at; end it "
		       "with # before, which stands for whatever lies below";
	return NULL;
}

/* The access that a word means, or -1. */
static int access_of(struct im_str s)
{
	for (size_t i = 0; i < ACCESSES; i++) {
		if (im_str_eqz(s, access_names[i]))
			return (int)i;
	}
	return -1;
}

/* IM's own topics have rights of their own. */
static bool is_im(const struct parse *ps, struct im_str filter)
{
	struct im_filter f;

	im_filter_parse(ps->f->prefix, filter, &f);
	return f.topic.kind != IM_TOPIC_OTHER;
}

/* False: it says nothing, and is left out: nor is a subscription let in for it that it would
 * overlap. */
static bool look_at(struct parse *ps, const struct im_acl_rule *r, bool pattern)
{
	const bool fills = im_acl_holds(r->filter, IM_ACL_FILL_USER | IM_ACL_FILL_CLIENT);
	const bool im = is_im(ps, r->filter);

	if (im)
		warn(ps, "", r->filter,
			" is one of IM's own topics, on which a rule changes nothing: take it "
			"out");
	else if (im_topic_sys(r->filter) && r->access == IM_ACL_WRITE)
		warn(ps, "", r->filter,
			" is the broker's own, and nobody publishes there: take it out");
	else if (!pattern && fills)
		warn(ps, "`topic` takes the %u or %c of ", r->filter,
			" as it stands: write `pattern` to have it filled in");
	else if (pattern && !fills && r->list == IM_ACL_PATTERN)
		warn(ps, "the pattern ", r->filter,
			" has no %u and no %c: it holds for everybody alike");
	if (!pattern && !ps->section && !ps->nameless) {
		ps->nameless = true;
		warn(ps,
			"`topic` before any `user` or `role` line is for clients without a name, "
			"and none come in here: it does nothing; write `role user` above it, or "
			"`pattern` in its place, for everybody",
			IM_STR(""), "");
	}
	return !im && (pattern || ps->section);
}

/* topic|pattern [read|write|readwrite|deny] FILTER */
static int rule_line(struct parse *ps, struct im_str rest, bool pattern)
{
	struct im_str filter = rest, first = word(&rest);
	int access = access_of(first);
	struct im_acl_rule r = {.user = ps->user,
		.line = ps->line,
		.list = pattern ? ps->pattern : ps->list,
		.access = IM_ACL_READ | IM_ACL_WRITE};
	const char *fault;

	if (!first.n)
		return fail(ps, pattern ? "`pattern`" : "`topic`", IM_STR(""),
			" needs a filter: topic [read|write|readwrite|deny] FILTER");
	if (access >= 0 && !rest.n)
		return fail(ps, "`", first,
			"` has no filter behind it; for a topic of that name write `readwrite` "
			"before it");
	/* As in Mosquitto a filter may hold blanks, if an access stands before it. */
	if (access < 0 && rest.n)
		return fail(ps, "\"", first,
			"\" is no access: give read, write, readwrite or deny before a filter");
	if (access >= 0) {
		r.access = (uint8_t)access;
		filter = rest;
	}
	r.filter = filter;
	fault = im_acl_filter_fault(filter);
	if (fault) {
		im_buf_printf(ps->why, "%s:%u: \"", ps->f->name, ps->line);
		im_acl_quote(ps->why, filter);
		im_buf_printf(ps->why, "\" %s", fault);
		return IM_E_FORMAT;
	}
	if (!pattern)
		r.list = ps->list;
	else
		r.user = (struct im_str){NULL, 0};
	if (!look_at(ps, &r, pattern))
		return IM_OK;
	if (ps->out->n < IM_ACL_RULES_MAX)
		return im_acl_rules_add(ps->out, &r);
	(void)fail(ps, "more than 100000 rules", IM_STR(""),
		": use `pattern` with %u or %c, or `role`, in place of a rule for each user");
	return IM_E_FULL;
}

static int user_line(struct parse *ps, struct im_str rest)
{
	if (!rest.n)
		return fail(ps, "`user` needs a name: user NAME", IM_STR(""), "");
	if (!im_uid_valid(rest))
		warn(ps, "no account can be called \"", rest,
			has_comment(rest)
				? "\": the rules below it are nobody's; " COMMENT
				: "\" (a name is 1 to 64 of A-Z a-z 0-9 _ . @ -): the rules "
				  "below it are nobody's");
	ps->section = true;
	ps->user = rest;
	ps->list = IM_ACL_USER;
	ps->pattern = IM_ACL_PATTERN;
	return IM_OK;
}

static int role_line(struct parse *ps, struct im_str rest)
{
	int role = im_role_parse(rest);

	if (role < 0)
		return fail(ps, "\"role ", rest, "\": the roles are user, admin and device");
	ps->section = true;
	ps->user = (struct im_str){NULL, 0};
	ps->list = (uint8_t)(IM_ACL_ROLE + role);
	ps->pattern = (uint8_t)(IM_ACL_ROLE_PATTERN + role);
	return IM_OK;
}

static int take_line(struct parse *ps, struct im_str line)
{
	struct im_str rest = trim(line), key;

	if (im_str_bare_cr(line))
		return fail(ps, IM_BARE_CR_WHY, IM_STR(""), "");
	if (!rest.n || rest.p[0] == '#')
		return IM_OK;
	if (memchr(rest.p, '\0', rest.n))
		return fail(ps, "a NUL byte: this is no text file", IM_STR(""), "");
	key = word(&rest);
	if (im_str_eqz(key, "topic"))
		return rule_line(ps, rest, false);
	if (im_str_eqz(key, "pattern"))
		return rule_line(ps, rest, true);
	if (im_str_eqz(key, "user"))
		return user_line(ps, rest);
	if (im_str_eqz(key, "role"))
		return role_line(ps, rest);
	return fail(ps, "\"", key,
		"\" begins no line of an acl_file: user, role, topic, pattern and # do");
}

int im_acl_parse(const struct im_acl_from *f, struct im_acl_rules *out, struct im_buf *why,
	struct im_buf *warnings)
{
	struct parse ps = {
		.f = f, .out = out, .why = why, .warnings = warnings, .pattern = IM_ACL_PATTERN};
	struct im_str text = f->text;
	int ret = IM_OK;

	if (text.n > IM_ACL_BYTES_MAX) {
		im_buf_printf(why, "%s: longer than %u bytes, the most that are read", f->name,
			IM_ACL_BYTES_MAX);
		return IM_E_FULL;
	}
	/* What some editors begin a file with. */
	if (text.n >= sizeof(BOM) - 1 && memcmp(text.p, BOM, sizeof(BOM) - 1) == 0)
		text = (struct im_str){text.p + sizeof(BOM) - 1, text.n - (sizeof(BOM) - 1)};
	while (!ret && text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		struct im_str line = {text.p, end ? (size_t)(end - text.p) : text.n};

		ps.line++;
		ret = take_line(&ps, line);
		if (ret == IM_E_FORMAT && has_comment(line))
			im_buf_z(why, "; " COMMENT);
		text.n -= line.n + (end != NULL);
		text.p += line.n + (end != NULL);
	}
	return ret;
}
