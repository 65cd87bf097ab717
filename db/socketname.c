/* SPDX-License-Identifier: BSD-3-Clause */
/* Called at start and reload. */
#include "db/socketname.h"

#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"

/* False: there is none. */
static bool find(struct im_str path, struct stat *out)
{
	struct im_buf b;
	bool found;

	im_buf_init(&b, 0);
	im_buf_str(&b, path);
	im_buf_c(&b, '\0');
	found = !b.failed && stat(b.p, out) == 0;
	im_buf_free(&b);
	return found;
}

static bool one_file(struct im_str a, struct im_str b)
{
	struct stat x, y;

	return find(a, &x) && find(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The folder, with the slash behind it; empty: there is none. */
static struct im_str folder_of(struct im_str path)
{
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	return path;
}

bool socketname_same(struct im_str a, struct im_str b)
{
	const struct im_str in_a = folder_of(a), in_b = folder_of(b);
	const struct im_str name_a = {a.p + in_a.n, a.n - in_a.n};
	const struct im_str name_b = {b.p + in_b.n, b.n - in_b.n};

	if (im_str_eq(a, b) || one_file(a, b))
		return true;
	return in_a.n && in_b.n && im_str_eq(name_a, name_b) && one_file(in_a, in_b);
}
