/* SPDX-License-Identifier: Apache-2.0 */
/* json_load.c -- see json_load.h. */
#include "intake/json_load.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intake/json_message.h"

enum { TOO_LARGE = -2 };

/* Of this thread, since the last look: bodies are read on those of the pool, too. */
static _Thread_local bool refused, too_large;
/* Taken by this thread and not given back; it wraps when others' memory is freed here, so only differences count. */
static _Thread_local size_t octets, octets_before, octets_most = SIZE_MAX;

static void *take(size_t n)
{
	void *p;

	too_large |= octets_most != SIZE_MAX && octets - octets_before + n > octets_most;
	p = too_large ? NULL : malloc(n);
	if (!p)
		refused = true;
	octets += malloc_usable_size(p);
	return p;
}

static void give(void *p)
{
	octets -= malloc_usable_size(p);
	free(p);
}

void json_load_init(void)
{
	json_set_alloc_funcs(take, give);
}

json_t *json_load_within(const void *data, size_t n, size_t most, json_error_t *ret_error, size_t *ret_octets)
{
	json_t *root;
	bool failed;

	refused = too_large = false;
	octets_before = octets;
	octets_most = most;
	root = json_loadb(data, n, JSON_MESSAGE_DECODE, ret_error);
	failed = refused;
	if (failed) {
		json_decref(root);
		root = NULL;
		memset(ret_error, 0, sizeof(*ret_error)); /* as json_loadb() leaves it where it notices */
		ret_error->column = too_large ? TOO_LARGE : 0;
	}
	*ret_octets = octets - octets_before;
	octets_before = octets;
	octets_most = SIZE_MAX;
	too_large = false;
	return root;
}

json_t *json_load(const void *data, size_t n, json_error_t *ret_error)
{
	size_t octets_taken;

	return json_load_within(data, n, SIZE_MAX, ret_error, &octets_taken);
}

static bool is_too_large(const json_error_t *e)
{
	return e->text[0] == '\0' && e->column == TOO_LARGE;
}

static bool is_memory(const json_error_t *e)
{
	return json_error_code(e) == json_error_out_of_memory || e->text[0] == '\0';
}

void json_load_fault(const json_error_t *e, struct api_fault *f)
{
	enum json_error_code code = json_error_code(e);
	const char *why = "not JSON; check quotes, commas and escapes";

	if (is_too_large(e)) {
		api_fault_set(f, API_TOO_MANY_ROWS, NULL, "the body has more values than there is memory for; send fewer rows, or "
			"application/x-ndjson");
		return;
	}
	if (is_memory(e)) {
		api_fault_set(f, API_QUEUE_BUSY, NULL, "%s", api_code_help(API_QUEUE_BUSY));
		return;
	}
	if (e->line < 1 || (code == json_error_premature_end_of_input && e->position == 0)) {
		api_fault_set(f, API_INVALID_JSON, NULL, "there is no JSON in it; a message is an object, as in "
			"{\"to\":\"+12025550142\",\"text\":\"hello\"}");
		return;
	}
	/* jansson quotes the place ("near '...'"), which may hold a broken character: only its words are
	 * passed on. */
	if (code == json_error_invalid_utf8)
		why = "not valid UTF-8; encode the body as UTF-8";
	else if (code == json_error_premature_end_of_input)
		why = "the JSON ends too early";
	else if (code == json_error_duplicate_key)
		why = "the same field stands twice; give it once";
	else if (strstr(e->text, "invalid Unicode"))
		why = "half of a surrogate pair; a character beyond U+FFFF is two escapes, as in \"\\ud83d\\ude00\"";
	else if (code == json_error_null_byte_in_key || code == json_error_null_character)
		why = "NUL is not allowed";
	else if (code == json_error_end_of_input_expected)
		why = "something follows the JSON value; many messages are an array, or lines of application/x-ndjson";
	else if (!strncmp(e->text, "'[' or '{' expected", 19))
		why = "neither a JSON object nor an array; a message begins with {";
	api_fault_set(f, code == json_error_invalid_utf8 ? API_INVALID_UTF8 : API_INVALID_JSON, NULL, "line %d, column %d: %s",
		e->line, e->column, why);
}
