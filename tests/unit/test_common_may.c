/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may write to whom and see what: every combination of the facts is held against a truth table.
 * A row names a value for each fact, or '-' where it plays no part; exactly one row fits each
 * combination, so that none is left out or decided twice.
 */
#include "common/may.h"
#include "tests/unit/unit.h"

/* A fact: the letters of its values, in the order in which they are counted. */
#define FACTS_MAX 8

struct row {
	const char *facts; /* a letter each */
	int code;
	const char *why; /* a part of the sentence; NULL: there is none */
};

typedef int (*ask_fn)(const int *values, struct im_buf *why);

static bool fits(const struct row *r, const char *const *letters, const int *values)
{
	for (int i = 0; letters[i]; i++)
		if (r->facts[i] != '-' && r->facts[i] != letters[i][values[i]])
			return false;
	return true;
}

static const struct row *row_for(
	const struct row *rows, const char *const *letters, const int *values)
{
	const struct row *found = NULL;

	for (const struct row *r = rows; r->facts; r++) {
		if (!fits(r, letters, values))
			continue;
		if (found)
			fail_msg("rows \"%s\" and \"%s\" overlap", found->facts, r->facts);
		found = r;
	}
	return found;
}

static void check_one(
	const struct row *rows, const char *const *letters, const int *values, ask_fn ask)
{
	const struct row *r = row_for(rows, letters, values);
	char facts[FACTS_MAX + 1] = "";
	struct im_buf why;
	int code;

	for (int i = 0; letters[i]; i++)
		facts[i] = letters[i][values[i]];
	if (!r)
		fail_msg("no row fits \"%s\"", facts);
	im_buf_init(&why, 0);
	code = ask(values, &why);
	im_buf_c(&why, '\0');
	if (code != r->code || (r->why ? !strstr(why.p, r->why) : why.n > 1))
		fail_msg("\"%s\": code %d, \"%s\"", facts, code, why.p);
	/* Who wants no sentence is told the same. */
	assert_int_equal(ask(values, NULL), code);
	im_buf_free(&why);
}

/* Returns how many combinations there are. */
static int check_all(const struct row *rows, const char *const *letters, ask_fn ask)
{
	int values[FACTS_MAX] = {0}, n = 0, i;

	do {
		check_one(rows, letters, values, ask);
		n++;
		for (i = 0; letters[i] && !letters[i][++values[i]]; i++)
			values[i] = 0;
	} while (letters[i]);
	return n;
}

/* ---- direct messages ---- */

static int ask_direct(const int *v, struct im_buf *why)
{
	return im_may_direct(
		&(struct im_may_direct){
			.self = v[0],
			.exists = v[1],
			.gone = v[2],
			.blocked = v[3],
			.contact = v[4],
			.theirs = (enum im_direct_policy)v[5],
			.server = (enum im_direct_policy)v[6],
		},
		why);
}

static void direct_messages(void **state)
{
	/* self, exists, gone, blocked, contact, the recipient's policy, the server's */
	static const char *const letters[] = {"ny", "ny", "ny", "ny", "ny", "dac", "dac", NULL};
	static const struct row rows[] = {
		{"y------", IM_OK, NULL},
		{"nnn----", IM_E_UNKNOWN_USER, "there is no user of this name"},
		{"nny----", IM_E_UNKNOWN_USER, "this user's account was deleted"},
		{"ny-y---", IM_E_BLOCKED, "takes no messages from you"},
		{"ny-ny--", IM_OK, NULL},
		/* The recipient's own choice goes before the server's. */
		{"ny-nna-", IM_OK, NULL},
		{"ny-nnc-", IM_E_CONTACTS_ONLY, "contact.request"},
		{"ny-nnda", IM_OK, NULL},
		{"ny-nndc", IM_E_CONTACTS_ONLY, "contact.request"},
		{"ny-nndd", IM_OK, NULL},
		{0},
	};

	(void)state;
	assert_int_equal(check_all(rows, letters, ask_direct), 32 * 9);
}

