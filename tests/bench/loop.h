/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop: epoll over file descriptors and one deadline. Owns the epoll descriptor; the
 * sources belong to their owners. Single-threaded.
 *
 * Called by conn.c (sources) and the scenarios (turns).
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_source {
	void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop {
	int epoll_fd;
	uint64_t pause_ns; /* least time from turn to turn: lets small packets gather */
	uint64_t last_turn_ns;
};

/* CLOCK_MONOTONIC. */
uint64_t loop_now_ns(void);

/* 0 or -1 with errno. */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/* Watches fd for reading, and for writing if asked. 0 or -1 with errno. */
int loop_watch(struct loop *loop, int fd, struct loop_source *source, bool writing);
int loop_change(struct loop *loop, int fd, struct loop_source *source, bool writing);

/* Waits until something is ready or until_ns has come, and serves what is ready. 0, or -1 with
 * errno if the loop itself failed. */
int loop_turn(struct loop *loop, uint64_t until_ns);

#endif
