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
#include "intake/api_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake/json_lines.h"
#include "intake/json_text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS    QUEUE_BATCH_MAX
#define FLIGHT_ROWS   (2 * CHUNK_ROWS)
#define FLIGHT_CHUNKS 64   /* of one row each, when rows have keys */
#define SLICE_US      2000 /* long texts and transliteration cost more than short ones */
#define LISTED_LINES  1000
#define LISTED_MAX    10000
#define CHUNK_NOTES   ((size_t)1 << 20) /* octets of errors and changes in one chunk */

struct slot {
	int32_t message;	  /* index in messages[], -1: refused */
	uint32_t note_at, note_n; /* in notes: the error, or "changed"; n = 0: none, or not listed */
};

struct chunk {
	struct chunk *next;
	struct rows *rows;
	struct queue_batch batch;
	struct store_progress progress;
	struct store_idem idem;
	struct api_key key;
	bool done;
	int r;
	int64_t staged_us;
	uint64_t first_row;
	unsigned cap, n_slots, n_messages, n_class[CLASS_N];
	uint8_t n_parts, encoding; /* of the row with a key */
	bool scheduled;
	struct json_out notes;
	struct message **messages;
	uint64_t *ids;
	struct slot *slots;
	char answer[160 + JSON_TEXT_ROW_MAX];
};

struct rows {
	struct rows *next, **at_list; /* of the api's */
	struct api_call *c;
	struct api *api;
	struct api_runner runner;
	struct api_waiter waiter;

	/* source */
	json_t *array;
	size_t at;
	struct json_lines lines;
	bool is_lines, paused, ended; /* ended: no more octets come */
	bool exhausted;		      /* the last row was taken */
	json_t *stashed;	      /* a parsed row that must begin a chunk of its own */
	bool drain;		      /* look at it only when nothing is in flight */
	uint64_t row;		      /* number of the next row */

	/* chunks */
	struct chunk *building;
	bool ready;		    /* building is complete and goes next */
	struct chunk *head, **tail; /* in flight, in order */
	unsigned n_flight, flight_rows;

	/* the key */
	char key[JSON_MESSAGE_KEY_MAX + 1];
	struct api_key held;
	struct op_stream begin;
	bool begun, beginning, was_done, last_staged;
	uint64_t skip; /* rows done by an earlier post */
	uint8_t known[16], digest[16];
	struct json_digest chain;
	uint64_t staged_accepted, staged_rejected;

	/* the answer */
	enum rows_results results;
	uint64_t accepted, rejected;
	unsigned listed, listed_max, errors_made;
	bool truncated;
	struct json_out out;
	bool stopped, conflict;
	uint64_t stopped_at;
	struct api_fault fault;
};

static void pump(struct rows *r);

/* ---- Chunks. ---- */

static struct chunk *chunk_new(struct rows *r, unsigned cap)
{
	struct chunk *k =
		calloc(1, sizeof(*k) + cap * (sizeof(*k->messages) + sizeof(*k->ids) + sizeof(*k->slots)));

	if (!k)
		return NULL;
	k->rows = r;
	k->cap = cap;
	k->first_row = r->row;
	k->ids = (uint64_t *)(k + 1);
	k->messages = (struct message **)(k->ids + cap);
	k->slots = (struct slot *)(k->messages + cap);
	json_out_init(&k->notes, CHUNK_NOTES);
	return k;
}

/* Before it was staged; afterwards the messages are the queue's. */
static void chunk_drop_messages(struct chunk *k)
{
	for (unsigned i = 0; i < k->n_messages; i++)
		message_free(k->messages[i]);
	k->n_messages = 0;
}

static void chunk_free(struct chunk *k)
{
	if (!k)
		return;
	api_key_drop(k->rows->api, &k->key);
	json_out_done(&k->notes);
	free(k->idem.ret_answer);
	free(k);
}

static void drop_building(struct rows *r)
{
	if (r->building)
		chunk_drop_messages(r->building);
	chunk_free(r->building);
	r->building = NULL;
	r->ready = false;
}

/* ---- The end. ---- */

