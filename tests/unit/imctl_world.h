/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of imctl share: a folder, the database in it, and what went wrong. */
#ifndef IM_TESTS_IMCTL_WORLD_H
#define IM_TESTS_IMCTL_WORLD_H

#include "clients/imctl/offline.h"
#include "tests/unit/unit.h"

struct world {
	char folder[64];
	struct im_buf why;
	struct offline *o;
};

int world_set_up(void **state);
int world_tear_down(void **state);
const char *world_why(struct world *w);
/* Writes a file of the folder, one of those that world_tear_down removes. */
void world_file(struct world *w, const char *name, const char *text, char path[128]);
void world_open(struct world *w);

#endif
