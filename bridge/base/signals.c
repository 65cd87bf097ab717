/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the signalfd. Called by the service; decides nothing. */
#include "bridge/base/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
	int fd;
	signals_fn fn;
	void *arg;
	struct loop_io *io;
};

static void on_ready(void *arg, unsigned ready)
{
	struct signals *s = arg;
	struct signalfd_siginfo info;

	(void)ready;
	while (read(s->fd, &info, sizeof(info)) == sizeof(info))
		s->fn(s->arg, (int)info.ssi_signo);
}

int signals_open(struct loop *l, signals_fn fn, void *arg, struct signals **out)
{
	struct signals *s = calloc(1, sizeof(*s));
	sigset_t set;
	int rc = IM_E_IO;

	*out = NULL;
	if (!s)
		return IM_E_NOMEM;
	s->fn = fn;
	s->arg = arg;
	s->fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (!pthread_sigmask(SIG_BLOCK, &set, NULL))
		s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd >= 0)
		rc = loop_watch(l, s->fd, on_ready, s, &s->io);
	if (rc) {
		signals_close(&s);
		return rc;
	}
	loop_add(s->io, LOOP_READ);
	*out = s;
	return IM_OK;
}

void signals_close(struct signals **s)
{
	if (!*s)
		return;
	loop_unwatch(&(*s)->io);
	if ((*s)->fd >= 0)
		close((*s)->fd);
	free(*s);
	*s = NULL;
}
