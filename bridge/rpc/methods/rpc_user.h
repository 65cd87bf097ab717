/* SPDX-License-Identifier: BSD-3-Clause */
/* `user.get`, `user.update`, `user.password`: profiles and one's own password. */
#ifndef IM_BRIDGE_RPC_USER_H
#define IM_BRIDGE_RPC_USER_H

#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc.h"

/* What every list of people shows of each: ,"nick":..,"avatar":..,"rev":.. */
void user_put_shown(struct im_buf *b, struct im_str nick, struct im_str avatar, int64_t rev);
/* The members of a profile that everybody may see, without braces: "uid":..,"nick":.. */
void user_put_profile(struct im_buf *b, const struct directory_user *u);
/* Those that the user himself sees. */
void user_put_own(struct im_buf *b, const struct directory_user *u);

#endif
