/* SPDX-License-Identifier: Apache-2.0 */
/* api_rows.c -- many messages in one request: arrays and streams, in chunks.
 *
 *     source ──row──► building ──full──► ready ──queue_add──► in flight ──commit──► results
 *       ▲ paused while ready cannot go         ▲ -EAGAIN: again in 5–20 ms, for 30 s
 *
 * Rows are taken from an array that was parsed whole, or from lines as they come; each is accepted or refused
 * on its own.  Up to 1,000 rows make a chunk, which is one commit.  A stream that drips is committed as it
 * comes: a chunk goes as soon as nothing else of its stream is in flight.  So memory is bounded by two chunks
 * and one line, however long the stream is.
 *
 * WITH AN IDEMPOTENCY KEY the progress (rows, accepted, rejected, digest) is stored in the commit of each
 * chunk, and only one chunk is in flight: progress must not run ahead of an earlier chunk that failed.  The
 * same body posted again skips the rows done, after comparing their digest: of lines, chained row by row; of
 * an array, over the whole body. Without a key two chunks may be in flight.
 *
 * A ROW WITH ITS OWN KEY is a chunk of one, because a key belongs to a commit.
 *
 * WHEN A CHUNK CANNOT BE STAGED or its commit fails, the rest is refused.  Rows of a failed commit are listed
 * as refused; "stopped_at" is the first row that was neither accepted nor refused.
 */
#include "intake/api_rows_impl.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US     2000 /* long texts and transliteration cost more than short ones */
#define LISTED_LINES 1000
#define LISTED_MAX   10000

/* ---- The end. ---- */

static void rows_free(struct rows *r)
{
	struct api_call *c = r->c;

	rows_drop_building(r);
	api_unwait(r->api, &r->waiter);
	api_run_never(r->api, &r->runner);
	api_key_drop(r->api, &r->held);
	json_decref(r->stashed);
	row_source_done(&r->source);
	json_out_done(&r->out);
	api_stream_done(c, &r->stream);
	free(r);
}

void rows_stop(struct rows *r, enum api_code code, const char *text)
{
	if (r->stopped)
		return;
	r->stopped = true;
	r->stopped_at = r->building ? r->building->first_row : r->row;
	api_fault_set(&r->fault, code, NULL, "%s", text);
	rows_drop_building(r);
	api_unwait(r->api, &r->waiter);
	api_run_never(r->api, &r->runner);
}

static void conflict(struct rows *r)
{
	r->conflict = true;
	rows_stop(r, API_IDEMPOTENCY_CONFLICT,
		"this idempotency key was used with another body within the last 24 h; use a new key, or the "
		"same body");
}

static void answer(struct rows *r)
{
	struct json_out o;

	json_out_init(&o, API_ANSWER_MAX + 4096);
	json_out_open(&o, '{');
	json_out_ku64(&o, "accepted", r->accepted);
	json_out_ku64(&o, "rejected", r->rejected);
	if (r->stopped) {
		json_out_ku64(&o, "stopped_at", r->stopped_at);
		api_fault_out(&o, &r->fault);
	}
	json_out_key(&o, "results");
	json_out_open(&o, '[');
	if (buf_len(&r->out.b))
		json_out_raw(&o, (const char *)buf_data(&r->out.b), buf_len(&r->out.b));
	json_out_close(&o, ']');
	if (r->truncated)
		json_out_kbool(&o, "truncated", true);
	json_out_close(&o, '}');
	api_answer_out(r->c, 202, &o);
}

static void answer_or_refuse(struct rows *r)
{
	struct api_call *c = r->c;

	if (r->stopped && (r->conflict || r->accepted == 0)) {
		api_refuse_fault(c, &r->fault);
		return;
	}
	if (r->stopped) {
		stats_add(r->api->p.stats, STATS_STREAMS_STOPPED, 1);
		log_info("stream_stopped", "client=%s row=%llu code=%s",
			names_text(r->api->p.names, NAME_CLIENT, c->client),
			(unsigned long long)r->stopped_at, api_code_name(r->fault.code));
	}
	if (r->was_done) {
		stats_add(r->api->p.stats, STATS_REPLAYS, 1);
		http_header_add(c->q, "Idempotent-Replay", "true");
	}
	answer(r);
}

/* Whether everything that was taken has come to its end; then the answer goes out and r is freed. */
static bool maybe_finish(struct rows *r)
{
	bool complete = r->exhausted && !r->building && (!r->held.held || r->last_staged || r->was_done);

	if (r->n_flight || r->beginning)
		return false;
	if (r->c->q && !r->stopped && !complete)
		return false;
	/* No longer in work when the client has its answer: it may use the key again at once. */
	api_key_drop(r->api, &r->held);
	if (r->c->q) {
		r->c->stream = NULL;
		answer_or_refuse(r);
	}
	rows_free(r);
	return true;
}

/* ---- Rows. ---- */

/* A row with its own key gets a chunk of its own.  false: it must wait for the one that is building, or was
 * refused. */