/* Whoever asks, a contact too; but he may write to himself. */
static void who_takes_nothing_takes_it_from_nobody(void **state)
{
	struct im_may_direct f = {.exists = true, .contact = true, .theirs = IM_DIRECT_NOBODY};
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(im_may_direct(&f, &why), IM_E_NOT_ALLOWED);
	im_buf_c(&why, '\0');
	assert_non_null(strstr(why.p, "this conversation is for reading"));
	im_buf_free(&why);
	f.self = true;
	assert_int_equal(im_may_direct(&f, NULL), IM_OK);
}

/* Each to whom it is for, and none of ten thousand to all the others. */
static void device_accounts(void **state)
{
	struct im_may_direct f = {.exists = true, .server = IM_DIRECT_ANYONE, .addressed = true};
	struct im_may_presence p = {.viewer = true, .exists = true, .admin = true, .things = true};

	(void)state;
	f.role = IM_ROLE_DEVICE;
	assert_int_equal(im_may_direct(&f, NULL), IM_OK);
	f.role = IM_ROLE_USER;
	assert_int_equal(im_may_direct(&f, NULL), IM_E_NOT_ALLOWED);
	f.exists = false;
	assert_int_equal(im_may_direct(&f, NULL), IM_E_UNKNOWN_USER);
	f = (struct im_may_direct){.self = true, .role = IM_ROLE_DEVICE};
	assert_int_equal(im_may_direct(&f, NULL), IM_E_NOT_ALLOWED);
	f.addressed = true;
	assert_int_equal(im_may_direct(&f, NULL), IM_E_NOT_ALLOWED);
	f.role = IM_ROLE_ADMIN;
	assert_int_equal(im_may_direct(&f, NULL), IM_E_NOT_ALLOWED);
	f.addressed = false;
	assert_int_equal(im_may_direct(&f, NULL), IM_OK);
	assert_false(im_may_presence(&p));
	p.self = true;
	assert_false(im_may_presence(&p));
	for (int i = 0; i < IM_ROLES; i++)
		assert_int_equal(im_role_parse(im_str(im_role_names[i])), i);
	assert_int_equal(im_role_parse(IM_STR("king")), -1);
	/* As databases have it. */
	assert_int_equal(IM_ROLE_USER, 0);
	assert_int_equal(IM_ROLE_ADMIN, 1);
	assert_int_equal(IM_ROLE_DEVICE, 2);
}

static void policies_are_named_and_chosen(void **state)
{
	struct im_may_direct f = {.server = IM_DIRECT_CONTACTS};

	(void)state;
	assert_string_equal(im_direct_policy_names[IM_DIRECT_DEFAULT], "default");
	assert_string_equal(im_direct_policy_names[IM_DIRECT_ANYONE], "anyone");
	assert_string_equal(im_direct_policy_names[IM_DIRECT_CONTACTS], "contacts");
	/* As databases have it. */
	assert_int_equal(IM_DIRECT_DEFAULT, 0);
	assert_int_equal(IM_DIRECT_ANYONE, 1);
	assert_int_equal(IM_DIRECT_CONTACTS, 2);
	/* "anyone|contacts" */
	assert_int_equal(im_direct_policy_chosen(0), IM_DIRECT_ANYONE);
	assert_int_equal(im_direct_policy_chosen(1), IM_DIRECT_CONTACTS);
	assert_int_equal(im_direct_policy_of(&f), IM_DIRECT_CONTACTS);
	f.theirs = IM_DIRECT_ANYONE;
	assert_int_equal(im_direct_policy_of(&f), IM_DIRECT_ANYONE);
}

/* ---- groups ---- */

#define NOW 1000

static int ask_group(const int *v, struct im_buf *why)
{
	static const int64_t until_ms[] = {0, NOW, NOW + 1};

	return im_may_group(
		&(struct im_may_group){
			.exists = v[0],
			.member = v[1],
			.hidden = v[2],
			.role = (enum im_group_role)v[3],
			.member_muted_until_ms = until_ms[v[4]],
			.group_muted_until_ms = until_ms[v[5]],
			.now_ms = NOW,
		},
		why);
}

