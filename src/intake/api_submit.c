/* SPDX-License-Identifier: Apache-2.0 */
/* api_submit.c -- POST /v1/messages: find out which kind of body it is, and take one message.
 *
 * The single post is the hot path: the answer is made with snprintf() in the call, and the only allocations
 * are jansson's and the message itself.
 *
 * An idempotency key is stored in the same commit as the message, together with the answer.  The answer holds
 * the id, and ids are given by queue_add(); so the text is written right after queue_add() returns.  That is
 * early enough: what was staged is handed to the writer only at the end of the loop's turn.
 */
#include "intake/api_impl.h"

#include "base/clock.h"
#include "intake/json_text.h"
#include "intake/json_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- One message. ---- */

static const enum stats_counter accepted_counter[CLASS_N] = {
	[CLASS_OTP] = STATS_ACCEPTED_OTP,
	[CLASS_SERVICE] = STATS_ACCEPTED_SERVICE,
	[CLASS_MARKETING] = STATS_ACCEPTED_MARKETING,
};

#define ANSWER_HEAD 128 /* octets of it without "changed" */

/* Room for the answer, and what it will say of the text: nothing may fail once the message is the queue's. */
static int prepare_answer(struct api_call *c, const struct json_message *jm)
{
	c->answer = c->answer_short;
	json_out_init(&c->changed, API_ANSWER_MAX);
	if (!jm->changed)
		return 0;
	json_text_changed(&c->changed, jm, true, SMART_CHANGES_MAX);
	if (json_out_full(&c->changed))
		return -ENOMEM;
	c->answer = malloc(ANSWER_HEAD + buf_len(&c->changed.b));
	return c->answer ? 0 : -ENOMEM;
}

static void write_answer(struct api_call *c)
{
	size_t n_changed = buf_len(&c->changed.b);
	int n = snprintf(c->answer, ANSWER_HEAD, "{\"id\":\"%llu\",\"state\":\"%s\",\"parts\":%u,\"encoding\":\"%s\"%s",
		(unsigned long long)c->id, msg_state_name(c->scheduled ? STATE_SCHEDULED : STATE_QUEUED), c->n_parts,
		encoding_name(c->encoding), n_changed ? "," : "");

	if (n_changed)
		memcpy(c->answer + n, buf_data(&c->changed.b), n_changed);
	memcpy(c->answer + (size_t)n + n_changed, "}", 2);
}

static void answer_known_key(struct api_call *c)
{
	if (!c->q)
		return;
	if (!c->idem.ret_same_body) {
		api_refuse(c, API_IDEMPOTENCY_CONFLICT, "idempotency_key",
			"this idempotency key was used with another body within the last 24 h; use a new "
			"key");
		return;
	}
	stats_add(c->api->p.stats, STATS_REPLAYS, 1);
	http_header_add(c->q, "Idempotent-Replay", "true");
	api_answer(c, 202, c->idem.ret_answer, strlen(c->idem.ret_answer));
}

static void refuse_errno(struct api_call *c, int r)
{
	struct api_fault f;

	api_fault_of_errno(r, &f);
	api_refuse_fault(c, &f);
}

/* The commit is done, or it was refused. */
static void on_committed(struct queue_batch *b, int r)
{
	struct api_call *c = b->arg;

	api_key_drop(c->api, &c->key);
	if (r == 0) {
		stats_add(c->api->p.stats, accepted_counter[c->class], 1);
		stats_observe(&c->api->p.stats->commit[c->class], clock_mono_us() - c->staged_us);
	}
	if (r == -EEXIST)
		answer_known_key(c);
	else if (c->q && r == 0)
		api_answer(c, 202, c->answer, strlen(c->answer));
	else if (c->q)
		refuse_errno(c, r);
	free(c->idem.ret_answer);
	c->idem.ret_answer = NULL;
	api_let_go(c);
}

static void stage_again(struct api_waiter *w);

static void stage(struct api_call *c)
{
	int r;

	c->staged_us = clock_mono_us();
	r = queue_add(c->api->p.queue, &c->batch);
	if (r == 0) {
		c->message = NULL; /* the queue's */
		write_answer(c);
		api_hold(c);
		return;
	}
	if (r == -EAGAIN && !api_wait_over(&c->waiter)) {
		c->waiter.again = stage_again;
		api_wait(c->api, &c->waiter);
		return;
	}
	message_free(c->message);
	c->message = NULL;
	api_key_drop(c->api, &c->key);
	refuse_errno(c, r);
}

static void stage_again(struct api_waiter *w)
{
	stage((struct api_call *)((char *)w - offsetof(struct api_call, waiter)));
}