static bool begin_keyed(struct rows *r, json_t *row, const struct json_message *jm)
{
	struct api_fault f;
	struct chunk *k;

	if (r->building) {
		r->ready = true;
		r->stashed = json_incref(row);
		return false;
	}
	if (!rows_need_building(r, 1))
		return false;
	k = r->building;
	k->key.client = k->idem.client = r->c->client;
	api_key_hash(r->c->client, jm->idempotency_key, k->idem.khash);
	memcpy(k->key.hash, k->idem.khash, sizeof(k->key.hash));
	if (json_message_hash(row, k->idem.bhash) < 0) {
		rows_stop(r, API_QUEUE_BUSY, "out of memory; try again");
		return false;
	}
	if (api_key_take(r->api, &k->key)) {
		k->idem.answer = k->answer;
		return true;
	}
	if (r->n_flight >
		0) { /* perhaps an earlier row of this very request has it: look again when that is done */
		rows_drop_building(r);
		r->stashed = json_incref(row);
		r->drain = true;
		return false;
	}
	api_fault_set(&f, API_IDEMPOTENCY_IN_PROGRESS, "idempotency_key",
		"a message with this idempotency key is being worked on; post the row again when it is done");
	rows_refuse(r, &f);
	return false;
}

static void check_row(struct rows *r, json_t *row, const struct json_message_ctx *x)
{
	struct json_message *jm = &r->api->row;
	struct api_fault f;

	if (json_message(row, x, jm, &f) < 0)
		rows_refuse(r, &f);
	else if (!jm->idempotency_key || begin_keyed(r, row, jm))
		rows_accept(r, jm);
}

/* Lines of an earlier post: compare, do nothing. */
static void skip_line(struct rows *r)
{
	uint8_t now[16];

	r->row++;
	if (r->row < r->skip)
		return;
	json_digest_text(&r->chain, now);
	if (memcmp(now, r->known, sizeof(now)) != 0)
		conflict(r);
}

static void parse_row(struct rows *r, const struct json_message_ctx *x)
{
	struct api_fault f;
	json_t *row = row_source_take(&r->source, &f);

	if (row)
		check_row(r, row, x);
	else
		rows_refuse(r, &f);
	json_decref(row);
}

static void take_line(struct rows *r, const struct json_message_ctx *x)
{
	if (r->held.held)
		json_digest_row(&r->chain, r->source.raw, r->source.n_raw);
	if (r->row < r->skip)
		skip_line(r);
	else if (r->was_done)
		conflict(r); /* longer than what was finished */
	else
		parse_row(r, x);
}

static void take_of_array(struct rows *r, const struct json_message_ctx *x)
{
	parse_row(r, x);
	if (row_source_is_last(&r->source) && !r->stashed && !r->stopped) {
		r->exhausted = true; /* known before the last chunk goes, so that it can carry "done" */
		r->ready = r->building != NULL;
	}
}

static enum row_step step(struct rows *r, const struct json_message_ctx *x)
{
	enum row_step s = row_source_step(&r->source);

	if (s == ROW_HERE && r->is_lines)
		take_line(r, x);
	else if (s == ROW_HERE)
		take_of_array(r, x);
	else if (s == ROW_END && r->is_lines && r->row < r->skip)
		conflict(r); /* shorter than what was done */
	return s;
}

static enum row_step take_row(struct rows *r, const struct json_message_ctx *x)
{
	if (r->stashed) {
		json_t *row = r->stashed;

		r->stashed = NULL;
		check_row(r, row, x);
		json_decref(row);
		return ROW_HERE;
	}
	return step(r, x);
}

/* ---- The engine. ---- */

static void flow(struct rows *r)
{
	bool hold = r->ready || r->drain || r->runner.queued || r->waiter.queued || !r->begun;

	if (!r->stopped)
		row_source_hold(&r->source, r->c->q, hold);
}

/* What to do when the source gives nothing.  false: nothing. */
static bool at_pause(struct rows *r, enum row_step t)
{
	if (t == ROW_NOT_YET) {
		/* A stream that drips: what is there goes when nothing else is on its way. */
		r->ready = r->building && r->n_flight == 0;
		return r->ready;
	}
	r->exhausted = true;
	if (!r->building && r->held.held && !r->last_staged && !r->was_done && !r->stopped)
		rows_need_building(r, 1); /* no row, only "done" */
	r->ready = r->building != NULL;
	return r->ready;
}

static void work(struct rows *r, const struct json_message_ctx *x)
{
	unsigned budget = API_SLICE_ROWS;
	int64_t until_us = clock_mono_us() + SLICE_US;

	while (!r->stopped) {
		enum row_step t;

		if (r->ready) {
			if (!rows_send_building(r))
				return;
			continue;
		}
		if (r->drain && r->n_flight > 0)
			return;
		r->drain = false;
		if (r->exhausted)
			return;
		if (budget-- == 0 || clock_mono_us() > until_us) {
			api_run_soon(r->api, &r->runner);
			return;
		}
		t = take_row(r, x);
		if (t != ROW_HERE && !at_pause(r, t))
			return;
	}
}

