/* SPDX-License-Identifier: BSD-3-Clause */
/* Rights on ordinary topics: what an acl_file may say and what is said of one that is wrong; who
 * may what, against a reference that goes through all rules one by one as Mosquitto does. */
#include "common/acl.h"

#include <stdio.h>

#include "common/limits.h"
#include "tests/unit/unit.h"

struct rules {
	struct im_acl *acl;
	struct im_buf why, warnings;
};

static int make(struct rules *r, struct im_str text, char *const *open, size_t n_open)
{
	const struct im_acl_from f = {IM_STR("im"), "f", text, open, n_open};
	int ret;

	im_buf_init(&r->why, 0);
	im_buf_init(&r->warnings, 0);
	ret = im_acl_new(&f, &r->acl, &r->why, &r->warnings);
	im_buf_c(&r->why, '\0');
	im_buf_c(&r->warnings, '\0');
	return ret;
}

static void end(struct rules *r)
{
	im_acl_free(&r->acl);
	im_buf_free(&r->why);
	im_buf_free(&r->warnings);
}

static void wrong_lines_are_named(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"tpoic read a\n", "f:1: \"tpoic\" begins no line of an acl_file: user, role, "
				   "topic, pattern and # do"},
		{"# x\n\nuser a\ntopic\n",
			"f:4: `topic` needs a filter: topic [read|write|readwrite|deny] FILTER"},
		{"pattern \r\n",
			"f:1: `pattern` needs a filter: topic [read|write|readwrite|deny] FILTER"},
		{"user a\ntopic read\n", "f:2: `read` has no filter behind it; for a topic of that "
					 "name write `readwrite` before it"},
		{"user a\ntopic reed a/b\n", "f:2: \"reed\" is no access: give read, write, "
					     "readwrite or deny before a filter"},
		{"user a\ntopic read a/#/b\n", "f:2: \"a/#/b\" is no topic filter: + and # stand "
					       "alone in their level, and # is the last"},
		{"user a\ntopic a+\n", "f:2: \"a+\" is no topic filter: + and # stand alone in "
				       "their level, and # is the last"},
		{"user a\ntopic read a # all of it\n",
			"f:2: \"a # all of it\" is no topic filter: + and # stand alone in their "
			"level, and # is the last; a comment has a line of its own"},
		{"user a\ntopic a # all of it\n",
			"f:2: \"a\" is no access: give read, write, readwrite or deny before a "
			"filter; a comment has a line of its own"},
		{"role device # all\n", "f:1: \"role device # all\": the roles are user, admin "
					"and device; a comment has a line of its own"},
		{"user a\ntopic read $share/g/a\n",
			"f:2: \"$share/g/a\" is no filter for rights: write the topic without "
			"$share/GROUP/, which holds for shared subscriptions too"},
		{"pattern read $share\n",
			"f:1: \"$share\" is no filter for rights: write the topic without "
			"$share/GROUP/, which holds for shared subscriptions too"},
		{"user a\ntopic read a\xff\n", "f:2: \"a?\" is not UTF-8, as topics are"},
		{"user a\ntopic 1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/"
		 "3\n",
			"f:2: "
			"\"1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3\" "
			"has more than 32 levels, which are the most that are looked at; end it "
			"with # before, which stands for whatever lies below"},
		{"user\n", "f:1: `user` needs a name: user NAME"},
		{"role\n", "f:1: \"role \": the roles are user, admin and device"},
		{"\nrole root\n", "f:2: \"role root\": the roles are user, admin and device"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules r;

		assert_int_equal(make(&r, im_str(cases[i].text), NULL, 0), IM_E_FORMAT);
		assert_string_equal(r.why.p, cases[i].why);
		assert_null(r.acl);
		end(&r);
	}
}

/* What some editors begin a file with is no part of its first line, and nowhere else. */
static void a_byte_order_mark_is_skipped(void **state)
{
	const struct im_acl_who a = {IM_STR("a"), IM_STR("d"), IM_ROLE_USER};
	struct im_acl_verdict by;
	struct rules r;

	(void)state;
	assert_int_equal(make(&r, IM_STR("\xef\xbb\xbfuser a\ntopic read x\n"), NULL, 0), IM_OK);
	assert_string_equal(r.warnings.p, "");
	assert_true(im_acl_may(r.acl, &a, IM_ACL_READ, IM_STR("x"), &by));
	end(&r);
	assert_int_equal(
		make(&r, IM_STR("user a\n\xef\xbb\xbftopic read x\n"), NULL, 0), IM_E_FORMAT);
	end(&r);
}

