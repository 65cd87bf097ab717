/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rule of names (schema/account.h) says, asked before a token makes a user and for the
 * log. Rare, so nothing of it is cached. */
#include "plugin/lookup.h"

#include "plugin/lookup_handle.h"

/* What the rule says of a name; who has it is appended to holder. */
static int ask_name(
	struct lookup *l, struct im_str uid, enum account_name *out, struct im_buf *holder)
{
	int ret;

	l->reads++;
	lookup_view(l);
	ret = l->accounts ? accounts_user_name(l->accounts, uid, out, holder) : IM_E_IO;
	if (ret != IM_E_IO)
		return ret;
	lookup_fault(l);
	lookup_view_end(l);
	return ret;
}

int lookup_new_name(struct lookup *l, struct im_str uid, enum account_name *out)
{
	struct im_buf holder;
	int ret;

	im_buf_init(&holder, 0);
	ret = ask_name(l, uid, out, &holder);
	im_buf_free(&holder);
	return ret;
}

int lookup_namesake(struct lookup *l, struct im_str uid, struct im_buf *out)
{
	enum account_name is = ACCOUNT_FREE;
	size_t before = out->n;
	int ret = ask_name(l, uid, &is, out);

	if (!ret && is == ACCOUNT_CASE)
		return IM_OK;
	out->n = before;
	return ret ? ret : IM_E_NONE;
}
