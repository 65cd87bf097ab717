/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop: who is called, when, and who is not any more. Its clock is the test's. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/loop.h"
#include "bridge/base/signals.h"

struct fixture {
	struct loop *l;
	int64_t now_ms; /* 0: the system's clock */
	char order[32]; /* of the calls, by name */
	size_t calls;
};

/* Has a descriptor, a timer or both. */
struct party {
	struct fixture *f;
	char name;
	int fd, peer; /* two connected sockets; -1: none */
	struct loop_io *io;
	struct loop_timer *timer;
	unsigned calls, ready;            /* ready: as it was told last */
	void (*then)(struct party *self); /* what it does when it is called */
	struct party *whom;
	int64_t again_ms, due_ms;
};

static int64_t clock_ms(void *arg)
{
	const struct fixture *f = arg;
	struct timespec t;

	if (f->now_ms)
		return f->now_ms;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->now_ms = 1000;
	assert_int_equal(loop_open(clock_ms, f, &f->l), IM_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_close(&f->l);
	assert_null(f->l);
	loop_close(&f->l);
	free(f);
	return 0;
}

static void called(struct party *p)
{
	struct fixture *f = p->f;

	p->calls++;
	f->order[f->calls++ % (sizeof(f->order) - 1)] = p->name;
	if (p->then)
		p->then(p);
}

static void on_ready(void *arg, unsigned ready)
{
	struct party *p = arg;

	p->ready = ready;
	called(p);
}

static void on_time(void *arg)
{
	called(arg);
}

static void turn(struct fixture *f)
{
	assert_int_equal(loop_turn(f->l, 0), IM_OK);
}

static struct party party(struct fixture *f, char name)
{
	return (struct party){.f = f, .name = name, .fd = -1, .peer = -1};
}

static struct party pair(struct fixture *f, char name)
{
	struct party p = party(f, name);
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s), 0);
	p.fd = s[0];
	p.peer = s[1];
	return p;
}

static void watch(struct party *p, unsigned what)
{
	assert_int_equal(loop_watch(p->f->l, p->fd, on_ready, p, &p->io), IM_OK);
	loop_add(p->io, what);
}

