/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/auth_fixture.h"

#include <stdio.h>

static const struct im_sipkey key = {"0123456789abcde"};

static int64_t wall_ms(void *arg)
{
	return ((struct fixture *)arg)->n.wall_ms;
}

static int64_t mono_us(void *arg)
{
	struct fixture *f = arg;

	return f->n.mono_us += f->mono_step_us;
}

void fixture_file(const struct fixture *f, const char *name, const char *text)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->n.dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

void fixture_start(struct fixture *f, const struct options_pair *more, size_t n)
{
	struct options_pair pairs[8] = {{"data_dir", f->n.dir}, {"link_listener", "/run/im"}};
	struct im_buf why;

	if (n)
		memcpy(pairs + 2, more, n * sizeof(*more));
	im_buf_init(&why, 0);
	assert_int_equal(options_read(&f->o, pairs, 2 + n, &why), IM_OK);
	f->clock = (struct clock){.wall_ms = wall_ms, .mono_us = mono_us, .arg = f};
	assert_int_equal(lookup_open(f->n.dir, &key, &f->d, &why), IM_OK);
	if (auth_new(&f->o, f->d, &f->clock, &f->a, &why))
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
}

void fixture_stop(struct fixture *f)
{
	auth_free(&f->a);
	lookup_close(&f->d);
	options_clear(&f->o);
	node_folder_remove(&f->n);
}

struct auth_verdict fixture_check(struct fixture *f, const char *uid, const char *password)
{
	struct auth_verdict v;

	if (!f->one_turn)
		auth_turn(f->a);
	auth_check(f->a,
		&(struct auth_login){.uid = im_str(uid),
			.password = im_str(password),
			.address = im_str(f->address ? f->address : "192.0.2.1"),
			.hearsay = f->hearsay,
			.idle = true},
		&v);
	assert_true(v.accepted || v.no.why);
	return v;
}

bool fixture_accepts(struct fixture *f, const char *uid, const char *password)
{
	return fixture_check(f, uid, password).accepted;
}