static void group_messages(void **state)
{
	/* exists, member, hidden, role, the member's mute, everybody's: none, over now, lasting */
	static const char *const letters[] = {"ny", "ny", "ny", "mao", "nol", "nol", NULL};
	static const struct row rows[] = {
		{"n-----", IM_E_UNKNOWN_GROUP, "there is no group of this name"},
		{"yny---", IM_E_UNKNOWN_GROUP, "there is no group of this name"},
		{"ynn---", IM_E_NOT_MEMBER, "group.join"},
		/* A mute of one spares nobody. */
		{"yy--l-", IM_E_MUTED, "you may not write until 1001 "},
		{"yy--nn", IM_OK, NULL},
		{"yy--no", IM_OK, NULL},
		{"yy--on", IM_OK, NULL},
		{"yy--oo", IM_OK, NULL},
		/* The mute of all spares admins and the owner. */
		{"yy-mnl", IM_E_MUTED, "owner and admins alone may write until 1001 "},
		{"yy-mol", IM_E_MUTED, "owner and admins alone may write until 1001 "},
		{"yy-anl", IM_OK, NULL},
		{"yy-aol", IM_OK, NULL},
		{"yy-onl", IM_OK, NULL},
		{"yy-ool", IM_OK, NULL},
		{0},
	};

	(void)state;
	assert_int_equal(check_all(rows, letters, ask_group), 8 * 27);
}

/* Nobody can tell a group that is joined by invitation from one that is not there. */
static void a_hidden_group_is_refused_as_none(void **state)
{
	struct im_buf hidden, none;

	(void)state;
	im_buf_init(&hidden, 0);
	im_buf_init(&none, 0);
	assert_int_equal(
		im_may_group(&(struct im_may_group){.exists = true, .hidden = true}, &hidden),
		im_may_group(&(struct im_may_group){0}, &none));
	assert_true(hidden.n > 0);
	assert_str_eq(im_buf_view(&hidden), im_buf_view(&none));
	im_buf_free(&hidden);
	im_buf_free(&none);
}

/* ---- presence, and anything at all ---- */

static int ask_presence(const int *v, struct im_buf *why)
{
	(void)why;
	return im_may_presence(&(struct im_may_presence){
		.policy = (enum im_presence_policy)v[0],
		.self = v[1],
		.viewer = v[2],
		.exists = v[3],
		.admin = v[4],
		.blocked = v[5],
		.contact = v[6],
	});
}

static void presence(void **state)
{
	/* everyone, contacts, oneself; self, viewer, exists, admin, blocked, contact */
	static const char *const letters[] = {"eco", "ny", "ny", "ny", "ny", "ny", "ny", NULL};
	static const struct row rows[] = {
		{"-y-----", true, NULL},
		{"-nn----", false, NULL},
		{"-nyn---", false, NULL},
		{"-nyyy--", true, NULL},
		{"-nyyny-", false, NULL},
		{"enyynn-", true, NULL},
		{"cnyynny", true, NULL},
		{"cnyynnn", false, NULL},
		{"onyynn-", false, NULL},
		{0},
	};

	(void)state;
	assert_int_equal(check_all(rows, letters, ask_presence), 3 * 64);
}

static int ask_act(const int *v, struct im_buf *why)
{
	return im_may_act(v[0], v[1], why);
}

static void who_is_gone_or_disabled_may_nothing(void **state)
{
	/* exists, disabled */
	static const char *const letters[] = {"ny", "ny", NULL};
	static const struct row rows[] = {
		{"n-", IM_E_NOT_ALLOWED, "your user is disabled or does not exist any more"},
		{"yy", IM_E_NOT_ALLOWED, "your user is disabled or does not exist any more"},
		{"yn", IM_OK, NULL},
		{0},
	};

	(void)state;
	assert_int_equal(check_all(rows, letters, ask_act), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direct_messages),
		cmocka_unit_test(who_takes_nothing_takes_it_from_nobody),
		cmocka_unit_test(device_accounts),
		cmocka_unit_test(policies_are_named_and_chosen),
		cmocka_unit_test(group_messages),
		cmocka_unit_test(a_hidden_group_is_refused_as_none),
		cmocka_unit_test(presence),
		cmocka_unit_test(who_is_gone_or_disabled_may_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