static void rows_free(struct rows *r)
{
	struct api_call *c = r->c;

	drop_building(r);
	api_unwait(r->api, &r->waiter);
	api_run_never(r->api, &r->runner);
	api_key_drop(r->api, &r->held);
	json_decref(r->stashed);
	json_decref(r->array);
	json_lines_done(&r->lines);
	json_out_done(&r->out);
	*r->at_list = r->next;
	if (r->next)
		r->next->at_list = r->at_list;
	c->rows = NULL;
	free(r);
	api_let_go(c);
}

/* Stop here: what is in flight ends, the rest is refused. */
static void stop(struct rows *r, enum api_code code, const char *text)
{
	if (r->stopped)
		return;
	r->stopped = true;
	r->stopped_at = r->building ? r->building->first_row : r->row;
	api_fault_set(&r->fault, code, NULL, "%s", text);
	drop_building(r);
	api_unwait(r->api, &r->waiter);
	api_run_never(r->api, &r->runner);
}

static void conflict(struct rows *r)
{
	r->conflict = true;
	stop(r, API_IDEMPOTENCY_CONFLICT,
		"this idempotency key was used with another body within the last 24 h; use a new key, or the "
		"same body");
}

static void write_fault(struct json_out *o, const struct api_fault *f)
{
	json_out_key(o, "error");
	json_out_open(o, '{');
	json_out_kstr(o, "code", api_code_name(f->code));
	json_out_kstr(o, "message", f->message);
	if (f->field[0])
		json_out_kstr(o, "field", f->field);
	json_out_close(o, '}');
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
		write_fault(&o, &r->fault);
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
		r->c->rows = NULL;
		answer_or_refuse(r);
	}
	rows_free(r);
	return true;
}

/* ---- Results. ---- */

/* May one more be listed? */
static bool list_one(struct rows *r)
{
	if (r->listed >= r->listed_max || r->truncated) {
		r->truncated = true;
		return false;
	}
	r->listed++;
	return true;
}

static void list_raw(struct rows *r, const char *s, size_t n)
{
	struct json_mark m = json_out_mark(&r->out);

	if (!list_one(r))
		return;
	json_out_raw(&r->out, s, n);
	if (json_out_full(&r->out)) {
		json_out_rewind(&r->out, m);
		r->truncated = true;
	}
}

static void list_id(struct rows *r, uint64_t id, const char *changed, size_t n_changed)
{
	char text[48 + JSON_TEXT_ROW_MAX];
	int n = snprintf(text, sizeof(text), "{\"id\":\"%llu\"%s%.*s}", (unsigned long long)id, n_changed ? "," : "",
		(int)n_changed, n_changed ? changed : "");

	if (r->results == RESULTS_ALL)
		list_raw(r, text, (size_t)n);
}

static void list_fault(struct rows *r, uint64_t row, const struct api_fault *f)
{
	struct json_out o;

	json_out_init(&o, 4096);
	json_out_open(&o, '{');
	json_out_ku64(&o, "row", row);
	write_fault(&o, f);
	json_out_close(&o, '}');
	if (!json_out_full(&o))
		list_raw(r, (const char *)buf_data(&o.b), buf_len(&o.b));
	json_out_done(&o);
}

static void reject(struct rows *r, enum api_code code)
{
	r->rejected++;
	stats_add(r->api->p.stats, STATS_ROWS_REJECTED, 1);
	api_count_refused(r->api, code);
}

static const char *note_of(const struct chunk *k, const struct slot *s)
{
	return s->note_n ? (const char *)buf_data(&k->notes.b) + s->note_at : "";
}

/* A row that was staged: what became of it. */
static void flush_message(struct rows *r, struct chunk *k, unsigned i)
{
	uint64_t row = k->first_row + i, id = k->ids[k->slots[i].message];
	struct api_fault f;

	if (k->r == 0) {
		r->accepted++;
		list_id(r, id, note_of(k, &k->slots[i]), k->slots[i].note_n);
	} else if (k->r == -EEXIST && k->idem.ret_same_body) {
		r->accepted++;
		stats_add(r->api->p.stats, STATS_REPLAYS, 1);
		if (r->results == RESULTS_ALL && k->idem.ret_answer)
			list_raw(r, k->idem.ret_answer, strlen(k->idem.ret_answer));
	} else {
		if (k->r == -EEXIST)
			api_fault_set(&f, API_IDEMPOTENCY_CONFLICT, "idempotency_key",
				"this idempotency key was used with another row within the last 24 h; use a "
				"new key");
		else
			api_fault_of_errno(k->r, &f);
		reject(r, f.code);
		list_fault(r, row, &f);
	}
}

