/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rule of names (schema/account.h) says, asked before a token makes a user and for the
 * log. Rare, so nothing of it is cached. */
#include "plugin/lookup_handle.h"

/* What the rule says of a name; who has it is appended to holder. */
static int ask_name(
	struct directory *d, struct im_str uid, enum account_name *out, struct im_buf *holder)
{
	int ret;

	d->reads++;
	directory_view(d);
	ret = d->accounts ? accounts_user_name(d->accounts, uid, out, holder) : IM_E_IO;
	if (ret != IM_E_IO)
		return ret;
	directory_fault(d);
	directory_rest(d);
	return ret;
}

int directory_new_name(struct directory *d, struct im_str uid, enum account_name *out)
{
	struct im_buf holder;
	int ret;

	im_buf_init(&holder, 0);
	ret = ask_name(d, uid, out, &holder);
	im_buf_free(&holder);
	return ret;
}

int directory_namesake(struct directory *d, struct im_str uid, struct im_buf *out)
{
	enum account_name is = ACCOUNT_FREE;
	size_t before = out->n;
	int ret = ask_name(d, uid, &is, out);

	if (!ret && is == ACCOUNT_CASE)
		return IM_OK;
	out->n = before;
	return ret ? ret : IM_E_NONE;
}
