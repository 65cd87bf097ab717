/* SPDX-License-Identifier: BSD-3-Clause */
/* The link in the loop, against a broker of some lines that takes what it is told to take. The
 * loop's clock is the test's. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bridge/link/link.h"
#include "common/topic.h"
#include "tests/lib/folder.h"

/* Of waiting for what must come. */
#define PATIENCE_MS 10000

enum { CONNECT = 0x10, PUBLISH = 0x30, SUBSCRIBE = 0x82, PINGREQ = 0xc0, DISCONNECT = 0xe0 };

struct fixture {
	char folder[64], path[96];
	struct loop *l;
	struct log *log;
	struct link *link;
	int64_t now_ms;
	int listener, peer;
	struct im_buf in;  /* what the broker has read and not taken apart */
	struct im_buf up;  /* frames that have come up */
	uint8_t last;      /* first byte of the last packet */
	struct im_buf got; /* the last packet's rest */
	unsigned readies, losses;
};

static int64_t clock_ms(void *arg)
{
	return ((struct fixture *)arg)->now_ms;
}

static void on_up(void *arg, struct im_str frame)
{
	struct fixture *f = arg;

	im_buf_str(&f->up, frame);
	im_buf_c(&f->up, ';');
	/* As the engine answers: from within libmosquitto's callback. */
	link_send(f->link, IM_STR("answer"));
}

static void on_ready(void *arg)
{
	((struct fixture *)arg)->readies++;
}

static void on_lost(void *arg)
{
	((struct fixture *)arg)->losses++;
}

static void listen_at(struct fixture *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strcpy(a.sun_path, f->path);
	unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(f->listener, 4), 0);
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct link_parts p;

	assert_non_null(f);
	strcpy(f->folder, "/tmp/im-link-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/sock", f->folder);
	f->now_ms = 1000;
	f->listener = f->peer = -1;
	im_buf_init(&f->in, 0);
	im_buf_init(&f->up, 0);
	im_buf_init(&f->got, 0);
	assert_int_equal(loop_open(clock_ms, f, &f->l), IM_OK);
	f->log = log_new(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LEVEL_ERROR, LOG_STDERR);
	p = (struct link_parts){.loop = f->l,
		.path = f->path,
		.username = "im-bridge",
		.data_dir = f->folder,
		.client_id = "$im-link-1",
		.log = f->log,
		.arg = f,
		.up = on_up,
		.ready = on_ready,
		.lost = on_lost};
	assert_int_equal(link_new(&p, &f->link), IM_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	link_free(&f->link);
	loop_close(&f->l);
	log_free(&f->log);
	shut(&f->listener);
	shut(&f->peer);
	im_buf_free(&f->in);
	im_buf_free(&f->up);
	im_buf_free(&f->got);
	assert_int_equal(folder_remove(f->folder), 0);
	free(f);
	return 0;
}

/* -- the broker -- */

static void answer(struct fixture *f, const char *p, size_t n)
{
	assert_int_equal(write(f->peer, p, n), (ssize_t)n);
}

/* Takes one whole packet from the front of what was read. */
static bool take_packet(struct fixture *f)
{
	const unsigned char *p = (const unsigned char *)f->in.p;
	size_t n = 0, at = 1;

	for (unsigned shift = 0; at < f->in.n; shift += 7) {
		n |= (size_t)(p[at] & 0x7f) << shift;
		if (!(p[at++] & 0x80))
			break;
	}
	if (f->in.n < 2 || p[at - 1] & 0x80 || f->in.n - at < n)
		return false;
	f->last = p[0];
	im_buf_reset(&f->got);
	im_buf_put(&f->got, p + at, n);
	memmove(f->in.p, f->in.p + at + n, f->in.n - at - n);
	f->in.n -= at + n;
	return true;
}

/* Everything that has come. */
static void read_all(struct fixture *f)
{
	static char block[65536];
	ssize_t n;

	while ((n = read(f->peer, block, sizeof(block))) > 0)
		im_buf_put(&f->in, block, (size_t)n);
	assert_true(n == 0 || errno == EAGAIN);
}

static void turn(struct fixture *f, int64_t most_ms)
{
	assert_int_equal(loop_turn(f->l, most_ms), IM_OK);
}

static int64_t real_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Nothing is to be done: the loop waits. */
static void is_quiet(struct fixture *f)
{
	int64_t begun = real_ms();

	turn(f, 20);
	assert_true(real_ms() - begun >= 20);
}

/* Turns until a whole packet has come. */
static uint8_t packet(struct fixture *f)
{
	for (int64_t end = real_ms() + PATIENCE_MS; real_ms() < end; turn(f, 1)) {
		if (f->peer < 0)
			f->peer = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (f->peer >= 0)
			read_all(f);
		if (take_packet(f))
			return f->last;
	}
	fail_msg("no packet has come");
	return 0;
}

static void turn_until_ready(struct fixture *f, unsigned readies)
{
	for (int i = 0; i < PATIENCE_MS && f->readies < readies; i++)
		turn(f, 1);
	assert_int_equal(f->readies, readies);
}

