/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PostgreSQL server for a test: in a folder of its own, reached by a socket there, with fsync on.
 * Run by root it runs as the user postgres, else as who runs the test. The role `postgres` needs no
 * password; `im` and all others do. {folder}/password holds it.
 */
#ifndef IM_TESTS_POSTGRES_H
#define IM_TESTS_POSTGRES_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct postgres;

#define POSTGRES_PASSWORD "not a secret"

/* These fail the test with what the server's log says. A server ends with the test's process. */
struct postgres *postgres_new(void); /* runs */
/* A standby that follows it, in a folder within its own; runs. To be freed first. */
struct postgres *postgres_standby_new(struct postgres *primary);
void postgres_free(struct postgres **pg);

/* how: SIGINT (at once, in order), SIGQUIT (as in a crash), SIGKILL. */
void postgres_stop(struct postgres *pg, int how);
void postgres_start(struct postgres *pg);

/* Where its socket is, as host and port of a connection string. */
const char *postgres_host(const struct postgres *pg);
int postgres_port(const struct postgres *pg);
/* A file in its folder, with mode 600: {folder}/{name}, in memory of its own until it is freed. */
const char *postgres_file(struct postgres *pg, const char *name, const char *text);

/* As postgres, on a connection of its own: any SQL; the first value of its last result ("" where
 * there is none), in static memory; that as a number. */
void postgres_execute(const struct postgres *pg, const char *database, const char *sql);
const char *postgres_text(const struct postgres *pg, const char *database, const char *sql);
int64_t postgres_number(const struct postgres *pg, const char *database, const char *sql);
/* Asks until it says `t`. */
void postgres_await(const struct postgres *pg, const char *database, const char *sql);

/* A connection that is kept, with something open on it. */
struct postgres_hand;
struct postgres_hand *postgres_hold(
	const struct postgres *pg, const char *database, const char *sql);
void postgres_release(struct postgres_hand **h, const char *sql);

#endif
