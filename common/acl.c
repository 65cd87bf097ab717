/* SPDX-License-Identifier: BSD-3-Clause */
/* Holds the lists together and asks them in order. Asked by the plugin for every ordinary publish,
 * delivery and subscription; made by it at start and at SIGHUP, and by imctl check. */
#include "common/acl.h"

#include <stdlib.h>

#include "common/acl_parse.h"
#include "common/acl_tree.h"

struct section {
	struct im_str user;
	uint32_t root;
};

struct im_acl {
	char *name, *text; /* of the file, copied */
	struct im_acl_rules rules;
	uint32_t n_file; /* rules that are not allow_topic's */
	struct im_acl_tree tree;
	struct section *users;
	uint32_t n_users;
	uint32_t *places, mask; /* their numbers + 1, by name; twice as many as users at least */
	uint32_t roots[IM_ACL_LISTS];
	bool by_role;
	bool patterns; /* there is one, so what the client id holds counts */
	/* There a `deny` asks for the client id. */
	bool client_denied[IM_ACL_LISTS];
};

static bool is_pattern(int list)
{
	return list >= IM_ACL_ROLE_PATTERN && list != IM_ACL_OPEN;
}

/* ---- making ---- */

static int copy(struct im_acl *a, struct im_acl_from *f)
{
	if (!f->name)
		return IM_OK;
	a->name = strdup(f->name);
	a->text = malloc(f->text.n + 1);
	if (!a->name || !a->text)
		return IM_E_NOMEM;
	if (f->text.n)
		memcpy(a->text, f->text.p, f->text.n);
	f->text.p = a->text;
	f->name = a->name;
	return IM_OK;
}

static int add_open(struct im_acl *a, const struct im_acl_from *f)
{
	int ret = IM_OK;

	for (size_t i = 0; !ret && i < f->n_open; i++)
		ret = im_acl_rules_add(
			&a->rules, &(struct im_acl_rule){.filter = im_str(f->open[i]),
					   .access = IM_ACL_READ | IM_ACL_WRITE,
					   .list = IM_ACL_OPEN});
	return ret;
}

static bool same_section(const struct im_acl_rule *a, const struct im_acl_rule *b)
{
	return a->list == b->list && im_str_eq(a->user, b->user);
}

static void put_section(const struct im_acl_rule *r, struct im_buf *out)
{
	if (r->list == IM_ACL_USER) {
		im_buf_z(out, "those of user ");
		im_acl_quote(out, r->user);
	} else if (r->list == IM_ACL_OPEN) {
		im_buf_z(out, "those of allow_topic");
	} else if (r->list == IM_ACL_PATTERN) {
		im_buf_z(out, "the patterns");
	} else {
		im_buf_printf(
			out, "those of role %s", im_role_names[(r->list - IM_ACL_ROLE) % IM_ROLES]);
	}
}

/* FNV-1a. Only the operator's names are in the table, so nobody else can make it slow. */
static uint32_t place_of(struct im_str s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h ^ h >> 15;
}

static int place_users(struct im_acl *a)
{
	uint32_t room = 4;

	while (room < a->n_users * 2)
		room *= 2;
	a->mask = room - 1;
	a->places = calloc(room, sizeof(*a->places));
	if (!a->places)
		return IM_E_NOMEM;
	for (uint32_t i = 0; i < a->n_users; i++) {
		uint32_t at = place_of(a->users[i].user) & a->mask;

		while (a->places[at])
			at = (at + 1) & a->mask;
		a->places[at] = i + 1;
	}
	return IM_OK;
}

/* The rules [lo, hi) are one section. */
static int take_section(
	struct im_acl *a, uint32_t lo, uint32_t hi, const char *name, struct im_buf *why)
{
	const struct im_acl_rule *r = &a->rules.v[lo];
	uint32_t root;
	int ret = im_acl_tree_add(&a->tree, a->rules.v, lo, hi, &root);

	if (ret == IM_E_FULL)
		im_buf_printf(why, "%s: the rules have more than %d levels in all", name,
			IM_ACL_NODES_MAX);
	if (ret)
		return ret;
	if (a->tree.nodes[root].visits > IM_ACL_VISITS_MAX) {
		im_buf_printf(why, "%s: of the rules, ", name);
		put_section(r, why);
		im_buf_printf(why,
			" branch so often at + or at %%u and %%c that one topic could lead to %u "
			"places, which each message would cost; at most %d are taken: write # in "
			"place of further levels, or less rules with + beside names",
			a->tree.nodes[root].visits, IM_ACL_VISITS_MAX);
		return IM_E_FULL;
	}
	if (r->list == IM_ACL_USER)
		a->users[a->n_users++] = (struct section){r->user, root};
	else
		a->roots[r->list] = root;
	a->patterns |= is_pattern((int)r->list);
	if (r->list >= IM_ACL_ROLE && r->list < IM_ACL_PATTERN)
		a->by_role = true;
	for (; lo < hi; lo++)
		a->client_denied[r->list] |=
			a->rules.v[lo].access == IM_ACL_DENY &&
			im_acl_fills(r->list) & IM_ACL_FILL_CLIENT &&
			im_acl_holds(a->rules.v[lo].filter, IM_ACL_FILL_CLIENT);
	return IM_OK;
}