static void flush_chunk(struct rows *r, struct chunk *k)
{
	for (unsigned i = 0; i < k->n_slots; i++) {
		const struct slot *s = &k->slots[i];

		if (s->message >= 0) {
			flush_message(r, k, i);
			continue;
		}
		r->rejected++;
		if (s->note_n)
			list_raw(r, note_of(k, s), s->note_n);
		else
			r->truncated = true;
	}
}

/* Results go out in the order of the rows, whatever the order of the commits. */
static void flush_done(struct rows *r)
{
	struct chunk *k;

	while ((k = r->head) && k->done) {
		r->head = k->next;
		if (!r->head)
			r->tail = &r->head;
		flush_chunk(r, k);
		chunk_free(k);
	}
}

/* ---- Staging. ---- */

static const enum stats_counter accepted_counter[CLASS_N] = {
	[CLASS_OTP] = STATS_ACCEPTED_OTP,
	[CLASS_SERVICE] = STATS_ACCEPTED_SERVICE,
	[CLASS_MARKETING] = STATS_ACCEPTED_MARKETING,
};

static void on_committed(struct queue_batch *b, int result)
{
	struct chunk *k = b->arg;
	struct rows *r = k->rows;
	int64_t took_us = clock_mono_us() - k->staged_us;

	k->done = true;
	k->r = result;
	r->n_flight--;
	r->flight_rows -= k->n_messages;
	api_key_drop(r->api, &k->key);
	for (unsigned i = 0; i < CLASS_N && result == 0; i++) {
		if (!k->n_class[i])
			continue;
		stats_add(r->api->p.stats, accepted_counter[i], k->n_class[i]);
		stats_observe(&r->api->p.stats->commit[i], took_us);
	}
	if (result < 0 && result != -EEXIST)
		stop(r, api_code_of_errno(result), api_code_help(api_code_of_errno(result)));
	flush_done(r);
	pump(r);
}

static void set_progress(struct rows *r, struct chunk *k)
{
	k->progress = (struct store_progress){
		.client = r->c->client,
		.name = r->key,
		.rows = k->first_row + k->n_slots,
		.accepted = r->staged_accepted + k->n_messages,
		.rejected = r->staged_rejected + k->n_slots - k->n_messages,
		.done = r->exhausted,
	};
	if (r->is_lines)
		json_digest_text(&r->chain, k->progress.digest);
	else
		memcpy(k->progress.digest, r->digest, sizeof(r->digest));
}

/* The answer of a row with a key; see the head of api_submit.c for why it may be written this late. */
static void write_row_answer(struct chunk *k)
{
	const struct slot *s = &k->slots[0];

	snprintf(k->answer, sizeof(k->answer),
		"{\"id\":\"%llu\",\"state\":\"%s\",\"parts\":%u,\"encoding\":\"%s\"%s%.*s}",
		(unsigned long long)k->ids[0], msg_state_name(k->scheduled ? STATE_SCHEDULED : STATE_QUEUED),
		k->n_parts, encoding_name(k->encoding), s->note_n ? "," : "", (int)s->note_n, note_of(k, s));
}

static int stage(struct rows *r, struct chunk *k)
{
	int rc;

	if (!r->held.held && k->n_messages == 0) { /* nothing to store */
		k->done = true;
		return 0;
	}
	if (r->held.held)
		set_progress(r, k);
	k->batch = (struct queue_batch){
		.messages = k->messages,
		.n = k->n_messages,
		.idem = k->idem.answer && k->n_messages ? &k->idem : NULL,
		.progress = r->held.held ? &k->progress : NULL,
		.done = on_committed,
		.arg = k,
		.ids = k->ids,
	};
	k->staged_us = clock_mono_us();
	rc = queue_add(r->api->p.queue, &k->batch);
	if (rc < 0)
		return rc;
	if (k->batch.idem)
		write_row_answer(k);
	r->n_flight++;
	r->flight_rows += k->n_messages;
	return 0;
}

