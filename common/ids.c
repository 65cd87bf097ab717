/* SPDX-License-Identifier: BSD-3-Clause */
/* The alphabets of names. Called at every edge where a name comes in. */
#include "common/ids.h"

#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

#define UUID_LENGTH 36

enum { ID = 1, DEVICE = 2, TYPE = 4 };

#define ALL (ID | DEVICE | TYPE)
#define NAME (ID | DEVICE)
/* clang-format off */
static const uint8_t class_of[256] = {
	['-'] = ALL, ['.'] = ALL, ['_'] = ALL, ['@'] = NAME, [':'] = DEVICE,
	['0'] = ALL, ['1'] = ALL, ['2'] = ALL, ['3'] = ALL, ['4'] = ALL,
	['5'] = ALL, ['6'] = ALL, ['7'] = ALL, ['8'] = ALL, ['9'] = ALL,
	['A'] = NAME, ['B'] = NAME, ['C'] = NAME, ['D'] = NAME, ['E'] = NAME, ['F'] = NAME,
	['G'] = NAME, ['H'] = NAME, ['I'] = NAME, ['J'] = NAME, ['K'] = NAME, ['L'] = NAME,
	['M'] = NAME, ['N'] = NAME, ['O'] = NAME, ['P'] = NAME, ['Q'] = NAME, ['R'] = NAME,
	['S'] = NAME, ['T'] = NAME, ['U'] = NAME, ['V'] = NAME, ['W'] = NAME, ['X'] = NAME,
	['Y'] = NAME, ['Z'] = NAME,
	['a'] = ALL, ['b'] = ALL, ['c'] = ALL, ['d'] = ALL, ['e'] = ALL, ['f'] = ALL,
	['g'] = ALL, ['h'] = ALL, ['i'] = ALL, ['j'] = ALL, ['k'] = ALL, ['l'] = ALL,
	['m'] = ALL, ['n'] = ALL, ['o'] = ALL, ['p'] = ALL, ['q'] = ALL, ['r'] = ALL,
	['s'] = ALL, ['t'] = ALL, ['u'] = ALL, ['v'] = ALL, ['w'] = ALL, ['x'] = ALL,
	['y'] = ALL, ['z'] = ALL,
};
/* clang-format on */

static bool all_of(struct im_str s, uint8_t class, size_t max)
{
	size_t i;

	if (s.n < 1 || s.n > max)
		return false;
	for (i = 0; i < s.n; i++) {
		if (!(class_of[(unsigned char)s.p[i]] & class))
			return false;
	}
	return true;
}

bool im_uid_valid(struct im_str s)
{
	return all_of(s, ID, IM_UID_MAX);
}

bool im_gid_valid(struct im_str s)
{
	return all_of(s, ID, IM_GID_MAX);
}

/* C0 and DEL; and U+0080 ... U+009F, which are C2 80 ... C2 9F. */
static bool is_control(const char *p, const char *end)
{
	unsigned char c = (unsigned char)*p;

	if (c < 0x20 || c == 0x7F)
		return true;
	return c == 0xC2 && end - p > 1 && (unsigned char)p[1] < 0xA0;
}

/* U+2028 ... U+202E are E2 80 A8 ... E2 80 AE, and U+2066 ... U+2069 are E2 81 A6 ... E2 81 A9. */
static bool turns_or_ends(const char *p, const char *end)
{
	unsigned char second, third;

	if ((unsigned char)*p != 0xE2 || end - p < 3)
		return false;
	second = (unsigned char)p[1];
	third = (unsigned char)p[2];
	return (second == 0x80 && third >= 0xA8 && third <= 0xAE) ||
	       (second == 0x81 && third >= 0xA6 && third <= 0xA9);
}

bool im_device_valid(struct im_str s)
{
	const char *p, *end;

	if (s.n < 1 || s.n > IM_DEVICE_MAX)
		return false;
	end = s.p + s.n;
	for (p = s.p; p < end; p++) {
		if (is_control(p, end) || turns_or_ends(p, end))
			return false;
	}
	return im_utf8_valid(s);
}

