/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk that fails on demand, for a whole process: preloaded into the bridge by tests/e2e. While
 * the file named by IM_FAULT exists, calls on files fail in the way that its text says:
 *   fsync   fsync and fdatasync fail with EIO
 *   write   writes fail with EIO
 *   full    writes fail with ENOSPC
 *   ro      what changes files fails with EROFS, as after the kernel has remounted a disk
 *   slow    fsync and fdatasync take 200 ms
 * Only regular files below the folder IM_FAULT_DIR are touched; sockets and logs work on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum fault { NONE, FSYNC, WRITE, FULL, SLOW, READ_ONLY };

static enum fault fault_now(void)
{
	static const char *const names[] = {"", "fsync", "write", "full", "slow", "ro"};
	const char *path = getenv("IM_FAULT");
	char text[16] = "";
	int saved = errno;
	int fd = path ? REAL(open)(path, O_RDONLY | O_CLOEXEC) : -1;
	enum fault found = NONE;

	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
		for (int i = 1; i <= READ_ONLY; i++)
			if (strcmp(text, names[i]) == 0)
				found = (enum fault)i;
	}
	errno = saved;
	return found;
}

static int is_below(const char *path)
{
	const char *dir = getenv("IM_FAULT_DIR");

	return dir && strncmp(path, dir, strlen(dir)) == 0;
}

static int below_dir(int fd)
{
	char link[64], path[PATH_MAX] = "";
	int saved = errno;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		path[0] = '\0';
	errno = saved;
	return is_below(path);
}

static int write_fails(int fd)
{
	enum fault f = fault_now();

	if ((f != WRITE && f != FULL && f != READ_ONLY) || !below_dir(fd))
		return 0;
	errno = f == FULL ? ENOSPC : f == READ_ONLY ? EROFS : EIO;
	return 1;
}

/* A file may still be opened for reading. */
static int open_fails(const char *path, int flags)
{
	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC)))
		return 0;
	if (!is_below(path) || fault_now() != READ_ONLY)
		return 0;
	errno = EROFS;
	return 1;
}

static int change_fails(const char *path)
{
	if (!is_below(path) || fault_now() != READ_ONLY)
		return 0;
	errno = EROFS;
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

int open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	return open_fails(path, flags) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	return open_fails(path, flags) ? -1 : REAL(open64)(path, flags, mode);
}

int ftruncate64(int fd, off64_t n)
{
	return write_fails(fd) ? -1 : REAL(ftruncate64)(fd, n);
}

int unlink(const char *path)
{
	return change_fails(path) ? -1 : REAL(unlink)(path);
}