static bool has_room(const struct rows *r)
{
	if (r->n_flight == 0)
		return true;
	if (r->held.held)
		return false;
	return r->n_flight < FLIGHT_CHUNKS && r->flight_rows + r->building->n_messages <= FLIGHT_ROWS;
}

static void stage_again(struct api_waiter *w)
{
	pump((struct rows *)((char *)w - offsetof(struct rows, waiter)));
}

/* Give the chunk to the queue.  false: not now, or never. */
static bool send_building(struct rows *r)
{
	struct chunk *k = r->building;
	int rc;

	if (r->waiter.queued || !has_room(r))
		return false;
	rc = stage(r, k);
	if (rc == -EAGAIN && !api_wait_over(&r->waiter)) {
		r->waiter.again = stage_again;
		api_wait(r->api, &r->waiter);
		return false;
	}
	if (rc < 0) {
		stop(r, api_code_of_errno(rc), api_code_help(api_code_of_errno(rc)));
		return false;
	}
	api_wait_reset(&r->waiter);
	r->staged_accepted += k->n_messages;
	r->staged_rejected += k->n_slots - k->n_messages;
	r->last_staged = r->exhausted;
	*r->tail = k;
	r->tail = &k->next;
	r->building = NULL;
	r->ready = false;
	flush_done(r); /* a chunk with nothing to store is done already */
	return true;
}

/* ---- Rows. ---- */

static bool need_building(struct rows *r, unsigned cap)
{
	if (!r->building)
		r->building = chunk_new(r, cap);
	if (r->building)
		return true;
	stop(r, API_QUEUE_BUSY, "out of memory; try again");
	return false;
}

static void row_done(struct rows *r)
{
	r->row++;
	if (r->building->n_slots == r->building->cap)
		r->ready = true;
}

static struct json_mark begin_note(struct chunk *k)
{
	struct json_mark m = json_out_mark(&k->notes);

	k->notes.comma = false;
	return m;
}

/* What was written since then is the slot's, if it fits. */
static void end_note(struct chunk *k, struct slot *s, struct json_mark m)
{
	if (json_out_full(&k->notes)) {
		json_out_rewind(&k->notes, m);
		return;
	}
	s->note_at = (uint32_t)m.len;
	s->note_n = (uint32_t)(buf_len(&k->notes.b) - m.len);
}

/* Only where it will be read: in the answer to this post, or kept under the row's key. */
static void note_change(struct rows *r, struct slot *s, const struct json_message *jm)
{
	struct json_mark m;

	if (!jm->changed || (r->results != RESULTS_ALL && !jm->idempotency_key))
		return;
	m = begin_note(r->building);
	json_text_changed(&r->building->notes, jm, false, JSON_TEXT_ROW_CHANGES);
	end_note(r->building, s, m);
	assert(s->note_n <= JSON_TEXT_ROW_MAX);
}

static void refuse_row(struct rows *r, const struct api_fault *f)
{
	struct chunk *k;
	struct slot *s;

	if (!need_building(r, CHUNK_ROWS))
		return;
	k = r->building;
	s = &k->slots[k->n_slots++];
	*s = (struct slot){.message = -1};
	stats_add(r->api->p.stats, STATS_ROWS_REJECTED, 1);
	api_count_refused(r->api, f->code);
	if (r->errors_made < r->listed_max) {
		struct json_mark m = begin_note(k);

		json_out_open(&k->notes, '{');
		json_out_ku64(&k->notes, "row", r->row);
		write_fault(&k->notes, f);
		json_out_close(&k->notes, '}');
		end_note(k, s, m);
		r->errors_made += s->note_n > 0;
	}
	row_done(r);
}

