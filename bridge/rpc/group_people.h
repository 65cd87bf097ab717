/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of people that group methods take, and who of them may be put into a group. */
#ifndef IM_BRIDGE_GROUP_PEOPLE_H
#define IM_BRIDGE_GROUP_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/directory/group_person.h"
#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/err.h"

/* People whom a request names, and those of them who stay out. */
struct group_people {
	struct group_person *v;
	size_t n;
	struct group_refusal {
		struct group_person who;
		int code;
	} * refused;
	size_t n_refused;
};
/* Resolves a list of user ids, each once, one user (0: nobody) left out; role DIRECTORY_MEMBER.
 * Names given twice cost nothing, the others are paid for. Wire codes: INVALID_PARAMS,
 * UNKNOWN_USER, RATE_LIMITED. Free with group_people_clear, also after a failure. */
int group_people_get(struct rpc_write *wr, const char *param, uint64_t except,
	struct group_people *out) IM_MUST_CHECK;
/* The same for what is taken back from people: deleted ones are found, too, and nobody is left out.
 */
int group_people_get_past(
	struct rpc_write *wr, const char *param, struct group_people *out) IM_MUST_CHECK;
/* Leaves only those who are (or are not) members of the group; members get their role. */
int group_people_keep(
	struct rpc_call *c, uint64_t group, bool member, struct group_people *p) IM_MUST_CHECK;
void group_people_clear(struct group_people *p);
/* Sorts out who cannot be put into a group by the caller: who has blocked the caller, takes
 * messages from contacts only, or belongs to too many groups already; and who, banned from this
 * group (0: it is new), or as often in it as may be within a day, is invited by its admins only. */
int group_people_consent(
	struct rpc_call *c, uint64_t group, int my_role, struct group_people *p) IM_MUST_CHECK;
/* Appends `,"refused":[{"uid","code"},..]` if there are any. */
void group_people_put_refused(struct im_buf *b, const struct group_people *p);

#endif