static void a_nul_is_no_text(void **state)
{
	struct rules r;

	(void)state;
	assert_int_equal(make(&r, IM_STR("user a\ntopic a\0b\n"), NULL, 0), IM_E_FORMAT);
	assert_string_equal(r.why.p, "f:2: a NUL byte: this is no text file");
	end(&r);
}

/* A comment would swallow all that follows it. */
static void a_carriage_return_ends_no_line(void **state)
{
	static const char *const texts[] = {"user a\n# x\rtopic deny b\r\n",
		"user a\ntopic deny b\rtopic c\n", "user a\n\rtopic c"};
	struct rules r;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(make(&r, im_str(texts[i]), NULL, 0), IM_E_FORMAT);
		assert_string_equal(r.why.p,
			"f:2: a carriage return within the line: end lines with LF or CR LF");
		end(&r);
	}
	assert_int_equal(make(&r, IM_STR("user a\r\n\r\ntopic c\r\n"), NULL, 0), IM_OK);
	end(&r);
}

static void what_does_nothing_is_said(void **state)
{
	static const struct {
		const char *text, *warning;
	} cases[] = {
		{"# only words\n \t\nuser a\n\ttopic read a b/#\n  # in\nrole device\n"
		 "pattern dev/all\n",
			""},
		{"topic read $SYS/#\ntopic b\nuser a\ntopic a\n",
			"f:1: `topic` before any `user` or `role` line is for clients without a "
			"name, and none come in here: it does nothing; write `role user` above it, "
			"or `pattern` in its place, for everybody\n"},
		{"user a # b\ntopic c\n",
			"f:1: no account can be called \"a # b\": the rules below it are "
			"nobody's; a comment has a line of its own\n"},
		{"user a b\ntopic c\n",
			"f:1: no account can be called \"a b\" (a name is 1 to 64 of A-Z a-z 0-9 _ "
			". @ -): the rules below it are nobody's\n"},
		{"user a\ntopic readwrite im/#\ntopic im/u/b\ntopic read $im/up\ntopic read "
		 "$CONTROL/im/v1\ntopic imx/a\ntopic #\n",
			"f:2: im/# is one of IM's own topics, on which a rule changes nothing: "
			"take "
			"it out\n"
			"f:3: im/u/b is one of IM's own topics, on which a rule changes nothing: "
			"take it out\n"
			"f:4: $im/up is one of IM's own topics, on which a rule changes nothing: "
			"take it out\n"
			"f:5: $CONTROL/im/v1 is one of IM's own topics, on which a rule changes "
			"nothing: take it out\n"},
		{"user a\ntopic write $SYS/x\ntopic $SYS/#\n",
			"f:2: $SYS/x is the broker's own, and nobody publishes there: take it "
			"out\n"},
		{"user a\ntopic home/%u/#\n", "f:2: `topic` takes the %u or %c of home/%u/# as it "
					      "stands: write `pattern` to have it filled in\n"},
		{"pattern read news/#\n", "f:1: the pattern news/# has no %u and no %c: it holds "
					  "for everybody alike\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rules r;

		assert_int_equal(make(&r, im_str(cases[i].text), NULL, 0), IM_OK);
		assert_string_equal(r.warnings.p, cases[i].warning);
		end(&r);
	}
}

/* Bounds: as many rules as are taken, and one more; more places for one topic than are taken. */
static void bounds_are_named(void **state)
{
	struct im_buf text;
	struct rules r;
	int i, level;

	(void)state;
	im_buf_init(&text, 0);
	im_buf_z(&text, "user a\n");
	for (i = 0; i < IM_ACL_RULES_MAX; i++)
		im_buf_printf(&text, "topic a/%d\n", i);
	assert_int_equal(make(&r, im_buf_view(&text), NULL, 0), IM_OK);
	assert_int_equal(im_acl_rules(r.acl), IM_ACL_RULES_MAX);
	end(&r);
	im_buf_z(&text, "topic b\n");
	assert_int_equal(make(&r, im_buf_view(&text), NULL, 0), IM_E_FULL);
	assert_string_equal(r.why.p, "f:100002: more than 100000 rules: use `pattern` with %u or "
				     "%c, or `role`, in place of a rule for each user");
	end(&r);
	/* Every topic of ten levels a/a/.. would lead to 2^10 places. */
	im_buf_reset(&text);
	im_buf_z(&text, "role device\n");
	for (i = 0; i < 1 << 10; i++) {
		im_buf_z(&text, "topic ");
		for (level = 0; level < 10; level++)
			im_buf_z(&text, level ? i >> level & 1 ? "/+" : "/a" : i & 1 ? "+" : "a");
		im_buf_c(&text, '\n');
	}
	assert_int_equal(make(&r, im_buf_view(&text), NULL, 0), IM_E_FULL);
	assert_string_equal(r.why.p,
		"f: of the rules, those of role device branch so often at + or at %u and %c that "
		"one topic could lead to 2047 places, which each message would cost; at most 1000 "
		"are taken: write # in place of further levels, or less rules with + beside names");
	end(&r);
	im_buf_reset(&text);
	while (text.n <= IM_ACL_BYTES_MAX)
		im_buf_z(&text, "# ............................................................\n");
	assert_int_equal(make(&r, im_buf_view(&text), NULL, 0), IM_E_FULL);
	assert_string_equal(r.why.p, "f: longer than 16777216 bytes, the most that are read");
	end(&r);
	im_buf_free(&text);
}

static const char *verdict(const struct rules *r, const char *uid, const char *client,
	enum im_role role, enum im_acl_access access, const char *topic)
{
	static char text[512];
	const struct im_acl_who who = {im_str(uid), im_str(client), role};
	struct im_acl_verdict v;
	struct im_buf b;
	bool may = im_acl_may(r->acl, &who, access, im_str(topic), &v);

	im_buf_init(&b, 0);
	im_acl_put_reason(r->acl, &v, &b);
	snprintf(text, sizeof(text), "%s %.*s", may ? "yes" : "no", IM_ARGS(b));
	im_buf_free(&b);
	return text;
}

static void the_rule_is_named(void **state)
{
	static char *const open[] = {"pub/#", "own/%u/+", "c/%c"};
	static const char file[] = "user al\n"
				   "topic read a/#\n"
				   "topic deny a/secret\n"
				   "topic write b/+/c\n"
				   "topic both ways\n"
				   "role device\n"
				   "topic write a/secret\n"
				   "pattern dev/%c/#\n"
				   "user bo\n"
				   "pattern read mail/%u-in/#\n"
				   "pattern deny pub/not/%u\n"
				   "user al\n"
				   "topic a2\n";
	static const struct {
		const char *uid, *client;
		enum im_role role;
		enum im_acl_access access;
		const char *topic, *verdict;
	} cases[] = {
		{"al", "p", IM_ROLE_USER, IM_ACL_READ, "a", "yes f:2: topic read a/#"},
		{"al", "p", IM_ROLE_USER, IM_ACL_READ, "a/x/y", "yes f:2: topic read a/#"},
		{"al", "p", IM_ROLE_USER, IM_ACL_WRITE, "a/x",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "p", IM_ROLE_DEVICE, IM_ACL_WRITE, "a/secret",
			"no f:3: topic deny a/secret"},
		{"bo", "p", IM_ROLE_DEVICE, IM_ACL_WRITE, "a/secret",
			"yes f:7: topic write a/secret"},
		{"al", "p", IM_ROLE_USER, IM_ACL_WRITE, "b//c", "yes f:4: topic write b/+/c"},
		{"al", "p", IM_ROLE_USER, IM_ACL_WRITE, "a2", "yes f:13: topic readwrite a2"},
		{"al", "p", IM_ROLE_DEVICE, IM_ACL_WRITE, "dev/p/x",
			"yes f:8: pattern readwrite dev/%c/#"},
		{"al", "p", IM_ROLE_ADMIN, IM_ACL_WRITE, "dev/p/x",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "p/q", IM_ROLE_DEVICE, IM_ACL_WRITE, "dev/p/q",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "+", IM_ROLE_DEVICE, IM_ACL_WRITE, "dev/+/q",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "", IM_ROLE_DEVICE, IM_ACL_WRITE, "dev//q",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "p", IM_ROLE_USER, IM_ACL_READ, "mail/al-in/1",
			"yes f:10: pattern read mail/%u-in/#"},
		{"al", "p+", IM_ROLE_USER, IM_ACL_READ, "mail/al-in/1",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "p", IM_ROLE_USER, IM_ACL_READ, "mail/al-out/1",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "p", IM_ROLE_USER, IM_ACL_READ, "pub/not/al",
			"no f:11: pattern deny pub/not/%u"},
		{"al", "p", IM_ROLE_USER, IM_ACL_READ, "pub/not/bo", "yes allow_topic pub/#"},
		{"al", "p#", IM_ROLE_USER, IM_ACL_WRITE, "own/al/x", "yes allow_topic own/%u/+"},
		/* allow_topic knows no %c. */
		{"al", "p", IM_ROLE_USER, IM_ACL_WRITE, "c/p",
			"no no rule of the acl_file or allow_topic opens it"},
		{"al", "p", IM_ROLE_USER, IM_ACL_WRITE, "c/%c", "yes allow_topic c/%c"},
		{"al", "p", IM_ROLE_ADMIN, IM_ACL_READ, "$SYS/x",
			"yes $SYS is the broker's: administrators read it, and nobody publishes "
			"there"},
		{"al", "p", IM_ROLE_ADMIN, IM_ACL_WRITE, "$SYS/x",
			"no $SYS is the broker's: administrators read it, and nobody publishes "
			"there"},
		{"al", "p", IM_ROLE_USER, IM_ACL_READ, "$SYS/x",
			"no no rule of the acl_file or allow_topic opens it"},
	};
	struct rules r;

	(void)state;
	/* "both" is no access. */
	assert_int_equal(make(&r, im_str(file), open, 3), IM_E_FORMAT);
	end(&r);
	{
		char *text = strdup(file), *both = strstr(text, "topic both ways");

		memcpy(both, "topic both_ways", 15);
		assert_int_equal(make(&r, im_str(text), open, 3), IM_OK);
		free(text);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(verdict(&r, cases[i].uid, cases[i].client, cases[i].role,
					    cases[i].access, cases[i].topic),
			cases[i].verdict);
	end(&r);
}

/* A `deny` by client id keeps out whoever's client id it cannot be held against. */
static void what_cannot_be_denied_is_not_allowed(void **state)
{
	static char *const open[] = {"pub/#"};
	struct rules r;

	(void)state;
	assert_int_equal(make(&r, IM_STR("pattern read a/#\npattern deny a/%c\n"), open, 1), IM_OK);
	assert_string_equal(verdict(&r, "al", "p", IM_ROLE_USER, IM_ACL_READ, "a/q"),
		"yes f:1: pattern read a/#");
	assert_string_equal(verdict(&r, "al", "p", IM_ROLE_USER, IM_ACL_READ, "a/p"),
		"no f:2: pattern deny a/%c");
	assert_string_equal(verdict(&r, "al", "p/q", IM_ROLE_USER, IM_ACL_READ, "a/q"),
		"no a `pattern deny` with %c cannot be applied to a client id that is not known or "
		"holds /, + or #");
	assert_string_equal(verdict(&r, "al", "", IM_ROLE_USER, IM_ACL_READ, "pub/q"),
		"no a `pattern deny` with %c cannot be applied to a client id that is not known or "
		"holds /, + or #");
	end(&r);
}

/* Nor may he listen to it: of a share he would take what he is not given. */
static void what_cannot_be_denied_is_not_listened_to(void **state)
{
	static const char *const ids[] = {"a/b", "a+b", "a#b", "+", ""};
	static const char *const filters[] = {"pub/q", "pub/#", "$share/g/pub/q", "a/q"};
	static char *const open[] = {"pub/#"};
	struct im_acl_verdict v;
	struct im_filter f;
	struct rules r;

	(void)state;
	assert_int_equal(make(&r, IM_STR("pattern read a/#\npattern deny a/%c\n"), open, 1), IM_OK);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct im_acl_who who = {IM_STR("al"), im_str(ids[i]), IM_ROLE_USER};

		for (size_t k = 0; k < sizeof(filters) / sizeof(filters[0]); k++) {
			im_filter_parse(IM_STR("im"), im_str(filters[k]), &f);
			assert_false(im_acl_may_subscribe(r.acl, &who, &f, &v));
			assert_int_equal(v.reason, IM_ACL_CLIENT);
		}
	}
	end(&r);
}

static const char *listens(
	const struct rules *r, const char *uid, enum im_role role, const char *filter)
{
	static char text[512];
	const struct im_acl_who who = {im_str(uid), IM_STR("p"), role};
	struct im_acl_verdict v;
	struct im_filter f;
	struct im_buf b;
	bool may;

	im_filter_parse(IM_STR("im"), im_str(filter), &f);
	may = im_acl_may_subscribe(r->acl, &who, &f, &v);
	im_buf_init(&b, 0);
	im_acl_put_reason(r->acl, &v, &b);
	snprintf(text, sizeof(text), "%s %.*s", may ? "yes" : "no", IM_ARGS(b));
	im_buf_free(&b);
	return text;
}

static void subscriptions_overlap_but_leave_im_out(void **state)
{
	static char *const open[] = {"pub/#"};
	static const char no[] = "no no rule of the acl_file or allow_topic opens it";
	static const char im[] = "no it would take in IM's own topics, and no rule covers all that "
				 "it matches; leave those out, or name more levels";
	static const struct {
		const char *uid;
		enum im_role role;
		const char *filter, *verdict;
	} cases[] = {
		{"al", IM_ROLE_USER, "a/b", "yes f:2: topic read a/+"},
		{"al", IM_ROLE_USER, "a/+", "yes f:2: topic read a/+"},
		{"al", IM_ROLE_USER, "a/#", "yes f:2: topic read a/+"},
		{"al", IM_ROLE_USER, "+/b", im},
		{"al", IM_ROLE_USER, "#", im},
		{"al", IM_ROLE_USER, "a/b/c", no},
		{"al", IM_ROLE_USER, "w/x", no},
		{"al", IM_ROLE_USER, "mail/+/in", "yes f:8: pattern read mail/%u/in"},
		{"al", IM_ROLE_USER, "mail/bo/in", no},
		{"al", IM_ROLE_USER, "pub/x/#", "yes allow_topic pub/#"},
		{"al", IM_ROLE_USER, "+/x/#", im},
		{"bo", IM_ROLE_USER, "#", "yes f:5: topic read #"},
		{"bo", IM_ROLE_USER, "im/+", "yes f:5: topic read #"},
		{"bo", IM_ROLE_USER, "$SYS/#", no},
		{"bo", IM_ROLE_ADMIN, "$SYS/#",
			"yes $SYS is the broker's: administrators read it, and nobody publishes "
			"there"},
		{"cy", IM_ROLE_USER, "+/+/#", "yes f:7: topic read +/#"},
		{"cy", IM_ROLE_USER, "#", "yes f:7: topic read +/#"},
		{"cy", IM_ROLE_USER, "$x/#", no},
	};
	struct rules r;

	(void)state;
	assert_int_equal(make(&r,
				 IM_STR("user al\ntopic read a/+\ntopic write w/x\nuser bo\n"
					"topic read #\nuser cy\ntopic read +/#\n"
					"pattern read mail/%u/in\n"),
				 open, 1),
		IM_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(listens(&r, cases[i].uid, cases[i].role, cases[i].filter),
			cases[i].verdict);
	end(&r);
	/* More than there is time to look through is let in: each message is asked about. */
	{
		struct im_buf text;

		im_buf_init(&text, 0);
		im_buf_z(&text, "user al\n");
		for (int i = 0; i < 5000; i++)
			im_buf_printf(&text, "topic read a/%d/x\n", i);
		assert_int_equal(make(&r, im_buf_view(&text), NULL, 0), IM_OK);
		assert_string_equal(listens(&r, "al", IM_ROLE_USER, "a/+/y"),
			"yes rules too many to be looked through: each message is looked at by "
			"itself");
		assert_string_equal(listens(&r, "al", IM_ROLE_USER, "b/+/y"), no);
		im_buf_free(&text);
		end(&r);
	}
}

static void a_share_lies_within_a_rule_and_nothing_of_it_is_denied(void **state)
{
	static char *const open[] = {"pub/#"};
	static const char not_sure[] =
		"no it is shared, and it is not sure that one rule opens all that it matches: what "
		"of it the client may not read would be lost to the others; name what one rule "
		"opens";
	static const struct {
		const char *uid, *filter, *verdict;
	} cases[] = {
		{"al", "$share/g/a/b", "yes f:2: topic read a/+"},
		{"al", "$share/g/a/+", "yes f:2: topic read a/+"},
		{"al", "$share/g/a/#", not_sure},
		{"al", "$share/g/c/#", not_sure},
		{"al", "$share/g/w/x", not_sure},
		{"al", "$share/g/pub/#", "yes allow_topic pub/#"},
		{"bo", "$share/g/p/#", "no f:5: topic deny p/x/y"},
		{"bo", "$share/g/p/+/y", "no f:5: topic deny p/x/y"},
		{"bo", "$share/g/+/x/+", "no f:5: topic deny p/x/y"},
		{"bo", "$share/g/p/x/y", "no f:5: topic deny p/x/y"},
		{"bo", "$share/g/p/x/+/z", "yes f:6: topic read p/#"},
		{"bo", "$share/g/p/+", "yes f:6: topic read p/#"},
		{"bo", "p/#", "yes f:6: topic read p/#"},
		/* A list that comes later, and others' levels of a pattern. */
		{"cy", "$share/g/m/+/in", "no f:10: pattern deny m/%u/in"},
		{"cy", "$share/g/m/cy/in", "no f:10: pattern deny m/%u/in"},
		{"cy", "$share/g/m/bo/in", "yes f:11: pattern read m/#"},
		{"cy", "$share/g/k/cy/in", "yes f:8: topic read k/#"},
	};
	struct im_buf text;
	struct rules r;

	(void)state;
	assert_int_equal(make(&r,
				 IM_STR("user al\ntopic read a/+\ntopic read c/d\nuser bo\n"
					"topic deny p/x/y\ntopic read p/#\nuser cy\n"
					"topic read k/#\npattern deny k/%u/in\n"
					"pattern deny m/%u/in\npattern read m/#\n"),
				 open, 1),
		IM_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
			listens(&r, cases[i].uid, IM_ROLE_USER, cases[i].filter), cases[i].verdict);
	end(&r);
	/* What there is no time to look through might be denied. */
	im_buf_init(&text, 0);
	im_buf_z(&text, "user al\ntopic read a/#\n");
	for (int i = 0; i < 5000; i++)
		im_buf_printf(&text, "topic deny a/%d/x\n", i);
	assert_int_equal(make(&r, im_buf_view(&text), NULL, 0), IM_OK);
	assert_string_equal(listens(&r, "al", IM_ROLE_USER, "$share/g/a/+/y"), not_sure);
	assert_string_equal(listens(&r, "al", IM_ROLE_USER, "a/+/y"), "yes f:2: topic read a/#");
	im_buf_free(&text);
	end(&r);
}

/* ---- the reference ---- */

struct one {
	char filter[64];
	int user; /* 0..1, -1: not of a user section */
	int role; /* 0..2, -1 */
	bool pattern;
	int access; /* bits; 0 deny */
};

static uint64_t seed;

static unsigned roll(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const users[] = {"u0", "u1"};
static const char *const clients[] = {"a", "u0", "b/a", "+", "a#", ""};

static void random_filter(char *out, bool topic)
{
	static const char *const levels[] = {
		"a", "b", "", "u0", "$x", "a-u0", "+", "%u", "%c", "a-%u", "%c%u", "x%"};
	unsigned n = 1 + roll(4);

	*out = '\0';
	for (unsigned i = 0; i < n; i++) {
		if (i)
			strcat(out, "/");
		strcat(out, levels[roll(topic ? 6 : 12)]);
	}
	if (!topic && roll(4) == 0)
		strcat(out, "/#");
	if (!topic && roll(30) == 0)
		strcpy(out, "#");
	if (!*out)
		strcpy(out, "/");
}

/* Level by level, by cutting texts: nothing that is tested is used. */
static bool matches(const char *filter, const char *topic)
{
	if ((*topic == '$') != (*filter == '$') && (*topic == '$' || *filter == '$'))
		return false;
	for (;;) {
		size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");

		if (f == 1 && *filter == '#')
			return true;
		if (!(f == 1 && *filter == '+') && (f != t || memcmp(filter, topic, f) != 0))
			return false;
		filter += f;
		topic += t;
		if (!*topic)
			return !*filter || strcmp(filter, "/#") == 0;
		if (!*filter)
			return false;
		filter++;
		topic++;
	}
}

static bool meets(const char *a, const char *b)
{
	size_t x = strcspn(a, "/"), y = strcspn(b, "/");

	if ((x == 1 && *a == '#') || (y == 1 && *b == '#'))
		return true;
	if (!(x == 1 && *a == '+') && !(y == 1 && *b == '+') && (x != y || memcmp(a, b, x) != 0))
		return false;
	a += x;
	b += y;
	if (!*a || !*b)
		return (!*a || strcmp(a, "/#") == 0) && (!*b || strcmp(b, "/#") == 0);
	return meets(a + 1, b + 1);
}

/* False: the client id cannot be filled in. */
static bool fill(const struct one *o, const char *uid, const char *client, char *out)
{
	const char *p = o->filter;

	memset(out, 0, 128);
	while (*p) {
		if (o->pattern && strncmp(p, "%u", 2) == 0) {
			strcat(out, uid);
			p += 2;
		} else if (o->pattern && strncmp(p, "%c", 2) == 0) {
			if (!*client || strpbrk(client, "/+#"))
				return false;
			strcat(out, client);
			p += 2;
		} else {
			out[strlen(out)] = *p++;
		}
	}
	/* What is filled in is no topic of the broker's. */
	return !(o->pattern && o->filter[0] == '%' && *out == '$');
}

/* The lists, as acl.h has them. */
static bool in_list(const struct one *o, int list, int user, int role)
{
	switch (list) {
	case 0:
		return o->user == user && !o->pattern;
	case 1:
		return o->role == role && !o->pattern;
	case 2:
		return o->role == role && o->pattern;
	default:
		return o->pattern && o->role < 0;
	}
}

static bool by_hand(const struct one *v, size_t n, int user, int role, const char *client,
	int access, const char *topic)
{
	char filter[128];
	const bool wild = strpbrk(client, "+#"), unfit = !*client || strpbrk(client, "/+#");
	size_t i;

	for (int list = 0; list < 4; list++) {
		bool allowed = false, blind = false;

		for (i = 0; i < n; i++) {
			if (!in_list(&v[i], list, user, role))
				continue;
			blind = blind || (!v[i].access && v[i].pattern && unfit &&
						 strstr(v[i].filter, "%c"));
			if (!fill(&v[i], users[user], client, filter) || !matches(filter, topic))
				continue;
			if (!v[i].access)
				return false;
			allowed = allowed || v[i].access & access;
		}
		if (blind)
			return false;
		if (allowed && !(wild && list >= 2))
			return true;
	}
	return false;
}

static bool listens_by_hand(
	const struct one *v, size_t n, int user, int role, const char *client, const char *filter)
{
	char text[128];
	const bool wild = strpbrk(client, "+#"), unfit = !*client || strpbrk(client, "/+#");

	for (int list = 0; list < 4; list++) {
		bool blind = false, met = false;

		for (size_t i = 0; i < n; i++) {
			if (!in_list(&v[i], list, user, role))
				continue;
			blind = blind || (!v[i].access && v[i].pattern && unfit &&
						 strstr(v[i].filter, "%c"));
			if (!(v[i].access & 1) || !fill(&v[i], users[user], client, text))
				continue;
			if ((*text == '$') != (*filter == '$') && (*text == '$' || *filter == '$'))
				continue;
			met = met || meets(text, filter);
		}
		if (blind)
			return false;
		if (met && !(wild && list >= 2))
			return true;
	}
	return false;
}

static size_t random_file(struct one *v, size_t max, struct im_buf *text)
{
	static const char *const access[] = {"deny ", "read ", "write ", "readwrite ", ""};
	static const char *const roles[] = {"user", "admin", "device"};
	size_t n = 1 + roll((unsigned)max), i;
	int user = -1, role = -1;

	for (i = 0; i < n; i++) {
		unsigned a = roll(5);

		if (i == 0 || roll(4) == 0) {
			user = roll(2) ? (int)roll(2) : -1;
			role = user < 0 ? (int)roll(3) : -1;
			if (user >= 0)
				im_buf_printf(text, "user %s\n", users[user]);
			else
				im_buf_printf(text, "role %s\n", roles[role]);
		}
		v[i] = (struct one){.user = user, .role = role, .pattern = roll(2)};
		v[i].access = a == 4 ? 3 : (int)a;
		random_filter(v[i].filter, false);
		im_buf_printf(text, "%s %s%s\n", v[i].pattern ? "pattern" : "topic", access[a],
			v[i].filter);
	}
	return n;
}

static void as_if_every_rule_were_looked_at(void **state)
{
	struct one v[24];
	struct im_buf text;
	struct rules r;
	char topic[64];
	unsigned allowed = 0, listened = 0, asked = 0;

	(void)state;
	im_buf_init(&text, 0);
	for (seed = 1; asked < 200000;) {
		size_t n;

		im_buf_reset(&text);
		n = random_file(v, 24, &text);
		if (make(&r, im_buf_view(&text), NULL, 0))
			fail_msg("%s\n%.*s", r.why.p, IM_ARGS(text));
		for (int i = 0; i < 40; i++, asked++) {
			int user = (int)roll(2), role = (int)roll(3), access = 1 + (int)roll(2);
			const char *client = clients[roll(6)];
			const struct im_acl_who who = {
				im_str(users[user]), im_str(client), (enum im_role)role};
			struct im_acl_verdict why;
			struct im_filter f;
			bool want, have;

			random_filter(topic, true);
			want = by_hand(v, n, user, role, client, access, topic);
			have = im_acl_may(
				r.acl, &who, (enum im_acl_access)access, im_str(topic), &why);
			if (want != have)
				fail_msg("%s %s (%s, role %d): %d\n%.*s", users[user], topic,
					client, role, have, IM_ARGS(text));
			assert_true(!have || (why.reason == IM_ACL_RULE && why.rule));
			allowed += have;
			random_filter(topic, false);
			im_filter_parse(IM_STR("im"), im_str(topic), &f);
			f.reaches_im = false;
			/* No topic is empty. */
			want = listens_by_hand(
				v, n, user, role, client, strcmp(topic, "/#") ? topic : "/+/#");
			have = im_acl_may_subscribe(r.acl, &who, &f, &why);
			/* Where nothing can be filled in, a wildcard still stands for it. */
			if (want ? !have : have && !(!*client || strpbrk(client, "/+#")))
				fail_msg("%s subscribes to %s (%s, role %d): %d\n%.*s", users[user],
					topic, client, role, have, IM_ARGS(text));
			listened += have;
		}
		end(&r);
	}
	/* The questions were worth asking. */
	assert_in_range(allowed, asked / 20, asked - asked / 20);
	assert_in_range(listened, asked / 20, asked - asked / 20);
	im_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_lines_are_named),
		cmocka_unit_test(a_byte_order_mark_is_skipped),
		cmocka_unit_test(a_nul_is_no_text),
		cmocka_unit_test(a_carriage_return_ends_no_line),
		cmocka_unit_test(what_does_nothing_is_said),
		cmocka_unit_test(bounds_are_named),
		cmocka_unit_test(the_rule_is_named),
		cmocka_unit_test(what_cannot_be_denied_is_not_allowed),
		cmocka_unit_test(what_cannot_be_denied_is_not_listened_to),
		cmocka_unit_test(a_share_lies_within_a_rule_and_nothing_of_it_is_denied),
		cmocka_unit_test(subscriptions_overlap_but_leave_im_out),
		cmocka_unit_test(as_if_every_rule_were_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