static void accept_row(struct rows *r, const struct json_message *jm)
{
	struct message *m = message_new(&jm->m);
	struct chunk *k;

	if (!m) {
		stop(r, API_QUEUE_BUSY, "out of memory; try again");
		return;
	}
	if (!need_building(r, CHUNK_ROWS)) {
		message_free(m);
		return;
	}
	k = r->building;
	k->slots[k->n_slots] = (struct slot){.message = (int32_t)k->n_messages};
	note_change(r, &k->slots[k->n_slots++], jm);
	k->messages[k->n_messages++] = m;
	k->n_class[m->class]++;
	k->n_parts = m->n_parts;
	k->encoding = m->encoding;
	k->scheduled = m->send_at_ms != 0;
	row_done(r);
}

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
	if (!need_building(r, 1))
		return false;
	k = r->building;
	k->key.client = k->idem.client = r->c->client;
	api_key_hash(r->c->client, jm->idempotency_key, k->idem.khash);
	memcpy(k->key.hash, k->idem.khash, sizeof(k->key.hash));
	if (json_message_hash(row, k->idem.bhash) < 0) {
		stop(r, API_QUEUE_BUSY, "out of memory; try again");
		return false;
	}
	if (api_key_take(r->api, &k->key)) {
		k->idem.answer = k->answer;
		return true;
	}
	if (r->n_flight >
		0) { /* perhaps an earlier row of this very request has it: look again when that is done */
		drop_building(r);
		r->stashed = json_incref(row);
		r->drain = true;
		return false;
	}
	api_fault_set(&f, API_IDEMPOTENCY_IN_PROGRESS, "idempotency_key",
		"a message with this idempotency key is being worked on; post the row again when it is done");
	refuse_row(r, &f);
	return false;
}

