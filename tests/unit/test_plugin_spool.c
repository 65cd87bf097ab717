/* SPDX-License-Identifier: BSD-3-Clause */
/* The spool's file: locking, sizes, damage, and what a restart makes of its records. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"
#include "plugin/spool.h"
#include "tests/lib/folder.h"
#include "tests/unit/plugin_node.h"

#define MIB (1024 * 1024)

struct fixture {
	char dir[64];
	char path[96];
	struct spool s;
	struct im_buf why;
};

static void start(struct fixture *f)
{
	fake_open(false);
	snprintf(f->dir, sizeof(f->dir), "/tmp/im-spool-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/spool", f->dir);
	im_buf_init(&f->why, 0);
}

static void stop(struct fixture *f)
{
	im_buf_free(&f->why);
	fake_close();
	assert_int_equal(folder_remove(f->dir), 0);
}

static void reopen(struct fixture *f, uint64_t size)
{
	if (spool_open(&f->s, f->path, size, &f->why))
		fail_msg("%.*s", IM_ARGS(f->why));
}

/* Ends as kill -9 does: nothing is written any more. */
static void crash(struct fixture *f)
{
	f->s.ring.data = NULL;
	spool_close(&f->s);
}

static uint64_t put(struct fixture *f, uint8_t type, uint8_t flags, struct im_str payload)
{
	const struct im_up_rec r = {.type = type, .flags = flags, .payload = payload};
	uint64_t recno = 0;

	return spool_put(&f->s, &r, &recno) == IM_OK ? recno : 0;
}

static bool exists(const struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	return access(path, F_OK) == 0;
}

static void keeps_records_over_ends_of_every_kind(void **state)
{
	struct fixture f;
	uint64_t epoch;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	epoch = f.s.ring.epoch;
	assert_int_not_equal(epoch, 0);
	assert_int_equal(put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("a")), 1);
	spool_close(&f.s);
	reopen(&f, MIB);
	assert_true(fake_logged("spool recovered"));
	assert_int_equal(f.s.ring.epoch, epoch);
	assert_int_equal(put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("b")), 2);
	crash(&f);
	reopen(&f, MIB);
	assert_int_equal(put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("c")), RING_JUMP);
	assert_false(fake_logged("cut"));
	spool_close(&f.s);
	stop(&f);
}

static void what_was_not_durable_is_void_after_a_restart(void **state)
{
	struct fixture f;
	struct ring_cursor c;
	struct ring_record rec;
	bool is_void[3];
	int i = 0;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("a"));
	put(&f, IM_UP_RPC, 0, IM_STR("b"));
	c = ring_begin(&f.s.ring);
	while (ring_next(&f.s.ring, &c, &rec))
		assert_false(spool_is_void(&f.s, &rec));
	crash(&f);
	reopen(&f, MIB);
	put(&f, IM_UP_RPC, 0, IM_STR("c"));
	c = ring_begin(&f.s.ring);
	while (ring_next(&f.s.ring, &c, &rec))
		is_void[i++] = spool_is_void(&f.s, &rec);
	assert_int_equal(i, 3);
	assert_true(!is_void[0] && is_void[1] && !is_void[2]);
	spool_close(&f.s);
	stop(&f);
}

static void keeps_half_of_it_for_durable_ones(void **state)
{
	static char payload[10000];
	const struct im_str big = {payload, sizeof(payload)};
	struct fixture f;
	unsigned n = 0;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	while (put(&f, IM_UP_RPC, 0, big))
		n++;
	assert_in_range(n, 51, 53);
	assert_false(spool_has_room(&f.s));
	while (put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, big))
		n++;
	assert_in_range(n, 102, 105);
	assert_int_equal(put(&f, IM_UP_CLOSE, 0, IM_STR("")), 0);
	assert_int_not_equal(put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("")), 0);
	ring_free_through(&f.s.ring, n);
	assert_int_not_equal(put(&f, IM_UP_CLOSE, 0, IM_STR("")), 0);
	spool_close(&f.s);
	stop(&f);
}

static void two_brokers_cannot_share_it(void **state)
{
	struct fixture f;
	struct spool other;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	assert_int_equal(spool_open(&other, f.path, MIB, &f.why), IM_E_IO);
	im_buf_c(&f.why, '\0');
	assert_non_null(strstr(f.why.p, "in use"));
	spool_close(&other);
	spool_close(&f.s);
	reopen(&f, MIB);
	spool_close(&f.s);
	stop(&f);
}

static void takes_a_new_size_only_when_empty(void **state)
{
	struct fixture f;
	uint64_t epoch;
	struct stat st;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	epoch = f.s.ring.epoch;
	put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("a"));
	spool_close(&f.s);
	reopen(&f, 2 * MIB);
	assert_int_equal(f.s.ring.size, MIB);
	assert_true(fake_logged("keeps its size"));
	ring_free_through(&f.s.ring, 1);
	spool_close(&f.s);
	reopen(&f, 2 * MIB);
	assert_int_equal(f.s.ring.size, 2 * MIB);
	assert_true(f.s.ring.epoch != epoch);
	assert_int_equal(put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("a")), 1);
	assert_int_equal(stat(f.path, &st), 0);
	assert_int_equal(st.st_size, 2 * MIB + RING_HEADER);
	/* All of it is on the disk already. */
	assert_true(st.st_blocks * 512 >= 2 * MIB);
	assert_int_equal(st.st_mode & 0777, 0600);
	spool_close(&f.s);
	stop(&f);
}