static void set(struct party *p, int64_t after_ms)
{
	if (!p->timer)
		p->timer = loop_timer_new(p->f->l, on_time, p);
	assert_non_null(p->timer);
	loop_timer_set(p->timer, after_ms);
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void end(struct party *p)
{
	loop_unwatch(&p->io);
	assert_null(p->io);
	shut(&p->fd);
	shut(&p->peer);
	if (p->timer)
		loop_timer_free(&p->timer);
	assert_null(p->timer);
}

static void say(struct party *p)
{
	assert_int_equal(write(p->peer, "x", 1), 1);
}

/* -- descriptors -- */

static void reading_and_writing_are_asked_for_apart(void **state)
{
	struct fixture *f = *state;
	struct party p = pair(f, 'p');
	char byte;

	watch(&p, 0);
	say(&p);
	turn(f);
	assert_int_equal(p.calls, 0);
	loop_add(p.io, LOOP_READ);
	turn(f);
	assert_int_equal(p.calls, 1);
	assert_int_equal(p.ready, LOOP_READ);
	/* As long as there is something to read. */
	loop_add(p.io, LOOP_WRITE);
	turn(f);
	assert_int_equal(p.calls, 3);
	assert_int_equal(p.ready, LOOP_WRITE); /* the second of two calls */
	loop_del(p.io, LOOP_READ);
	turn(f);
	assert_int_equal(p.ready, LOOP_WRITE);
	loop_add(p.io, LOOP_READ);
	assert_int_equal(read(p.fd, &byte, 1), 1);
	turn(f);
	assert_int_equal(p.ready, LOOP_WRITE);
	assert_int_equal(p.calls, 5);
	/* Given up and asked for again before the turn: nothing has changed. */
	loop_del(p.io, LOOP_WRITE);
	loop_add(p.io, LOOP_WRITE);
	turn(f);
	assert_int_equal(p.calls, 6);
	loop_del(p.io, LOOP_READ | LOOP_WRITE);
	turn(f);
	assert_int_equal(p.calls, 6);
	end(&p);
}

static void writing_is_told_when_there_is_room(void **state)
{
	struct fixture *f = *state;
	struct party p = pair(f, 'p');
	static char block[65536];

	while (write(p.fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	watch(&p, LOOP_WRITE);
	turn(f);
	assert_int_equal(p.calls, 0);
	while (read(p.peer, block, sizeof(block)) > 0)
		;
	turn(f);
	assert_int_equal(p.calls, 1);
	assert_int_equal(p.ready, LOOP_WRITE);
	end(&p);
}

static void a_hang_up_is_told_as_what_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct party reads = pair(f, 'r'), writes = pair(f, 'w'), silent = pair(f, 's');

	watch(&reads, LOOP_READ);
	watch(&writes, LOOP_WRITE);
	watch(&silent, 0);
	shut(&reads.peer);
	shut(&writes.peer);
	shut(&silent.peer);
	turn(f);
	assert_int_equal(reads.ready, LOOP_READ);
	assert_int_equal(writes.ready, LOOP_WRITE);
	assert_int_equal(silent.calls, 0);
	/* It is told once it is asked for. */
	loop_add(silent.io, LOOP_READ);
	turn(f);
	assert_int_equal(silent.ready, LOOP_READ);
	end(&reads);
	end(&writes);
	end(&silent);
}

/* Pipes say neither "readable" nor "writable" with it: nobody writes any more is a hang-up, nobody
 * reads any more an error. */
static void the_end_of_a_pipe_is_told_as_what_is_asked_for(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct party p = party(f, 'p');
		int fd[2];

		assert_int_equal(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
		p.fd = fd[i];
		watch(&p, 0);
		close(fd[!i]);
		turn(f);
		assert_int_equal(p.calls, 0);
		loop_add(p.io, LOOP_READ);
		turn(f);
		assert_int_equal(p.calls, 1);
		assert_int_equal(p.ready, LOOP_READ);
		end(&p);
	}
}

/* Errors and hang-ups cannot be masked. One that stands wakes the loop once at most. */
static void what_nobody_asks_for_does_not_keep_the_loop_awake(void **state)
{
	struct fixture *f = *state;
	struct party p = pair(f, 'p'), alarm = party(f, 'a');

	watch(&p, LOOP_READ);
	shut(&p.peer);
	turn(f);
	assert_int_equal(p.calls, 1);
	loop_del(p.io, LOOP_READ);
	turn(f);
	f->now_ms = 0;
	set(&alarm, 20);
	assert_int_equal(loop_turn(f->l, -1), IM_OK);
	assert_int_equal(alarm.calls, 1);
	assert_int_equal(p.calls, 1);
	end(&alarm);
	end(&p);
}

static void ends_the_other(struct party *self)
{
	end(self->whom);
	self->then = NULL;
}

static void unwatches_the_other(struct party *self)
{
	loop_unwatch(&self->whom->io);
	self->then = NULL;
}

/* Both are ready in one turn; whoever is called first gives the other one up. */
static void what_is_given_up_is_not_called_in_the_same_turn(void **state)
{
	struct fixture *f = *state;

	for (int closes = 0; closes < 2; closes++) {
		struct party a = pair(f, 'a'), b = pair(f, 'b');

		a.whom = &b;
		b.whom = &a;
		a.then = b.then = closes ? ends_the_other : unwatches_the_other;
		watch(&a, LOOP_READ);
		watch(&b, LOOP_READ);
		say(&a);
		say(&b);
		turn(f);
		assert_int_equal(a.calls + b.calls, 1);
		assert_null(a.calls ? b.io : a.io);
		turn(f);
		assert_int_equal(a.calls + b.calls, 2);
		assert_true(a.calls == 2 || b.calls == 2);
		end(&a);
		end(&b);
	}
}

static void mutes_the_other(struct party *self)
{
	loop_del(self->whom->io, LOOP_READ);
}

static void what_is_asked_for_no_more_is_not_called_in_the_same_turn(void **state)
{
	struct fixture *f = *state;
	struct party a = pair(f, 'a'), b = pair(f, 'b');

	a.whom = &b;
	b.whom = &a;
	a.then = b.then = mutes_the_other;
	watch(&a, LOOP_READ);
	watch(&b, LOOP_READ);
	say(&a);
	say(&b);
	turn(f);
	assert_int_equal(a.calls + b.calls, 1);
	turn(f);
	assert_int_equal(a.calls + b.calls, 2);
	assert_true(a.calls == 2 || b.calls == 2);
	end(&a);
	end(&b);
}

static void ends_itself(struct party *self)
{
	end(self);
}

static void a_callback_may_give_itself_up(void **state)
{
	struct fixture *f = *state;
	struct party p = pair(f, 'p');

	p.then = ends_itself;
	watch(&p, LOOP_READ | LOOP_WRITE);
	set(&p, 0);
	say(&p);
	turn(f);
	assert_int_equal(p.calls, 1);
	turn(f);
	assert_int_equal(p.calls, 1);
}

static void gives_writing_up(struct party *self)
{
	loop_del(self->io, LOOP_WRITE);
}

/* A reply read may be all that there was to write for. */
static void reading_may_give_writing_up(void **state)
{
	struct fixture *f = *state;
	struct party p = pair(f, 'p');

	p.then = gives_writing_up;
	watch(&p, LOOP_READ | LOOP_WRITE);
	say(&p);
	turn(f);
	assert_int_equal(p.calls, 1);
	assert_int_equal(p.ready, LOOP_READ);
	end(&p);
}

static void watches_the_other(struct party *self)
{
	watch(self->whom, LOOP_READ);
	self->then = NULL;
}

static void a_callback_may_begin_to_watch(void **state)
{
	struct fixture *f = *state;
	struct party a = pair(f, 'a'), b = pair(f, 'b');

	a.whom = &b;
	a.then = watches_the_other;
	watch(&a, LOOP_READ);
	say(&a);
	say(&b);
	turn(f);
	assert_int_equal(b.calls, 0);
	turn(f);
	assert_int_equal(a.calls, 2);
	assert_int_equal(b.calls, 1);
	end(&a);
	end(&b);
}

/* Gives b's number to one that is silent. */
static void becomes_the_other(struct party *self)
{
	struct party *old = self->whom, *fresh = old->whom;

	assert_int_equal(dup3(fresh->fd, old->fd, O_CLOEXEC), old->fd);
	close(fresh->fd);
	fresh->fd = old->fd;
	old->fd = -1;
	watch(fresh, LOOP_READ);
	self->then = NULL;
}

/* Libraries close their descriptor by themselves, and the next connection may have its number: what
 * was ready under it is not told to the next, and giving up the old one leaves the next alone. */
static void a_number_may_come_again(void **state)
{
	struct fixture *f = *state;
	struct party a = pair(f, 'a'), b = pair(f, 'b'), fresh = pair(f, 'f');

	a.whom = &b;
	b.whom = &fresh;
	a.then = becomes_the_other;
	watch(&a, LOOP_READ);
	turn(f);
	watch(&b, LOOP_READ);
	say(&a);
	say(&b);
	turn(f);
	assert_int_equal(a.calls, 1);
	assert_int_equal(fresh.calls, 0);
	b.calls = 0; /* it may have been first */
	loop_del(b.io, LOOP_READ);
	turn(f);
	loop_unwatch(&b.io);
	say(&fresh);
	turn(f);
	assert_int_equal(fresh.calls, 1);
	assert_int_equal(b.calls, 0);
	end(&a);
	end(&b);
	end(&fresh);
}

static void what_cannot_be_watched_is_refused(void **state)
{
	struct fixture *f = *state;
	struct party p = pair(f, 'p'), twice = pair(f, 't');
	FILE *file = tmpfile();
	struct loop_io *io;

	assert_int_equal(loop_watch(f->l, -1, on_ready, &p, &io), IM_E_IO);
	assert_int_equal(errno, EBADF);
	assert_int_equal(loop_watch(f->l, fileno(file), on_ready, &p, &io), IM_E_IO);
	assert_int_equal(errno, EPERM);
	assert_null(io);
	fclose(file);
	watch(&twice, LOOP_READ);
	assert_int_equal(loop_watch(f->l, twice.fd, on_ready, &p, &io), IM_E_EXISTS);
	assert_null(io);
	say(&twice);
	turn(f);
	assert_int_equal(twice.calls, 1);
	loop_unwatch(&io);
	end(&twice);
	end(&p);
}

/* Nobody would hear of it any more. */
static void a_descriptor_that_is_closed_and_not_given_up_ends_the_loop(void **state)
{
	struct fixture *f = *state;
	struct party p = pair(f, 'p');

	watch(&p, LOOP_READ);
	turn(f);
	shut(&p.fd);
	loop_add(p.io, LOOP_WRITE);
	assert_int_equal(loop_turn(f->l, 0), IM_E_IO);
	loop_unwatch(&p.io);
	turn(f);
	end(&p);
}

static void without_descriptors_there_is_no_loop(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, none;
	struct loop *l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(loop_open(clock_ms, f, &l), IM_E_IO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_null(l);
}

/* More than the kernel hands over at a time: nobody is passed over. */
static void many_descriptors_are_all_called(void **state)
{
	enum { MANY = 300, TURNS = 20 };
	struct fixture *f = *state;
	struct party *all = calloc(MANY, sizeof(*all));

	assert_non_null(all);
	for (int i = 0; i < MANY; i++) {
		all[i] = pair(f, 'm');
		watch(&all[i], LOOP_READ);
		say(&all[i]);
	}
	for (int i = 0; i < TURNS; i++)
		turn(f);
	for (int i = 0; i < MANY; i++)
		assert_true(all[i].calls >= 3);
	for (int i = 0; i < MANY; i += 2)
		end(&all[i]);
	for (int i = 1; i < MANY; i += 2)
		all[i].calls = 0;
	for (int i = 0; i < TURNS; i++)
		turn(f);
	for (int i = 1; i < MANY; i += 2) {
		assert_true(all[i].calls >= 6);
		end(&all[i]);
	}
	free(all);
}

/* -- timers -- */

static void timers_are_called_by_their_time(void **state)
{
	struct fixture *f = *state;
	struct party a = party(f, 'a'), b = party(f, 'b'), c = party(f, 'c'), d = party(f, 'd');

	set(&c, 30);
	set(&a, 10);
	set(&b, 20);
	set(&d, 20);
	turn(f);
	assert_int_equal(f->calls, 0);
	f->now_ms += 9;
	turn(f);
	assert_int_equal(f->calls, 0);
	f->now_ms += 1;
	turn(f);
	assert_string_equal(f->order, "a");
	f->now_ms += 100;
	turn(f);
	/* The earliest first; of one time, whoever was set first. */
	assert_string_equal(f->order, "abdc");
	turn(f);
	assert_string_equal(f->order, "abdc");
	end(&a);
	end(&b);
	end(&c);
	end(&d);
}

static void a_timer_is_set_anew_and_stopped(void **state)
{
	struct fixture *f = *state;
	struct party a = party(f, 'a'), b = party(f, 'b');

	set(&a, 10);
	set(&b, 50);
	set(&a, 100);
	set(&b, 20);
	f->now_ms += 20;
	turn(f);
	assert_string_equal(f->order, "b");
	loop_timer_stop(a.timer);
	loop_timer_stop(a.timer);
	f->now_ms += 1000;
	turn(f);
	assert_string_equal(f->order, "b");
	set(&a, -5);
	turn(f);
	assert_string_equal(f->order, "ba");
	/* For ever. */
	set(&a, INT64_MAX);
	f->now_ms += INT32_MAX;
	turn(f);
	assert_string_equal(f->order, "ba");
	end(&a);
	end(&b);
}

static void sets_itself(struct party *self)
{
	loop_timer_set(self->timer, self->again_ms);
}

/* One that always wants to be called keeps nobody waiting, descriptors included. */
static void a_timer_that_sets_itself_waits_for_the_next_turn(void **state)
{
	struct fixture *f = *state;
	struct party a = party(f, 'a'), b = party(f, 'b'), p = pair(f, 'p');

	a.then = b.then = sets_itself;
	watch(&p, LOOP_READ);
	say(&p);
	set(&a, 0);
	set(&b, 0);
	for (int i = 0; i < 3; i++)
		turn(f);
	assert_string_equal(f->order, "pabpabpab");
	end(&a);
	end(&b);
	end(&p);
}

static void sets_the_other(struct party *self)
{
	set(self->whom, 0);
}

static void a_timer_that_a_descriptor_sets_waits_for_the_next_turn(void **state)
{
	struct fixture *f = *state;
	struct party t = party(f, 't'), p = pair(f, 'p');

	p.whom = &t;
	p.then = sets_the_other;
	watch(&p, LOOP_READ);
	say(&p);
	turn(f);
	assert_string_equal(f->order, "p");
	p.then = NULL;
	turn(f);
	assert_string_equal(f->order, "ppt");
	end(&t);
	end(&p);
}

static void stops_the_other(struct party *self)
{
	loop_timer_stop(self->whom->timer);
}

static void timers_may_be_freed_and_stopped_by_timers(void **state)
{
	struct fixture *f = *state;
	struct party a = party(f, 'a'), b = party(f, 'b'), c = party(f, 'c'), d = party(f, 'd');

	a.then = ends_the_other;
	a.whom = &b;
	c.then = stops_the_other;
	c.whom = &d;
	set(&a, 1);
	set(&b, 1);
	set(&c, 1);
	set(&d, 1);
	f->now_ms += 1;
	turn(f);
	assert_string_equal(f->order, "ac");
	a.then = ends_itself;
	set(&a, 0);
	turn(f);
	assert_string_equal(f->order, "aca");
	turn(f);
	assert_string_equal(f->order, "aca");
	end(&c);
	end(&d);
}

static void keeps_its_time(struct party *self)
{
	struct fixture *f = self->f;

	assert_true(self->due_ms && self->due_ms <= f->now_ms);
	/* In order: again_ms of the first is when the last one was due. */
	assert_true(self->due_ms >= self->whom->again_ms);
	self->whom->again_ms = self->due_ms;
	self->due_ms = 0;
}

static void change(struct party *p, struct prng *r)
{
	uint32_t after = 1 + prng_below(r, 200);

	switch (prng_below(r, 4)) {
	case 0:
		end(p);
		p->due_ms = 0;
		break;
	case 1:
		if (p->timer)
			loop_timer_stop(p->timer);
		p->due_ms = 0;
		break;
	default:
		set(p, after);
		p->due_ms = p->f->now_ms + after;
		break;
	}
}

/* Against what a look through all of them finds: set, set anew, stopped, freed in any order. */
static void many_timers_are_called_in_order(void **state)
{
	enum { MANY = 500, ROUNDS = 20000 };
	struct fixture *f = *state;
	struct party *all = calloc(MANY, sizeof(*all));
	struct prng r = {11};

	assert_non_null(all);
	for (int i = 0; i < MANY; i++) {
		all[i] = party(f, 'm');
		all[i].whom = &all[0];
		all[i].then = keeps_its_time;
	}
	for (int i = 0; i < ROUNDS; i++) {
		change(&all[prng_below(&r, MANY)], &r);
		if (i % 8)
			continue;
		f->now_ms += prng_below(&r, 5);
		turn(f);
		for (int k = 0; k < MANY; k++)
			assert_true(!all[k].due_ms || all[k].due_ms > f->now_ms);
	}
	assert_true(f->calls > 1000);
	for (int i = 0; i < MANY; i++)
		end(&all[i]);
	free(all);
}

static void on_alarm(int signo)
{
	(void)signo;
}

static void a_turn_ends_by_time_and_by_signals(void **state)
{
	struct fixture *f = *state;
	const struct sigaction act = {.sa_handler = on_alarm};
	const struct itimerval soon = {{.tv_usec = 1000}, {.tv_usec = 1000}}, never = {0};
	struct party p = pair(f, 'p');

	watch(&p, LOOP_READ);
	assert_int_equal(loop_turn(f->l, 5), IM_OK);
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(loop_turn(f->l, -1), IM_OK);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(p.calls, 0);
	end(&p);
}

/* -- signals -- */

static void on_signal(void *arg, int signo)
{
	struct fixture *f = arg;

	f->order[f->calls++] = signo == SIGHUP    ? 'h'
			       : signo == SIGTERM ? 't'
			       : signo == SIGINT  ? 'i'
						  : '?';
}

static void signals_are_told_in_a_turn(void **state)
{
	struct fixture *f = *state;
	struct signals *s;

	assert_int_equal(signals_open(f->l, on_signal, f, &s), IM_OK);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(raise(SIGPIPE), 0);
	assert_int_equal(f->calls, 0);
	turn(f);
	assert_string_equal(f->order, "t");
	assert_int_equal(raise(SIGHUP), 0);
	assert_int_equal(raise(SIGHUP), 0); /* while one waits it is the same */
	assert_int_equal(raise(SIGINT), 0);
	turn(f);
	turn(f);
	assert_int_equal(f->calls, 3);
	assert_non_null(strchr(f->order, 'h'));
	assert_non_null(strchr(f->order, 'i'));
	signals_close(&s);
	assert_null(s);
	signals_close(&s);
	assert_int_equal(raise(SIGTERM), 0); /* blocked still */
	turn(f);
	assert_int_equal(f->calls, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading_and_writing_are_asked_for_apart),
		TEST(writing_is_told_when_there_is_room),
		TEST(a_hang_up_is_told_as_what_is_asked_for),
		TEST(the_end_of_a_pipe_is_told_as_what_is_asked_for),
		TEST(what_nobody_asks_for_does_not_keep_the_loop_awake),
		TEST(what_is_given_up_is_not_called_in_the_same_turn),
		TEST(what_is_asked_for_no_more_is_not_called_in_the_same_turn),
		TEST(a_callback_may_give_itself_up),
		TEST(reading_may_give_writing_up),
		TEST(a_callback_may_begin_to_watch),
		TEST(a_number_may_come_again),
		TEST(what_cannot_be_watched_is_refused),
		TEST(a_descriptor_that_is_closed_and_not_given_up_ends_the_loop),
		TEST(without_descriptors_there_is_no_loop),
		TEST(many_descriptors_are_all_called),
		TEST(timers_are_called_by_their_time),
		TEST(a_timer_is_set_anew_and_stopped),
		TEST(a_timer_that_sets_itself_waits_for_the_next_turn),
		TEST(a_timer_that_a_descriptor_sets_waits_for_the_next_turn),
		TEST(timers_may_be_freed_and_stopped_by_timers),
		TEST(many_timers_are_called_in_order),
		TEST(a_turn_ends_by_time_and_by_signals),
		TEST(signals_are_told_in_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