static void check_row(struct rows *r, json_t *row, const struct json_message_ctx *x)
{
	struct json_message *jm = &r->api->row;
	struct api_fault f;

	if (json_message(row, x, jm, &f) < 0)
		refuse_row(r, &f);
	else if (!jm->idempotency_key || begin_keyed(r, row, jm))
		accept_row(r, jm);
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

static void take_line(
	struct rows *r, const char *line, size_t n, bool too_long, const struct json_message_ctx *x)
{
	struct api_fault f;
	json_error_t e;
	json_t *row;

	if (r->held.held)
		json_digest_row(&r->chain, line, n);
	if (r->row < r->skip) {
		skip_line(r);
	} else if (r->was_done) {
		conflict(r); /* longer than what was finished */
	} else if (too_long) {
		api_fault_set(&f, API_ROW_TOO_LONG, NULL,
			"the line is longer than %d octets; one message a line", JSON_LINE_MAX);
		refuse_row(r, &f);
	} else {
		row = json_loadb(line, n, JSON_MESSAGE_DECODE, &e);
		if (row) {
			check_row(r, row, x);
		} else {
			json_message_syntax_fault(&e, &f);
			refuse_row(r, &f);
		}
		json_decref(row);
	}
}

enum taken { TAKEN, NOT_YET, THE_END };

static enum taken take_from_lines(struct rows *r, const struct json_message_ctx *x)
{
	const char *line = "";
	size_t n = 0;
	int rc = json_lines_next(&r->lines, &line, &n);

	if (rc != 0) {
		take_line(r, line, n, rc < 0, x);
		return TAKEN;
	}
	if (!r->ended)
		return NOT_YET;
	if (r->row < r->skip)
		conflict(r); /* shorter than what was done */
	return THE_END;
}

static enum taken take_from_array(struct rows *r, const struct json_message_ctx *x)
{
	if (r->at >= json_array_size(r->array))
		return THE_END;
	check_row(r, json_array_get(r->array, r->at), x);
	/* Freed row by row: freeing ten thousand at once would keep the loop. */
	json_array_set_new(r->array, r->at++, json_null());
	if (r->at == json_array_size(r->array) && !r->stashed && !r->stopped) {
		r->exhausted = true; /* known before the last chunk goes, so that it can carry "done" */
		r->ready = r->building != NULL;
	}
	return TAKEN;
}

static enum taken take_row(struct rows *r, const struct json_message_ctx *x)
{
	if (r->stashed) {
		json_t *row = r->stashed;

		r->stashed = NULL;
		check_row(r, row, x);
		json_decref(row);
		return TAKEN;
	}
	return r->is_lines ? take_from_lines(r, x) : take_from_array(r, x);
}

/* ---- The engine. ---- */

static void flow(struct rows *r)
{
	bool hold = r->ready || r->drain || r->runner.queued || r->waiter.queued || !r->begun;

	if (!r->is_lines || r->ended || r->stopped || !r->c->q || hold == r->paused)
		return;
	r->paused = hold;
	if (hold)
		http_request_pause(r->c->q);
	else
		http_request_resume(r->c->q);
}

/* What to do when the source gives nothing.  false: nothing. */
static bool at_pause(struct rows *r, enum taken t)
{
	if (t == NOT_YET) {
		/* A stream that drips: what is there goes when nothing else is on its way. */
		r->ready = r->building && r->n_flight == 0;
		return r->ready;
	}
	r->exhausted = true;
	if (!r->building && r->held.held && !r->last_staged && !r->was_done && !r->stopped)
		need_building(r, 1); /* no row, only "done" */
	r->ready = r->building != NULL;
	return r->ready;
}

static void work(struct rows *r, const struct json_message_ctx *x)
{
	unsigned budget = API_SLICE_ROWS;
	int64_t until_us = clock_mono_us() + SLICE_US;

	while (!r->stopped) {
		enum taken t;

		if (r->ready) {
			if (!send_building(r))
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
		if (t != TAKEN && !at_pause(r, t))
			return;
	}
}

static void pump(struct rows *r)
{
	struct auth_client *cl = api_client(r->c);
	struct json_message_ctx x;

	if (!cl) {
		stop(r, API_UNAUTHORIZED, "this client is no longer configured");
	} else if (r->api->stopping && r->is_lines && !r->ended) {
		stop(r, API_STOPPING, "the gateway is shutting down; post the rest when it is back");
	} else if (r->begun && r->c->q && !r->stopped) {
		api_message_ctx(r->api, cl, true, &x);
		work(r, &x);
	}
	flow(r);
	maybe_finish(r);
}

static void run(struct api_runner *n)
{
	pump((struct rows *)((char *)n - offsetof(struct rows, runner)));
}

void rows_feed(struct rows *r, const uint8_t *data, size_t n)
{
	if (r->stopped)
		return;
	if (json_lines_feed(&r->lines, data, n) < 0)
		stop(r, API_QUEUE_BUSY, "out of memory; try again");
	if (!r->runner.queued)
		pump(r);
}

void rows_end(struct rows *r)
{
	r->ended = true;
	json_lines_end(&r->lines);
	if (!r->runner.queued)
		pump(r);
}

void rows_abort(struct rows *r)
{
	drop_building(r);
	api_unwait(r->api, &r->waiter);
	api_run_never(r->api, &r->runner);
	maybe_finish(r);
}

void rows_stopping(struct api *a)
{
	struct rows *next;

	for (struct rows *r = a->rows; r; r = next) {
		next = r->next;
		pump(r);
	}
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
	r->at = r->row = r->was_done ? json_array_size(r->array) : p->rows;
}

static void on_begun(struct store_op *op)
{
	struct rows *r = op->arg;

	r->beginning = false;
	r->begun = true;
	if (op->r == -EEXIST)
		known_stream(r);
	else if (op->r < 0)
		stop(r, api_code_of_errno(op->r), api_code_help(api_code_of_errno(op->r)));
	pump(r);
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
	r->next = r->api->rows;
	r->at_list = &r->api->rows;
	if (r->next)
		r->next->at_list = &r->next;
	r->api->rows = r;
	r->array = array;
	r->is_lines = !array;
	r->tail = &r->head;
	r->runner.run = run;
	r->results = results;
	r->listed_max = r->is_lines && results == RESULTS_ERRORS ? LISTED_LINES : LISTED_MAX;
	memcpy(r->digest, digest, sizeof(r->digest));
	json_digest_init(&r->chain, 'l');
	json_lines_init(&r->lines);
	json_out_init(&r->out, API_ANSWER_MAX);
	api_hold(c);
	if (key && !hold_key(r, key)) {
		api_refuse(c, API_IDEMPOTENCY_IN_PROGRESS, NULL,
			"a request with this idempotency key is being worked on; GET /v1/streams/KEY shows "
			"how far it is");
		rows_free(r);
		return;
	}
	c->rows = r;
	if (key) {
		begin_stream(r);
		flow(r);
	} else {
		r->begun = true;
		pump(r);
	}
}