static void damage(const struct fixture *f, off_t at)
{
	int fd = open(f->path, O_WRONLY);

	assert_int_equal(pwrite(fd, "XXXX", 4, at), 4);
	close(fd);
}

static void what_is_no_spool_is_moved_aside(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("a"));
	spool_close(&f.s);
	damage(&f, 0);
	reopen(&f, MIB);
	assert_true(fake_logged("spool corrupt"));
	assert_true(exists(&f, "spool.corrupt-1"));
	assert_int_equal(ring_used(&f.s.ring), 0);
	assert_int_equal(put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("a")), 1);
	spool_close(&f.s);
	/* Another version, a header cut short, an empty file. */
	damage(&f, 8);
	reopen(&f, MIB);
	assert_true(exists(&f, "spool.corrupt-2"));
	spool_close(&f.s);
	assert_int_equal(truncate(f.path, 100), 0);
	reopen(&f, MIB);
	assert_true(exists(&f, "spool.corrupt-3"));
	spool_close(&f.s);
	assert_int_equal(truncate(f.path, 0), 0);
	reopen(&f, MIB);
	assert_false(exists(&f, "spool.corrupt-4"));
	spool_close(&f.s);
	stop(&f);
}

static void a_damaged_record_is_cut_with_a_line(void **state)
{
	struct fixture f;
	struct ring_cursor c;
	struct ring_record rec;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("aaaaaaaa"));
	put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("bbbbbbbb"));
	spool_close(&f.s);
	damage(&f, RING_HEADER + 80);
	reopen(&f, MIB);
	assert_true(fake_logged("spool cut"));
	c = ring_begin(&f.s.ring);
	assert_true(ring_next(&f.s.ring, &c, &rec));
	assert_false(ring_next(&f.s.ring, &c, &rec));
	spool_close(&f.s);
	stop(&f);
}

enum { CUT_RECORDS = 12 };

static unsigned records_in(const struct spool *s)
{
	struct ring_cursor c = ring_begin(&s->ring);
	struct ring_record rec;
	unsigned n = 0;

	while (ring_next(&s->ring, &c, &rec))
		n++;
	return n;
}

/* The file, cut to `n` bytes behind the header, keeps so many records and takes new ones. */
static void check_cut(struct fixture *f, const char *whole, uint64_t n, unsigned kept)
{
	FILE *out = fopen(f->path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(whole, 1, RING_HEADER + n, out), RING_HEADER + n);
	assert_int_equal(fclose(out), 0);
	reopen(f, MIB);
	assert_true(fake_logged("spool truncated"));
	assert_int_equal(records_in(&f->s), kept);
	assert_int_equal(f->s.ring.size, MIB);
	assert_int_not_equal(put(f, IM_UP_MSG_USER, IM_UPF_DURABLE, IM_STR("on")), 0);
	crash(f);
	reopen(f, MIB);
	assert_int_equal(records_in(&f->s), kept + 1);
	spool_close(&f->s);
}

/* At every end of a record and beside it, and in its middle. */
static void a_file_cut_short_keeps_what_came_before(void **state)
{
	uint64_t begin[CUT_RECORDS], end[CUT_RECORDS];
	char *whole = malloc(RING_HEADER + MIB);
	struct fixture f;
	FILE *in;

	(void)state;
	start(&f);
	reopen(&f, MIB);
	for (unsigned i = 0; i < CUT_RECORDS; i++) {
		const struct im_str text = {"abcdefghijklmnopqrstuvwxyz", 7 + i};
		const struct im_up_rec r = {.type = IM_UP_MSG_USER, .payload = text};

		begin[i] = f.s.ring.head;
		end[i] = begin[i] + RING_RECORD_HEAD + im_up_rec_size(&r);
		put(&f, IM_UP_MSG_USER, IM_UPF_DURABLE, text);
	}
	crash(&f);
	in = fopen(f.path, "r");
	assert_int_equal(fread(whole, 1, RING_HEADER + MIB, in), RING_HEADER + MIB);
	fclose(in);
	for (unsigned i = 0; i < CUT_RECORDS; i++) {
		check_cut(&f, whole, begin[i] + 1, i);
		check_cut(&f, whole, begin[i] + RING_RECORD_HEAD, i);
		check_cut(&f, whole, (begin[i] + end[i]) / 2, i);
		check_cut(&f, whole, end[i] - 1, i);
		check_cut(&f, whole, end[i], i + 1);
	}
	assert_false(exists(&f, "spool.corrupt-1"));
	free(whole);
	stop(&f);
}

static void says_what_is_wrong_with_the_place(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	assert_int_equal(spool_open(&f.s, "/nonexistent/spool", MIB, &f.why), IM_E_IO);
	im_buf_c(&f.why, '\0');
	assert_non_null(strstr(f.why.p, "/nonexistent/spool"));
	im_buf_reset(&f.why);
	/* More than any disk has. */
	assert_int_not_equal(spool_open(&f.s, f.path, UINT64_C(1) << 60, &f.why), IM_OK);
	assert_true(f.why.n > 0);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_records_over_ends_of_every_kind),
		cmocka_unit_test(what_was_not_durable_is_void_after_a_restart),
		cmocka_unit_test(keeps_half_of_it_for_durable_ones),
		cmocka_unit_test(two_brokers_cannot_share_it),
		cmocka_unit_test(takes_a_new_size_only_when_empty),
		cmocka_unit_test(what_is_no_spool_is_moved_aside),
		cmocka_unit_test(a_file_cut_short_keeps_what_came_before),
		cmocka_unit_test(a_damaged_record_is_cut_with_a_line),
		cmocka_unit_test(says_what_is_wrong_with_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
