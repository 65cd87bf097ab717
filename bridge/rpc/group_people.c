/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the lists of people that group methods take: each once, found, and asked whether they may be
 * put into a group at all. Reads the directory only. */
#include "bridge/rpc/group_people.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/directory/rights.h"
#include "bridge/rpc/quota.h"
#include "bridge/rpc/rpc_args.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/may.h"

/* -- the list -- */

struct named {
	struct im_str uid;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	size_t n = x->uid.n < y->uid.n ? x->uid.n : y->uid.n;
	int order = memcmp(x->uid.p, y->uid.p, n);

	if (order == 0 && x->uid.n != y->uid.n)
		order = x->uid.n < y->uid.n ? -1 : 1;
	if (order == 0)
		order = x->at < y->at ? -1 : 1;
	return order;
}

static int by_place(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* The names in the order in which they were given first; what is given again costs no look-up. */
static int take_names(struct rpc_write *wr, const char *param, struct named **out, size_t *n_out)
{
	struct rpc_call *c = &wr->call;
	size_t n = rpc_list_size(c, param), kept = 0;
	struct named *v = calloc(n + 1, sizeof(*v));

	*out = v;
	*n_out = 0;
	if (v == NULL)
		return IM_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct named){rpc_list_str(c, param, i), i};
	qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !im_str_eq(v[i].uid, v[kept - 1].uid))
			v[kept++] = v[i];
	qsort(v, kept, sizeof(*v), by_place);
	*n_out = kept;
	return rpc_pay(wr, 2 * COST_ROW * (int64_t)kept);
}

typedef int (*find_fn)(struct rpc_call *c, struct im_str uid, struct directory_user *out);

static int get_people(struct rpc_write *wr, const char *param, find_fn find, uint64_t except,
	struct group_people *out)
{
	struct rpc_call *c = &wr->call;
	struct directory_user u;
	struct named *names;
	size_t n;
	int rc = take_names(wr, param, &names, &n);

	*out = (struct group_people){0};
	if (rc == IM_OK) {
		out->v = calloc(n + 1, sizeof(*out->v));
		out->refused = calloc(n + 1, sizeof(*out->refused));
		rc = out->v && out->refused ? IM_OK : IM_E_NOMEM;
	}
	for (size_t i = 0; rc == IM_OK && i < n; i++) {
		rc = find(c, names[i].uid, &u);
		if (rc == IM_OK && u.id != except)
			out->v[out->n++] = group_person_of(u.id, names[i].uid, DIRECTORY_MEMBER);
	}
	free(names);
	return rc;
}

int group_people_get(
	struct rpc_write *wr, const char *param, uint64_t except, struct group_people *out)
{
	return get_people(wr, param, rpc_user, except, out);
}

int group_people_get_past(struct rpc_write *wr, const char *param, struct group_people *out)
{
	return get_people(wr, param, rpc_user_past, 0, out);
}

int group_people_keep(struct rpc_call *c, uint64_t group, bool member, struct group_people *p)
{
	struct directory_member m;
	size_t kept = 0;
	int rc;

	for (size_t i = 0; i < p->n; i++) {
		rc = directory_member_get(c->dir, group, p->v[i].user, &m);
		if (rc != IM_OK && rc != IM_E_NONE)
			return rc;
		if ((rc == IM_OK) != member)
			continue;
		p->v[kept] = p->v[i];
		p->v[kept++].role = rc == IM_OK ? m.role : DIRECTORY_MEMBER;
	}
	p->n = kept;
	return IM_OK;
}

void group_people_clear(struct group_people *p)
{
	free(p->v);
	free(p->refused);
	*p = (struct group_people){0};
}

/* -- consent -- */

/* Whoever takes no messages from the caller is put into no group by him either. */
static int may_be_put(struct rpc_call *c, uint64_t user)
{
	struct im_may_direct f = {.server = c->set->direct_policy};
	bool full;
	int rc = rights_read(c->dir, c->user, user, &f);

	if (rc == IM_OK)
		rc = im_may_direct(&f, NULL);
	if (rc != IM_OK)
		return rc;
	rc = directory_user_in_groups(c->dir, user, c->set->groups_per_user_max, &full);
	return rc == IM_OK && full ? IM_E_LIMIT_REACHED : rc;
}

static int may_come(struct rpc_call *c, uint64_t group, int my_role, uint64_t user)
{
	bool banned = false;
	int rc = may_be_put(c, user);

	if (rc != IM_OK || group == 0 || my_role >= DIRECTORY_GROUP_ADMIN)
		return rc;
	rc = directory_ban_has(c->dir, group, user, &banned);
	if (rc == IM_OK && banned)
		return IM_E_NOT_ALLOWED;
	return rc == IM_OK ? quota_coming(c, user, group) : rc;
}

int group_people_consent(struct rpc_call *c, uint64_t group, int my_role, struct group_people *p)
{
	size_t kept = 0;

	if (c->by_operator)
		return IM_OK;
	for (size_t i = 0; i < p->n; i++) {
		int rc = may_come(c, group, my_role, p->v[i].user);

		if (rc != IM_OK && !im_err_is_wire(rc))
			return rc;
		if (rc == IM_OK)
			p->v[kept++] = p->v[i];
		else
			p->refused[p->n_refused++] = (struct group_refusal){p->v[i], rc};
	}
	p->n = kept;
	return IM_OK;
}

void group_people_put_refused(struct im_buf *b, const struct group_people *p)
{
	if (p->n_refused == 0)
		return;
	im_buf_z(b, ",\"refused\":[");
	for (size_t i = 0; i < p->n_refused; i++) {
		im_buf_z(b, i ? ",{\"uid\":" : "{\"uid\":");
		im_jsonw_str(b, im_str(p->refused[i].who.uid));
		im_jsonw_member_int(b, "code", p->refused[i].code);
		im_buf_c(b, '}');
	}
	im_buf_c(b, ']');
}