void rows_pump(struct rows *r)
{
	struct auth_client *cl = api_client(r->c);
	struct json_message_ctx x;

	if (!cl) {
		rows_stop(r, API_UNAUTHORIZED, "this client is no longer configured");
	} else if (r->api->stopping && !r->source.ended) {
		rows_stop(r, API_STOPPING, "the gateway is shutting down; post the rest when it is back");
	} else if (r->begun && r->c->q && !r->stopped) {
		api_message_ctx(r->api, cl, true, &x);
		work(r, &x);
	}
	flow(r);
	maybe_finish(r);
}

static void run(struct api_runner *n)
{
	rows_pump((struct rows *)((char *)n - offsetof(struct rows, runner)));
}

static struct rows *of_stream(struct api_stream *s)
{
	return (struct rows *)((char *)s - offsetof(struct rows, stream));
}

static void feed(struct api_stream *s, const uint8_t *data, size_t n)
{
	struct rows *r = of_stream(s);

	if (r->stopped)
		return;
	if (row_source_feed(&r->source, data, n) < 0)
		rows_stop(r, API_QUEUE_BUSY, "out of memory; try again");
	if (!r->runner.queued)
		rows_pump(r);
}

static void end(struct api_stream *s)
{
	struct rows *r = of_stream(s);

	row_source_end(&r->source);
	if (!r->runner.queued)
		rows_pump(r);
}

static void abort_rows(struct api_stream *s)
{
	struct rows *r = of_stream(s);

	rows_drop_building(r);
	api_unwait(r->api, &r->waiter);
	api_run_never(r->api, &r->runner);
	row_source_done(&r->source); /* the room for it is given back; what is in flight is the queue's */
	maybe_finish(r);
}

static void stopping(struct api_stream *s)
{
	rows_pump(of_stream(s));
}

/* ---- The beginning. ---- */

static void known_stream(struct rows *r)
{
	const struct store_progress *p = &r->begin.progress;
	bool nothing = p->rows == 0 && !p->done;

	r->skip = p->rows;
	r->was_done = p->done;
	r->accepted = r->staged_accepted = p->accepted;
	r->rejected = r->staged_rejected = p->rejected;
	memcpy(r->known, p->digest, sizeof(r->known));
	if (r->is_lines || nothing)
		return;
	if (memcmp(r->known, r->digest, sizeof(r->known)) != 0) {
		conflict(r);
		return;
	}
	r->row = r->was_done ? json_array_size(r->source.array) : p->rows;
	row_source_skip(&r->source, r->row);
}

static void on_begun(struct store_op *op)
{
	struct rows *r = op->arg;

	r->beginning = false;
	r->begun = true;
	if (op->r == -EEXIST)
		known_stream(r);
	else if (op->r < 0)
		rows_stop(r, api_code_of_errno(op->r), api_code_help(api_code_of_errno(op->r)));
	rows_pump(r);
}

/* The key must be on disk before the first chunk: a crash between the two must not lose it. */
static void begin_stream(struct rows *r)
{
	r->begin.op = (struct store_op){.kind = OP_STREAM, .rows = 1, .done = on_begun, .arg = r};
	r->begin.progress = (struct store_progress){.client = r->c->client, .name = r->key};
	r->beginning = true;
	store_stage(r->api->p.store, STORE_BULK, &r->begin.op);
}

static bool hold_key(struct rows *r, const char *key)
{
	snprintf(r->key, sizeof(r->key), "%s", key);
	r->held.client = r->c->client;
	api_key_hash(r->c->client, key, r->held.hash);
	return api_key_take(r->api, &r->held);
}

static const struct api_stream_ops stream_ops = {
	.feed = feed,
	.end = end,
	.abort = abort_rows,
	.stopping = stopping,
};

void rows_begin(struct api_call *c, json_t *array, const char *key, const uint8_t digest[static 16],
	enum rows_results results)
{
	struct rows *r = calloc(1, sizeof(*r));

	if (!r) {
		json_decref(array);
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
		return;
	}
	r->c = c;
	r->api = c->api;
	r->is_lines = !array;
	if (array)
		row_source_init_array(&r->source, array);
	else
		row_source_init_lines(&r->source);
	r->tail = &r->head;
	r->runner.run = run;
	r->results = results;
	r->listed_max = r->is_lines && results == RESULTS_ERRORS ? LISTED_LINES : LISTED_MAX;
	memcpy(r->digest, digest, sizeof(r->digest));
	json_digest_init(&r->chain, 'l');
	json_out_init(&r->out, API_ANSWER_MAX);
	r->stream.ops = &stream_ops;
	api_stream_begin(c, &r->stream);
	if (key && !hold_key(r, key)) {
		api_refuse(c, API_IDEMPOTENCY_IN_PROGRESS, NULL,
			"a request with this idempotency key is being worked on; GET /v1/streams/KEY shows "
			"how far it is");
		rows_free(r);
		return;
	}
	if (key) {
		begin_stream(r);
		flow(r);
	} else {
		r->begun = true;
		rows_pump(r);
	}
}
