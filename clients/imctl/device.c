/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chooses the client id. Called by control.c. A number is held by binding an abstract Unix-domain
 * socket of that name, which the kernel gives back when the process ends, however it ends.
 */
#include "clients/imctl/device.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NUMBERS 16
#define UID_PART                                                                         \
	32 /* of the user id, to be read by people; the hash tells users and hosts apart \
	    */

static int hold(const char *id)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "mosquitto-im/%s", id);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	if (bind(fd, (struct sockaddr *)&a, len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* FNV-1a: tells names apart whose beginnings are the same; nothing secret. */
static uint32_t mix(uint32_t h, const char *z)
{
	while (*z)
		h = (h ^ (uint8_t)*z++) * 16777619u;
	return h;
}

void device_take(const char *uid, struct device *out)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	uint32_t hash = mix(mix(2166136261u, uid), host);
	for (int i = 0; i < NUMBERS; i++) {
		snprintf(out->id, sizeof(out->id), "imctl-%.*s-%08x-%d", UID_PART, uid, hash, i);
		out->fd = hold(out->id);
		if (out->fd >= 0)
			return;
	}
	snprintf(out->id, sizeof(out->id), "imctl-%.*s-%08x-p%ld", UID_PART, uid, hash,
		(long)getpid());
}

void device_release(struct device *d)
{
	if (d->id[0] && d->fd >= 0)
		close(d->fd);
	d->id[0] = '\0';
}