static void connected(struct fixture *f)
{
	if (f->listener < 0)
		listen_at(f);
	assert_int_equal(packet(f), CONNECT);
	answer(f, "\x20\x02\0\0", 4);
	assert_int_equal(packet(f), SUBSCRIBE);
	answer(f, (const char[]){(char)0x90, 4, f->got.p[0], f->got.p[1], 0, 0}, 6);
	turn_until_ready(f, f->readies + 1);
}

/* -- the tests -- */

static void frames_go_up_and_down(void **state)
{
	struct fixture *f = *state;

	connected(f);
	assert_true(link_connected(f->link));
	answer(f, "\x30\x0a\0\x06$im/upA!", 12);
	assert_int_equal(packet(f), PUBLISH);
	assert_buf(&f->up, "A!;");
	assert_buf(&f->got, "\0\x08$im/downanswer");
	/* From elsewhere. */
	link_send(f->link, IM_STR("later"));
	assert_int_equal(packet(f), PUBLISH);
	assert_buf(&f->got, "\0\x08$im/downlater");
	assert_int_equal(f->losses, 0);
}

/* More than the socket holds is written when the broker reads, and the loop is kept awake neither
 * until then nor afterwards. */
static void what_the_socket_does_not_take_goes_when_it_does(void **state)
{
	enum { FRAMES = 64, BYTES = 65536 };
	struct fixture *f = *state;
	char *frame = calloc(1, BYTES);

	assert_non_null(frame);
	connected(f);
	for (int i = 0; i < FRAMES; i++) {
		frame[0] = (char)i;
		link_send(f->link, (struct im_str){frame, BYTES});
	}
	is_quiet(f);
	for (int i = 0; i < FRAMES; i++) {
		assert_int_equal(packet(f), PUBLISH);
		assert_int_equal(f->got.n, 2 + strlen(IM_TOPIC_DOWN) + BYTES);
		assert_int_equal(f->got.p[2 + strlen(IM_TOPIC_DOWN)], (char)i);
	}
	is_quiet(f);
	free(frame);
}

static void a_lost_link_is_told_and_made_again(void **state)
{
	struct fixture *f = *state;
	int fd;

	connected(f);
	shut(&f->peer);
	im_buf_reset(&f->in);
	for (int i = 0; i < PATIENCE_MS && !f->losses; i++)
		turn(f, 1);
	assert_int_equal(f->losses, 1);
	assert_false(link_connected(f->link));
	link_send(f->link, IM_STR("lost"));
	/* Not before 50 ms have passed. */
	f->now_ms += 49;
	turn(f, 0);
	fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_int_equal(fd, -1);
	f->now_ms += 1;
	connected(f);
	assert_int_equal(f->readies, 2);
	assert_int_equal(f->losses, 1);
	link_send(f->link, IM_STR("again"));
	assert_int_equal(packet(f), PUBLISH);
	assert_buf(&f->got, "\0\x08$im/downagain");
}

/* 0, 50, 150, 350, ... and every two seconds at last. */
static void attempts_become_rarer(void **state)
{
	static const int64_t waits[] = {50, 100, 200, 400, 800, 1600, 2000, 2000};
	struct fixture *f = *state;

	turn(f, 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		/* Whoever listens now is met at the next attempt, and closes at once. */
		listen_at(f);
		f->now_ms += waits[i] - 1;
		turn(f, 0);
		assert_false(link_connected(f->link));
		shut(&f->listener);
		f->now_ms += 1;
		turn(f, 0);
		assert_false(link_connected(f->link));
	}
	listen_at(f);
	f->now_ms += 2000;
	turn(f, 0);
	assert_true(link_connected(f->link));
	connected(f);
}

static void a_broker_that_refuses_is_asked_again(void **state)
{
	struct fixture *f = *state;

	listen_at(f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(packet(f), CONNECT);
		answer(f, "\x20\x02\0\x05", 4);
		shut(&f->peer);
		im_buf_reset(&f->in);
		for (int k = 0; k < PATIENCE_MS && link_connected(f->link); k++)
			turn(f, 1);
		assert_false(link_connected(f->link));
		f->now_ms += 2000;
	}
	assert_int_equal(f->losses, 0);
	connected(f);
}

static void what_was_sent_goes_before_the_goodbye(void **state)
{
	struct fixture *f = *state;

	connected(f);
	link_send(f->link, IM_STR("last"));
	link_free(&f->link);
	assert_int_equal(packet(f), PUBLISH);
	assert_buf(&f->got, "\0\x08$im/downlast");
	assert_int_equal(packet(f), DISCONNECT);
	assert_int_equal(f->losses, 0);
	turn(f, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_go_up_and_down),
		TEST(what_the_socket_does_not_take_goes_when_it_does),
		TEST(a_lost_link_is_told_and_made_again),
		TEST(attempts_become_rarer),
		TEST(a_broker_that_refuses_is_asked_again),
		TEST(what_was_sent_goes_before_the_goodbye),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
