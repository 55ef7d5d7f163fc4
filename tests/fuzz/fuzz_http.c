/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http.c -- any octets as what a client says, to the whole server, without a socket.
 *
 * The first octet of the input says how the rest is cut into reads and which of the handler's ways is taken,
 * so that pauses, late answers and early answers meet every state of the parser.  What must hold: the server
 * answers with nothing but HTTP/1.1, each request given to the handler has exactly one end, and nothing is
 * left over.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intake/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum way { WAY_AT_ONCE, WAY_LATE, WAY_STREAM, WAY_PAUSE, WAY_EARLY, WAY_CHUNKS, WAY_IN_BODY, WAY_DROP };

struct state {
	enum way way;
	struct http_request *late;   /* waits for an answer */
	struct http_request *paused; /* waits for a resume */
	bool any_out;
	unsigned begun, ended;
	uint8_t sum; /* so that lent octets are really read */
};

static void answer(struct state *s, struct http_request *q, const uint8_t *body, size_t n)
{
	s->ended++;
	if (http_respond(q, 200, "application/octet-stream", body, n) < 0)
		assert(http_respond(q, 500, NULL, NULL, 0) == 0);
}

static void look_at(struct state *s, struct http_request *q)
{
	const char *v = http_header_get(q, "content-type");
	char buf[16], name[16];

	s->sum += (uint8_t)(v != NULL ? strlen(v) : 0);
	s->sum += (uint8_t)strlen(q->path);
	http_query_get(q, "limit", buf, sizeof(buf));
	for (unsigned i = 0; i < 3; i++) {
		http_path_segment(q, i, buf, sizeof(buf));
		http_query_at(q, i, name, sizeof(name), buf, sizeof(buf));
	}
}

static enum http_body on_request(void *arg, struct http_request *q)
{
	struct state *s = arg;

	s->begun++;
	look_at(s, q);
	switch (s->way) {
	case WAY_EARLY: answer(s, q, (const uint8_t *)"early", 5); break;
	case WAY_DROP:
		s->ended++;
		http_request_drop(q);
		break;
	case WAY_STREAM:
	case WAY_PAUSE:
	case WAY_IN_BODY: return HTTP_BODY_STREAM;
	case WAY_AT_ONCE:
	case WAY_LATE:
	case WAY_CHUNKS: break;
	}
	return HTTP_BODY_BUFFER;
}

static void on_body(void *arg, struct http_request *q, const uint8_t *data, size_t n)
{
	struct state *s = arg;

	assert(n > 0 && s->paused == NULL);
	for (size_t i = 0; i < n; i++)
		s->sum += data[i];
	if (s->way == WAY_IN_BODY) {
		answer(s, q, data, n);
	} else if (s->way == WAY_PAUSE) {
		s->paused = q;
		http_request_pause(q);
	}
}

static void on_complete(void *arg, struct http_request *q, const uint8_t *data, size_t n)
{
	struct state *s = arg;

	assert(s->paused == NULL && s->late == NULL);
	for (size_t i = 0; i < n; i++)
		s->sum += data[i];
	if (s->way == WAY_LATE) {
		s->late = q;
	} else if (s->way == WAY_CHUNKS && http_respond_begin(q, 200, "text/plain") == 0) {
		http_respond_chunk(q, data, n);
		s->ended++;
		http_respond_end(q);
	} else {
		answer(s, q, data, n);
	}
}

static void on_abort(void *arg, struct http_request *q)
{
	struct state *s = arg;

	s->ended++;
	if (s->late == q)
		s->late = NULL;
	if (s->paused == q)
		s->paused = NULL;
}

static const struct http_ops ops = {on_request, on_body, on_complete, on_abort, NULL};

static void sink(void *arg, const uint8_t *data, size_t n)
{
	struct state *s = arg;

	if (!s->any_out)
		assert(n >= 9 && memcmp(data, "HTTP/1.1 ", 9) == 0);
	s->any_out = true;
}

/* One loop and one server for all inputs: what an input leaves behind would show in the next. */
static uv_loop_t loop;
static struct http_server *srv;
static struct state state;

static void begin(void)
{
	struct http_conf conf = {.max_head = 4096, .max_body = 4096, .max_connections = 4};
	struct stream_loop *sl;

	if (srv != NULL)
		return;
	if (uv_loop_init(&loop) < 0 || stream_loop_new(&loop, &sl) < 0 ||
		http_server_new(sl, &conf, &ops, &state, &srv) < 0)
		abort();
}

/* What the handler owes is done between two reads, as it would be in life. */
static void turn(void)
{
	struct http_request *q;

	uv_run(&loop, UV_RUN_NOWAIT);
	if ((q = state.paused) != NULL) {
		state.paused = NULL;
		http_request_resume(q);
	}
	if ((q = state.late) != NULL) {
		state.late = NULL;
		answer(&state, q, (const uint8_t *)"late", 4);
	}
	uv_run(&loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t cuts[] = {SIZE_MAX, 1, 7, 64};
	struct http_counters n;
	struct stream *s;
	size_t cut;

	if (size == 0)
		return 0;
	begin();
	state = (struct state){.way = (enum way)(data[0] & 7)};
	cut = cuts[data[0] >> 3 & 3];
	if (http_server_attach(srv, sink, &state, &s) < 0)
		abort();
	for (size_t at = 1; at < size;) {
		size_t some = size - at < cut ? size - at : cut;

		http_server_counters(srv, &n);
		if (n.open == 0)
			break;
		at += stream_feed(s, data + at, some);
		/* Pieces that come one after the other without a turn between, too. */
		if (data[0] & 0x20 || some > 1)
			turn();
		else
			uv_run(&loop, UV_RUN_NOWAIT);
		if (state.paused != NULL || state.late != NULL)
			turn();
	}
	/* The end is not seen before all that waits in front of it. */
	for (turn(); http_server_counters(srv, &n), n.open > 0; turn())
		stream_feed(s, data, 0);
	assert(n.in_work == 0);
	assert(state.begun == state.ended);
	return 0;
}
