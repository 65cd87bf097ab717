/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MQTT client id that imctl connects with. The server remembers client ids as devices of the
 * user, so a random one for each call would fill that list: the id is the same again and again, and
 * a second imctl at the same time takes the next one.
 */
#ifndef IM_IMCTL_DEVICE_H
#define IM_IMCTL_DEVICE_H

/* What it is made of fits: a part of the user id, a hash and a number. */
#define DEVICE_ID_MAX 64

struct device {
	char id[DEVICE_ID_MAX + 1];
	int fd; /* holds the number; -1: none */
};

/* The first free id for this user on this machine. Always succeeds: without free numbers or
 * sockets the process id makes the difference. */
void device_take(const char *uid, struct device *out);
void device_release(struct device *d);

#endif
