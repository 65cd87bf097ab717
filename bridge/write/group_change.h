/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A change of a group as JSON, and its application to the directory. The JSON is the body of the
 * group's `system` message: members read it, and after a crash the log's newest changes are applied
 * again from it. Handlers and that projection share group_apply, so they cannot disagree.
 *
 *   {"action":"create","by":"alice","gid":"team","kind":"group","name":"..","avatar":"..",
 *    "announcement":"..","join":"invite","history":"all","member_limit":500,
 *    "members":[{"uid":"alice","user":1,"role":"owner"},...]}
 *   {"action":"join"|"invite","by":..,"link":"k3x9..."?,"members":[{"uid","user","role"}]}
 *   {"action":"leave"|"kick","by":..,"members":[{"uid","user"}],"ban":true?}
 *   {"action":"unban","by":..,"members":[{"uid","user"}]}
 *   {"action":"role"|"transfer","by":..,"members":[{"uid","user","role"}]}
 *   {"action":"mute","by":..,"until":ms,"members":[{"uid","user"}]}   no members: everybody
 *   {"action":"update","by":.., and those of name, avatar, announcement, join, history,
 *    member_limit, slow_ms, retention_days that change}
 *   {"action":"dismiss","by":..,"erase":true?}
 *   {"action":"notice","by":..,"body":any}      changes nothing: an administrator's words
 */
#ifndef IM_BRIDGE_GROUP_CHANGE_H
#define IM_BRIDGE_GROUP_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/*
 * Applies one change inside the directory's open transaction. *group: the group's row id (the
 * conversation's `a` when projecting); 0 for a creation that is to get the next one, which is
 * returned. seq: the system message's own seq; who joins has joined_seq = seq - 1. position: its
 * place in the log, at which the memberships change. ts_ms: its time.
 * Idempotent: what is already so stays so. IM_E_EXISTS: the gid of a creation belongs to another
 * group. IM_E_FORMAT: not a change (an unknown action is none either, but IM_OK: nothing to do).
 */
int group_apply(struct directory *d, uint64_t *group, uint64_t seq, uint64_t position,
	int64_t ts_ms, struct im_str json) IM_MUST_CHECK;

/* Building. begin writes `{"action":..,"by":..`; members go between members_begin and members_end;
 * the caller adds `}` with im_buf_c. */
void group_change_begin(struct im_buf *b, const char *action, struct im_str by);
void group_change_members_begin(struct im_buf *b);
/* role < 0: not said. */
void group_change_member(struct im_buf *b, struct im_str uid, uint64_t user, int role);
void group_change_members_end(struct im_buf *b);

/* The words for the numbers of directory_group.h, and back (-1: none of them). */
const char *group_role_name(int role);
int group_role_parse(struct im_str s);
const char *group_join_name(int join_policy);
int group_join_parse(struct im_str s);
const char *group_history_name(int history);
int group_history_parse(struct im_str s);
const char *group_kind_name(int kind);
int group_kind_parse(struct im_str s);

#endif