static int take_sections(struct im_acl *a, struct im_buf *why)
{
	const struct im_acl_rule *v = a->rules.v;
	uint32_t lo, hi, n_users = 0;
	int ret = IM_OK;

	if (!a->rules.n)
		return IM_OK;
	qsort(a->rules.v, a->rules.n, sizeof(*v), im_acl_rule_order);
	for (lo = 0; lo < a->rules.n && v[lo].list == IM_ACL_USER; lo++)
		n_users += lo == 0 || !same_section(&v[lo - 1], &v[lo]);
	a->users = calloc(n_users + 1, sizeof(*a->users));
	if (!a->users)
		return IM_E_NOMEM;
	for (lo = 0; !ret && lo < a->rules.n; lo = hi) {
		hi = lo + 1;
		while (hi < a->rules.n && same_section(&v[lo], &v[hi]))
			hi++;
		ret = take_section(a, lo, hi, a->name ? a->name : "allow_topic", why);
	}
	return ret ? ret : place_users(a);
}

int im_acl_new(const struct im_acl_from *from, struct im_acl **out, struct im_buf *why,
	struct im_buf *warnings)
{
	struct im_acl *a = calloc(1, sizeof(*a));
	struct im_acl_from f = *from;
	int ret;

	*out = NULL;
	if (!a)
		return IM_E_NOMEM;
	ret = copy(a, &f);
	if (!ret && f.name)
		ret = im_acl_parse(&f, &a->rules, why, warnings);
	a->n_file = a->rules.n;
	if (!ret)
		ret = add_open(a, &f);
	if (!ret)
		ret = take_sections(a, why);
	if (!ret)
		*out = a;
	else
		im_acl_free(&a);
	return ret;
}

void im_acl_free(struct im_acl **a)
{
	if (!*a)
		return;
	im_acl_tree_clear(&(*a)->tree);
	free((*a)->rules.v);
	free((*a)->users);
	free((*a)->places);
	free((*a)->text);
	free((*a)->name);
	free(*a);
	*a = NULL;
}

size_t im_acl_rules(const struct im_acl *a)
{
	return a->n_file;
}

/* ---- asking ---- */

bool im_acl_by_role(const struct im_acl *a, struct im_str topic)
{
	return a->by_role || im_topic_sys(topic);
}

static uint32_t user_root(const struct im_acl *a, struct im_str uid)
{
	uint32_t at = place_of(uid) & a->mask, n;

	while ((n = a->places[at])) {
		if (im_str_eq(a->users[n - 1].user, uid))
			return a->users[n - 1].root;
		at = (at + 1) & a->mask;
	}
	return 0;
}

static bool holds(struct im_str s, char c)
{
	return s.n && memchr(s.p, c, s.n);
}

/* One client's question on its way through the lists. */
struct ask {
	const struct im_acl *a;
	const struct im_acl_who *who;
	struct im_acl_walk walk;
	bool wild; /* name or client id hold a wildcard */
	struct im_acl_verdict *v;
};

static void ask_begin(struct ask *q, const struct im_acl *a, const struct im_acl_who *who,
	struct im_str topic, struct im_acl_verdict *v)
{
	q->a = a;
	q->who = who;
	q->v = v;
	q->wild = a->patterns && (holds(who->client, '+') || holds(who->client, '#'));
	im_acl_walk_begin(&q->walk, &a->tree, topic);
	q->walk.uid = who->uid;
	q->walk.client = who->client;
	if (q->wild || (a->patterns && holds(who->client, '/')))
		q->walk.client.n = 0;
	*v = (struct im_acl_verdict){IM_ACL_NO_RULE, NULL};
}

static uint32_t root_of(const struct ask *q, unsigned list)
{
	if (list == IM_ACL_USER)
		return q->a->n_users ? user_root(q->a, q->who->uid) : 0;
	return q->a->roots[list];
}

/* The lists that are the client's, in order; -1 behind the last one. */
static int next_list(const struct ask *q, int list)
{
	const int role = (int)q->who->role;

	if (list < IM_ACL_USER)
		return IM_ACL_USER;
	if (list == IM_ACL_USER)
		return IM_ACL_ROLE + role;
	if (list < IM_ACL_ROLE_PATTERN)
		return IM_ACL_ROLE_PATTERN + role;
	if (list < IM_ACL_PATTERN)
		return IM_ACL_PATTERN;
	return list == IM_ACL_PATTERN ? IM_ACL_OPEN : -1;
}

static void because(struct ask *q, enum im_acl_reason reason, uint32_t rule)
{
	q->v->reason = reason;
	q->v->rule = rule ? &q->a->rules.v[rule - 1] : NULL;
}

/* What would be denied to this client cannot be said, so nothing is allowed from here on. */
static bool blind(struct ask *q, int list)
{
	if (q->walk.client.n || !q->a->client_denied[list])
		return false;
	because(q, IM_ACL_CLIENT, 0);
	return true;
}

