/* SPDX-License-Identifier: Apache-2.0 */
/* api_rows_chunk.c -- from a checked row to its result: chunks, staging, commits, the list of results.
 *
 * Results are listed in the order of the rows, whatever the order of the commits.  What is listed is bounded in number
 * and in octets; the answer says when something was left out.
 */
#include "intake/api_rows_impl.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void rows_drop_building(struct rows *r)
{
	if (r->building)
		chunk_drop_messages(r->building);
	chunk_free(r->building);
	r->building = NULL;
	r->ready = false;
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

/* A stream may go on for hours, and what is listed stays until its end.  Arrays hold more for their rows anyway. */
static bool room_for(struct rows *r, size_t n)
{
	if (!r->is_lines || !r->c->q || buf_len(&r->out.b) + n <= OUT_STEP + r->out_held)
		return true;
	if (!http_request_hold_more(r->c->q, OUT_STEP))
		return false;
	r->out_held += OUT_STEP;
	return true;
}

static void list_raw(struct rows *r, const char *s, size_t n)
{
	struct json_mark m = json_out_mark(&r->out);

	if (!list_one(r))
		return;
	if (!room_for(r, n)) {
		r->listed--;
		r->truncated = true;
		return;
	}
	json_out_raw(&r->out, s, n);
	if (json_out_full(&r->out)) {
		json_out_rewind(&r->out, m);
		r->truncated = true;
	}
}

static const char *note_of(const struct chunk *k, const struct slot *s)
{
	return s->note_n ? (const char *)buf_data(&k->notes.b) + s->note_at : "";
}

/* A row with a key of its own is answered now as it will be when it is posted again. */
static void list_accepted(struct rows *r, const struct chunk *k, const struct slot *s)
{
	char text[48 + JSON_TEXT_ROW_MAX];
	int n;

	if (r->results != RESULTS_ALL)
		return;
	if (k->batch.idem) {
		list_raw(r, k->answer, strlen(k->answer));
		return;
	}
	n = snprintf(text, sizeof(text), "{\"id\":\"%llu\"%s%.*s}", (unsigned long long)k->ids[s->message],
		s->note_n ? "," : "", (int)s->note_n, note_of(k, s));
	list_raw(r, text, (size_t)n);
}

static void list_fault(struct rows *r, uint64_t row, const struct api_fault *f)
{
	struct json_out o;

	json_out_init(&o, 4096);
	json_out_open(&o, '{');
	json_out_ku64(&o, "row", row);
	api_fault_out(&o, f);
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

/* A row that was staged: what became of it. */
static void flush_message(struct rows *r, struct chunk *k, unsigned i)
{
	const struct slot *s = &k->slots[i];
	struct api_fault f;

	if (k->r == 0) {
		r->accepted++;
		list_accepted(r, k, s);
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
		list_fault(r, k->first_row + i, &f);
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
		rows_stop(r, api_code_of_errno(result), api_code_help(api_code_of_errno(result)));
	flush_done(r);
	rows_pump(r);
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
	rows_pump((struct rows *)((char *)w - offsetof(struct rows, waiter)));
}

bool rows_send_building(struct rows *r)
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
		rows_stop(r, api_code_of_errno(rc), api_code_help(api_code_of_errno(rc)));
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

bool rows_need_building(struct rows *r, unsigned cap)
{
	if (!r->building)
		r->building = chunk_new(r, cap);
	if (r->building)
		return true;
	rows_stop(r, API_QUEUE_BUSY, "out of memory; try again");
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

void rows_refuse(struct rows *r, const struct api_fault *f)
{
	struct chunk *k;
	struct slot *s;

	if (!rows_need_building(r, CHUNK_ROWS))
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
		api_fault_out(&k->notes, f);
		json_out_close(&k->notes, '}');
		end_note(k, s, m);
		r->errors_made += s->note_n > 0;
	}
	row_done(r);
}

void rows_accept(struct rows *r, const struct json_message *jm)
{
	struct message *m = message_new(&jm->m);
	struct chunk *k;

	if (!m) {
		rows_stop(r, API_QUEUE_BUSY, "out of memory; try again");
		return;
	}
	if (!rows_need_building(r, CHUNK_ROWS)) {
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
