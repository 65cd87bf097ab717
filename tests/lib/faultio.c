/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk that fails on demand, for a whole process: preloaded into the bridge by tests/e2e. While
 * the file named by IM_FAULT exists, calls on files fail in the way that its text says:
 *   fsync   fsync and fdatasync fail with EIO
 *   write   writes fail with EIO
 *   full    writes fail with ENOSPC
 *   slow    fsync and fdatasync take 200 ms
 * Only regular files below the folder IM_FAULT_DIR are touched; sockets and logs work on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum fault { NONE, FSYNC, WRITE, FULL, SLOW };

static enum fault fault_now(void)
{
	static const char *const names[] = {"", "fsync", "write", "full", "slow"};
	const char *path = getenv("IM_FAULT");
	char text[16] = "";
	int saved = errno;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	enum fault found = NONE;

	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
		for (int i = 1; i <= SLOW; i++)
			if (strcmp(text, names[i]) == 0)
				found = (enum fault)i;
	}
	errno = saved;
	return found;
}

static int below_dir(int fd)
{
	const char *dir = getenv("IM_FAULT_DIR");
	char link[64], path[PATH_MAX];
	int saved = errno;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	errno = saved;
	return dir && n > 0 && strncmp(path, dir, strlen(dir)) == 0;
}

static int write_fails(int fd)
{
	enum fault f = fault_now();

	if ((f != WRITE && f != FULL) || !below_dir(fd))
		return 0;
	errno = f == FULL ? ENOSPC : EIO;
	return 1;
}

static int sync_fails(int fd)
{
	enum fault f = fault_now();

	if ((f != FSYNC && f != SLOW) || !below_dir(fd))
		return 0;
	if (f == SLOW) {
		const struct timespec pause = {0, 200 * 1000 * 1000};
		nanosleep(&pause, NULL);
		return 0;
	}
	errno = EIO;
	return 1;
}

ssize_t write(int fd, const void *p, size_t n)
{
	return write_fails(fd) ? -1 : REAL(write)(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return write_fails(fd) ? -1 : REAL(pwrite)(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return write_fails(fd) ? -1 : REAL(pwrite64)(fd, p, n, at);
}

int fsync(int fd)
{
	return sync_fails(fd) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return sync_fails(fd) ? -1 : REAL(fdatasync)(fd);
}
