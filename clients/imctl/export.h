/* SPDX-License-Identifier: BSD-3-Clause */
/* `user export`: a user's sections, page by page, as one JSON document. */
#ifndef IM_IMCTL_EXPORT_H
#define IM_IMCTL_EXPORT_H

#include "clients/imctl/command.h"
#include "clients/imctl/control.h"

/* params: username, .output. Returns an exit code. */
int export_user(struct command_call *call, struct control *con);

#endif