bool im_acl_may(const struct im_acl *a, const struct im_acl_who *who, enum im_acl_access access,
	struct im_str topic, struct im_acl_verdict *v)
{
	struct ask q;
	uint32_t root;

	ask_begin(&q, a, who, topic, v);
	if (im_topic_sys(topic) && (access == IM_ACL_WRITE || who->role == IM_ROLE_ADMIN)) {
		because(&q, IM_ACL_SYS, 0);
		return access == IM_ACL_READ;
	}
	for (int list = next_list(&q, -1); list >= 0; list = next_list(&q, list)) {
		root = root_of(&q, (unsigned)list);
		if (!root)
			continue;
		q.walk.fills = im_acl_fills((enum im_acl_list)list);
		im_acl_match(&q.walk, root);
		if (q.walk.found[IM_ACL_DENY]) {
			because(&q, IM_ACL_RULE, q.walk.found[IM_ACL_DENY]);
			return false;
		}
		if (blind(&q, list))
			return false;
		if (q.walk.found[access] && !(q.wild && is_pattern(list))) {
			because(&q, IM_ACL_RULE, q.walk.found[access]);
			return true;
		}
	}
	return false;
}

/* One list's answer to a subscription. */
static bool may_listen(struct ask *q, int list, uint32_t root, bool covered)
{
	q->walk.fills = im_acl_fills((enum im_acl_list)list);
	if (!covered && !im_acl_overlap(&q->walk, root, IM_ACL_READ))
		return false;
	if (covered) {
		im_acl_match(&q->walk, root);
		if (!q->walk.found[IM_ACL_READ])
			return false;
	}
	because(q, IM_ACL_RULE, q->walk.found[IM_ACL_READ]);
	return true;
}

/* What a share gives to who may not read it reaches nobody. */
static bool denies_some(struct ask *q, int list, uint32_t root)
{
	q->walk.fills = im_acl_fills((enum im_acl_list)list);
	if (!im_acl_overlap(&q->walk, root, IM_ACL_DENY))
		return false;
	because(q, q->walk.found[IM_ACL_DENY] ? IM_ACL_RULE : IM_ACL_SHARE,
		q->walk.found[IM_ACL_DENY]);
	return true;
}

bool im_acl_may_subscribe(const struct im_acl *a, const struct im_acl_who *who,
	const struct im_filter *f, struct im_acl_verdict *v)
{
	struct ask q;
	uint32_t root;
	bool denied = false;
	const bool whole = f->reaches_im || f->shared;

	ask_begin(&q, a, who, im_filter_spelled(f->filter), v);
	if (im_topic_sys(f->filter) && who->role == IM_ROLE_ADMIN) {
		because(&q, IM_ACL_SYS, 0);
		return true;
	}
	for (int list = next_list(&q, -1); list >= 0; list = next_list(&q, list)) {
		root = root_of(&q, (unsigned)list);
		if (!root)
			continue;
		if (f->shared && denies_some(&q, list, root))
			return false;
		if (blind(&q, list))
			return false;
		if (q.wild && is_pattern(list))
			continue;
		if (may_listen(&q, list, root, whole || list == IM_ACL_OPEN))
			return true;
		denied = true;
	}
	if (denied && whole)
		because(&q, f->reaches_im ? IM_ACL_IM : IM_ACL_SHARE, 0);
	return false;
}

/* ---- saying why ---- */

static void put_rule(const struct im_acl *a, const struct im_acl_rule *r, struct im_buf *out)
{
	static const char *const access[] = {"deny", "read", "write", "readwrite"};

	if (r->list == IM_ACL_OPEN) {
		im_buf_z(out, "allow_topic ");
	} else {
		im_buf_printf(out, "%s:%u: %s %s ", a->name, r->line,
			r->list >= IM_ACL_ROLE_PATTERN ? "pattern" : "topic", access[r->access]);
	}
	im_acl_quote(out, r->filter);
}

void im_acl_put_reason(const struct im_acl *a, const struct im_acl_verdict *v, struct im_buf *out)
{
	switch (v->reason) {
	case IM_ACL_RULE:
		if (v->rule)
			put_rule(a, v->rule, out);
		else
			im_buf_z(out, "rules too many to be looked through: each message is "
				      "looked at by itself");
		break;
	case IM_ACL_CLIENT:
		im_buf_z(out, "a `pattern deny` with %c cannot be applied to a client id that is "
			      "not known or holds /, + or #");
		break;
	case IM_ACL_SYS:
		im_buf_z(out, "$SYS is the broker's: administrators read it, and nobody publishes "
			      "there");
		break;
	case IM_ACL_IM:
		im_buf_z(out, "it would take in IM's own topics, and no rule covers all that it "
			      "matches; leave those out, or name more levels");
		break;
	case IM_ACL_SHARE:
		im_buf_z(out, "it is shared, and it is not sure that one rule opens all that it "
			      "matches: what of it the client may not read would be lost to the "
			      "others; name what one rule opens");
		break;
	default:
		im_buf_z(out, a->name ? "no rule of the acl_file or allow_topic opens it"
				      : "no allow_topic opens it");
		break;
	}
}