struct im_str im_device_topic(struct im_str device, char out[IM_DEVICE_TOPIC_MAX])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i, n = 0;

	if (all_of(device, DEVICE, IM_DEVICE_MAX))
		return device;
	for (i = 0; i < device.n && i < IM_DEVICE_MAX; i++) {
		unsigned char c = (unsigned char)device.p[i];

		if (class_of[c] & DEVICE) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return (struct im_str){out, n};
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct im_str im_device_of_topic(struct im_str level, char *out)
{
	static const struct im_str none = {NULL, 0};
	char again[IM_DEVICE_TOPIC_MAX];
	struct im_str device = {out, 0};
	size_t i = 0;

	while (i < level.n) {
		int high, low;

		if (device.n == IM_DEVICE_MAX)
			return none;
		if (level.p[i] != '%') {
			out[device.n++] = level.p[i++];
			continue;
		}
		high = level.n - i > 2 ? hex_digit(level.p[i + 1]) : -1;
		low = high < 0 ? -1 : hex_digit(level.p[i + 2]);
		if (low < 0)
			return none;
		out[device.n++] = (char)(high << 4 | low);
		i += 3;
	}
	return im_device_valid(device) && im_str_eq(im_device_topic(device, again), level) ? device
											   : none;
}

bool im_inbox_level_reserved(struct im_str level)
{
	static const char *const names[] = {"u", "g", "ack", "event", "signal", "rpc"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (im_str_eqz(level, names[i]))
			return true;
	return false;
}

bool im_device_link(struct im_str s)
{
	size_t n = sizeof(IM_DEVICE_LINK) - 1;

	return s.n >= n && memcmp(s.p, IM_DEVICE_LINK, n) == 0;
}

bool im_device_made_up(struct im_str s)
{
	const struct im_str begin = IM_STR("auto-");
	size_t i;

	if (s.n != begin.n + UUID_LENGTH || memcmp(s.p, begin.p, begin.n) != 0)
		return false;
	for (i = begin.n; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'F') && !(c >= 'a' && c <= 'f') &&
			c != '-')
			return false;
	}
	return true;
}

bool im_msgid_valid(struct im_str s)
{
	const char *p, *end;

	if (s.n < 1 || s.n > IM_MSGID_MAX)
		return false;
	end = s.p + s.n;
	for (p = s.p; p < end; p++) {
		if (is_control(p, end))
			return false;
	}
	return im_utf8_valid(s);
}

bool im_type_valid(struct im_str s)
{
	/* What the server says of itself, of operations on messages, and of bodies that are gone:
	 * a client that could send these could make others believe that it happened. */
	static const char *const reserved[] = {
		"system", "recall", "edit", "react", "recalled", "expired"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (im_str_eqz(s, reserved[i]))
			return false;
	return all_of(s, TYPE, IM_TYPE_MAX);
}

char im_name_folded(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool im_name_same(struct im_str a, struct im_str b)
{
	size_t i = 0;

	while (i < a.n && i < b.n && im_name_folded(a.p[i]) == im_name_folded(b.p[i]))
		i++;
	return a.n == b.n && i == a.n;
}

bool im_name_reserved(struct im_str s)
{
	static const char *const words[] = {"all", "system", "administrator"};
	const struct im_str gone = IM_STR(IM_NAME_GONE);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (im_name_same(s, im_str(words[i])))
			return true;
	return s.n >= gone.n && im_name_same((struct im_str){s.p, gone.n}, gone);
}

bool im_conv_parse(struct im_str s, enum im_conv_kind *kind_out, struct im_str *peer_out)
{
	struct im_str peer;

	if (s.n < 3 || s.p[1] != '/' || (s.p[0] != 'u' && s.p[0] != 'g'))
		return false;
	peer = (struct im_str){s.p + 2, s.n - 2};
	if (s.p[0] == 'u' ? !im_uid_valid(peer) : !im_gid_valid(peer))
		return false;
	*kind_out = s.p[0] == 'u' ? IM_CONV_USER : IM_CONV_GROUP;
	*peer_out = peer;
	return true;
}
