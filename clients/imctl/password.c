/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads passwords and hashes new ones. Called by main.c before a command runs, and by the import.
 * Every copy made here is wiped.
 */
#include "clients/imctl/password.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "clients/imctl/file.h"
#include "common/limits.h"
#include "common/pwhash.h"

static void wipe(struct im_buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	im_buf_free(b);
}

static int too_long(struct im_buf *why)
{
	im_buf_printf(why, "a password has at most %d bytes", IM_PASSWORD_MAX);
	return IMCTL_USAGE;
}

static int from_file(const char *path, struct im_buf *out, struct im_buf *why)
{
	int error = file_read_line(path, out);

	if (error == 0 && out->n > 0)
		return IMCTL_OK;
	im_buf_printf(why, "password file %s: %s", path, error ? strerror(error) : "it is empty");
	return IMCTL_USAGE;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	interrupted = number;
}

static void read_answer(int fd, struct im_buf *out)
{
	char c;

	while (!interrupted && read(fd, &c, 1) == 1 && c != '\n')
		im_buf_c(out, c);
	im_buf_c(out, '\0');
	if (!out->failed)
		out->n--;
}

/* Reads a line from the terminal without showing it. False when there is no terminal. Ctrl-C ends
 * the program, but not before the terminal shows what is typed again. */
static bool ask(const char *prompt, struct im_buf *out)
{
	struct sigaction catch = {.sa_handler = on_interrupt}, before;
	struct termios old, quiet;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (tcgetattr(fd, &old) < 0) {
		close(fd);
		return false;
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	sigaction(SIGINT, &catch, &before);
	tcsetattr(fd, TCSAFLUSH, &quiet);
	dprintf(fd, "%s: ", prompt);
	read_answer(fd, out);
	tcsetattr(fd, TCSAFLUSH, &old);
	dprintf(fd, "\n");
	sigaction(SIGINT, &before, NULL);
	close(fd);
	if (interrupted)
		raise(SIGINT);
	return true;
}

int password_login(const struct options *opt, struct im_buf *out, struct im_buf *why)
{
	char prompt[128];

	if (opt->password_file)
		return from_file(opt->password_file, out, why);
	snprintf(prompt, sizeof(prompt), "Password for %s", opt->user);
	(void)ask(prompt, out);
	return out->failed ? too_long(why) : IMCTL_OK;
}

int password_hash(struct im_str password, char *out, struct im_buf *why)
{
	uint8_t salt[IM_PHC_SALT];

	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt)) {
		im_buf_z(why, "no random numbers");
		return IMCTL_REFUSED;
	}
	if (im_phc_hash(password, salt, IM_PHC_MEMORY_KIB, IM_PHC_PASSES, out) != IM_OK) {
		im_buf_z(why, "cannot hash the password: out of memory");
		return IMCTL_REFUSED;
	}
	return IMCTL_OK;
}

static int ask_twice(const char *uid, struct im_buf *out, struct im_buf *why)
{
	char prompt[128];
	struct im_buf again;
	int rc = IMCTL_OK;

	im_buf_init(&again, IM_PASSWORD_MAX + 1);
	snprintf(prompt, sizeof(prompt), "New password for %s", uid ? uid : "the user");
	if (!ask(prompt, out) || !ask("Again", &again)) {
		im_buf_z(why, "no terminal to ask for the password: give --password-file");
		rc = IMCTL_USAGE;
	} else if (out->failed || again.failed) {
		rc = too_long(why);
	} else if (out->n == 0) {
		im_buf_z(why, "a password cannot be empty; --no-password means none");
		rc = IMCTL_USAGE;
	} else if (!im_str_eq(im_buf_view(out), im_buf_view(&again))) {
		im_buf_z(why, "the two are not the same");
		rc = IMCTL_USAGE;
	}
	wipe(&again);
	return rc;
}

/* What is hashed already in the form that is stored is not hashed again. */
static int hash_new(struct im_str plain, char out[IM_PHC_MAX], struct im_buf *why)
{
	struct im_pwhash h;
	const char *wrong;

	if (im_phc_foreign(plain)) {
		im_buf_z(why, "the password looks like a hash, and would be taken for the password "
			      "itself: give the password, or an Argon2id PHC string; hashes of "
			      "mosquitto_passwd come by imctl user import");
		return IMCTL_USAGE;
	}
	if (!im_phc_valid(plain))
		return password_hash(plain, out, why);
	if (im_pwhash_take(plain, &h, &wrong) != IM_OK) {
		im_buf_printf(why, "the hash cannot be taken: %s; give the password itself", wrong);
		return IMCTL_USAGE;
	}
	memcpy(out, plain.p, plain.n);
	out[plain.n] = '\0';
	return IMCTL_OK;
}

static int obtain(const char *uid, const char *path, const char *given, struct im_buf *out,
	struct im_buf *why)
{
	if (path)
		return from_file(path, out, why);
	if (!given)
		return ask_twice(uid, out, why);
	fputs("imctl: warning: everybody on this machine can see a password on the command line; "
	      "--password-file is safer\n",
		stderr);
	im_buf_z(out, given);
	if (!given[0]) {
		im_buf_z(why, "a password cannot be empty; --no-password means none");
		return IMCTL_USAGE;
	}
	return out->failed ? too_long(why) : IMCTL_OK;
}

int password_new(json_t *params, struct im_buf *why)
{
	const char *path = json_string_value(json_object_get(params, ".password_file"));
	const char *given = json_string_value(json_object_get(params, ".password"));
	const char *uid = json_string_value(json_object_get(params, "username"));
	bool none = json_object_get(params, ".no_password");
	char hash[IM_PHC_MAX];
	struct im_buf plain;
	int rc;

	if (!!path + !!given + none > 1) {
		im_buf_z(why, "only one of --password-file, --password, --no-password");
		return IMCTL_USAGE;
	}
	im_buf_init(&plain, IM_PASSWORD_MAX + 1);
	if (none) {
		rc = IMCTL_OK;
		json_object_set_new(params, "password", json_string(""));
	} else {
		rc = obtain(uid, path, given, &plain, why);
		if (rc == IMCTL_OK && plain.n > IM_PASSWORD_MAX)
			rc = too_long(why);
		if (rc == IMCTL_OK)
			rc = hash_new(im_buf_view(&plain), hash, why);
		if (rc == IMCTL_OK)
			json_object_set_new(params, "password", json_string(hash));
	}
	wipe(&plain);
	json_object_del(params, ".password_file");
	json_object_del(params, ".password");
	json_object_del(params, ".no_password");
	return rc;
}
