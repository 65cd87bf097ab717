/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing. Called by batch.c. Two logins at once bring two of them, and the password may have
 * been changed since: only the hash that was compared with is replaced. Nobody is told, for what
 * tells passwords apart stays. */
#include "bridge/engine/rehash.h"

#include "bridge/directory/directory_user.h"
#include "common/phc.h"

int rehash_record(struct writer *w, struct health *h, struct log *log, const struct im_up_rec *rec)
{
	struct im_rehash which;
	int rc;

	if (im_rehash_read(rec->target, &which) || !im_phc_valid(rec->payload)) {
		h->records_malformed++;
		return IM_OK;
	}
	rc = directory_user_rehash(writer_directory(w), &which, rec->payload);
	if (rc == IM_OK)
		log_line(log, LOG_LEVEL_INFO, "password_rehashed", "uid=%.*s", IM_ARGS(rec->user));
	return rc == IM_E_NONE ? IM_OK : rc;
}