/* false: the request was answered. */
static bool take_key(struct api_call *c, const json_t *row, const char *header_key, const char *row_key)
{
	const char *key = header_key ? header_key : row_key;

	if (!key)
		return true;
	if (header_key && row_key && strcmp(header_key, row_key) != 0) {
		api_refuse(c, API_INVALID_IDEMPOTENCY_KEY, "idempotency_key",
			"the header Idempotency-Key and the field idempotency_key differ; give one");
		return false;
	}
	c->key.client = c->idem.client = c->client;
	api_key_hash(c->client, key, c->idem.khash);
	memcpy(c->key.hash, c->idem.khash, sizeof(c->key.hash));
	if (json_message_hash(row, c->idem.bhash) < 0) {
		refuse_errno(c, -ENOMEM);
		return false;
	}
	if (!api_key_take(c->api, &c->key)) {
		api_refuse(c, API_IDEMPOTENCY_IN_PROGRESS, "idempotency_key",
			"a request with this idempotency key is being worked on; ask again when it is done");
		return false;
	}
	c->idem.answer = c->answer;
	c->batch.idem = &c->idem;
	return true;
}

static void submit_one(struct api_call *c, const json_t *row, const char *key)
{
	struct auth_client *cl = api_client(c);
	struct json_message *jm = &c->api->row;
	struct json_message_ctx x;
	struct api_fault f;

	api_message_ctx(c->api, cl, true, &x);
	if (json_message(row, &x, jm, &f) < 0) {
		api_refuse_fault(c, &f);
		return;
	}
	if (prepare_answer(c, jm) < 0) {
		refuse_errno(c, -ENOMEM);
		return;
	}
	if (!take_key(c, row, key, jm->idempotency_key))
		return;
	c->message = message_new(&jm->m);
	if (!c->message) {
		api_key_drop(c->api, &c->key);
		refuse_errno(c, -ENOMEM);
		return;
	}
	c->class = jm->m.class;
	c->n_parts = jm->m.n_parts;
	c->encoding = jm->m.encoding;
	c->scheduled = jm->m.send_at_ms != 0;
	c->batch.messages = &c->message;
	c->batch.ids = &c->id;
	c->batch.n = 1;
	c->batch.done = on_committed;
	c->batch.arg = c;
	stage(c);
}

/* ---- Which kind. ---- */

/* false: the request was answered.  *ret is NULL without the header. */
static bool header_key(struct api_call *c, const char **ret)
{
	*ret = http_header_get(c->q, "Idempotency-Key");
	if (!*ret || json_message_key_ok(*ret, strlen(*ret)))
		return true;
	api_refuse(c, API_INVALID_IDEMPOTENCY_KEY, NULL,
		"the header Idempotency-Key is 1 to %d printable ASCII characters", JSON_MESSAGE_KEY_MAX);
	return false;
}

/* false: the request was answered. */
static bool results_wish(struct api_call *c, enum rows_results *ret)
{
	char text[16];

	*ret = c->lines ? RESULTS_ERRORS : RESULTS_ALL;
	if (!api_query_text(c, "results", text, sizeof(text)))
		return false;
	if (!strcmp(text, "all"))
		*ret = RESULTS_ALL;
	else if (!strcmp(text, "errors"))
		*ret = RESULTS_ERRORS;
	else if (text[0]) {
		api_refuse(c, API_INVALID_PARAMETER, "results", "\"results\" is \"all\" or \"errors\"");
		return false;
	}
	return true;
}

static void submit_many(struct api_call *c, json_t *array, const char *key, const uint8_t digest[static 16])
{
	enum rows_results results;

	if (json_array_size(array) > API_ARRAY_ROWS)
		api_refuse(c, API_TOO_MANY_ROWS, NULL,
			"the array has %zu rows, at most %d are taken; send them as lines of "
			"application/x-ndjson",
			json_array_size(array), API_ARRAY_ROWS);
	else if (results_wish(c, &results)) {
		rows_begin(c, json_incref(array), key, digest, results);
	}
}

static void submit(struct api_call *c, json_t *root, const json_error_t *e, const uint8_t digest[static 16])
{
	struct api_fault f;
	const char *key;

	if (!api_client(c)) {
		api_refuse(c, API_UNAUTHORIZED, NULL, "this client is no longer configured");
	} else if (!root) {
		json_load_fault(e, &f);
		api_refuse_fault(c, &f);
	} else if (header_key(c, &key)) {
		if (json_is_array(root))
			submit_many(c, root, key, digest);
		else
			submit_one(c, root, key);
	}
}

void api_post_messages(struct api_call *c, const uint8_t *body, size_t n)
{
	api_body_parse(c, body, n, submit);
}

void api_post_lines(struct api_call *c)
{
	static const uint8_t none[16];
	enum rows_results results;
	const char *key;

	if (header_key(c, &key) && results_wish(c, &results))
		rows_begin(c, NULL, key, none, results);
}
