/* SPDX-License-Identifier: BSD-3-Clause */
/* Applies the word list to bodies. Owns the list in force and the text of the last masked body. */
#include "bridge/message/moderation.h"

#include <errno.h>

#include "common/jsonscan.h"
#include "db/textfile.h"

/* A list of WORDLIST_MAX entries fits. */
#define FILE_MAX (16u * 1024 * 1024)

static int read_file(const char *path, struct im_buf *out, struct im_buf *why)
{
	int error = textfile_read(path, FILE_MAX, out);

	if (error == EFBIG)
		im_buf_printf(why, "the word list %s is larger than 16 MiB; shorten it", path);
	else if (error)
		im_buf_printf(why, "cannot read the word list %s: %s", path, textfile_why(error));
	return error ? IM_E_IO : IM_OK;
}

int moderation_load(
	struct moderation *m, const char *path, enum moderation_action action, struct im_buf *why)
{
	struct wordlist *words = NULL;
	struct im_buf text;
	int code = IM_OK;

	im_buf_init(&text, 0);
	if (path && *path) {
		code = read_file(path, &text, why);
		if (code == IM_OK && m->words && textfile_blank(im_buf_view(&text))) {
			im_buf_printf(why,
				"the word list %s is empty: write the file beside and rename it, "
				"or, if no word is meant, a line `# none` into it",
				path);
			code = IM_E_FORMAT;
		}
		if (code == IM_OK)
			code = wordlist_compile(im_buf_view(&text), path, &words, why);
	}
	im_buf_free(&text);
	if (code)
		return code;
	wordlist_free(&m->words);
	m->words = words;
	m->action = action;
	return IM_OK;
}

void moderation_clear(struct moderation *m)
{
	wordlist_free(&m->words);
	im_buf_free(&m->text);
}

/* A string's text as it is read, or as it is written if no text can hold it. */
static bool string_match(struct moderation *m, const struct im_json *v)
{
	im_buf_reset(&m->text);
	if (im_json_text(v, &m->text) != IM_OK)
		return wordlist_match(m->words, v->raw);
	return wordlist_match(m->words, im_buf_view(&m->text));
}

/* True if a string anywhere within the value, member names included, holds a listed word. */
static bool json_match(struct moderation *m, const struct im_json *v)
{
	struct im_json_iter it;
	struct im_json member;
	struct im_str key;

	if (v->type == IM_JSON_STRING)
		return string_match(m, v);
	if (v->type != IM_JSON_ARRAY && v->type != IM_JSON_OBJECT)
		return false;
	im_json_iter_any(v, &it);
	while (im_json_next(&it, &key, &member)) {
		/* The scanner gives a name without its quotes, which stand around it. */
		const struct im_json name = {IM_JSON_STRING, {key.p - 1, key.n + 2}};

		if (v->type == IM_JSON_OBJECT && string_match(m, &name))
			return true;
		if (json_match(m, &member))
			return true;
	}
	return false;
}

bool moderation_hit(struct moderation *m, struct im_str text)
{
	return m->words && wordlist_match(m->words, text);
}

int moderation_check(struct moderation *m, enum im_enc enc, struct im_str *body)
{
	struct im_json json;

	if (!m->words || enc == IM_ENC_BYTES)
		return IM_OK;
	if (enc == IM_ENC_JSON)
		return im_json_parse_any(*body, &json) == IM_OK && json_match(m, &json)
			       ? IM_E_NOT_ALLOWED
			       : IM_OK;
	if (!wordlist_match(m->words, *body))
		return IM_OK;
	if (m->action == MODERATION_REJECT)
		return IM_E_NOT_ALLOWED;
	im_buf_reset(&m->text);
	wordlist_mask(m->words, *body, &m->text);
	if (m->text.failed)
		return IM_E_NOMEM;
	*body = im_buf_view(&m->text);
	return IM_OK;
}

int moderation_check_props(struct moderation *m, const struct im_props *p)
{
	struct im_str pairs = p->pairs, name, value;

	if (!m->words)
		return IM_OK;
	if (wordlist_match(m->words, p->content_type) ||
		wordlist_match(m->words, p->response_topic))
		return IM_E_NOT_ALLOWED;
	while (im_props_pair(&pairs, &name, &value)) {
		if (wordlist_match(m->words, name) || wordlist_match(m->words, value))
			return IM_E_NOT_ALLOWED;
	}
	return IM_OK;
}
