/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_conn.c -- connections of the carrier simulator: accept, read into one buffer, write once a turn,
 * close.
 *
 * Reading never allocates: libuv reads behind what is left of the last PDU.  Writing has two buffers: one
 * collects, the other is with the kernel after a write that could not finish; most writes finish at once.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smsc_sim.h"

struct delayed {
	uint32_t due_ms;
	uint16_t n, n_answers;
};

static void resume(struct smsc_conn *c);

bool smsc_conn_has_room(const struct smsc_conn *c)
{
	if (c->delayed && c->delayed_end - c->delayed_head + SMSC_ROOM > SMSC_OUT_CAP)
		return false;
	return SMSC_OUT_CAP - c->n_out >= SMSC_ROOM;
}

void smsc_conn_write(struct smsc_conn *c, const void *p, size_t n)
{
	if (c->closing || c->mute)
		return;
	assert(n <= SMSC_OUT_CAP - c->n_out);
	memcpy(c->out + c->n_out, p, n);
	c->n_out += n;
	c->dirty = true;
}

void smsc_conn_respond(struct smsc_conn *c, const void *p, size_t n, unsigned n_answers)
{
	struct delayed d = {.n = (uint16_t)n, .n_answers = (uint16_t)n_answers};

	if (!c->sim->script.slow_ms || c->closing) {
		smsc_conn_write(c, p, n);
		c->answered += n_answers;
		return;
	}
	if (!c->delayed) {
		c->delayed = malloc(SMSC_OUT_CAP);
		if (!c->delayed) {
			smsc_conn_close(c);
			return;
		}
	}
	if (c->delayed_end + sizeof(d) + n > SMSC_OUT_CAP) {
		memmove(c->delayed, c->delayed + c->delayed_head, c->delayed_end - c->delayed_head);
		c->delayed_end -= c->delayed_head;
		c->delayed_head = 0;
	}
	assert(c->delayed_end + sizeof(d) + n <= SMSC_OUT_CAP);
	/* The clock counts whole milliseconds: one more, so that none is answered early. */
	d.due_ms = c->sim->now_ms + c->sim->script.slow_ms + 1;
	memcpy(c->delayed + c->delayed_end, &d, sizeof(d));
	memcpy(c->delayed + c->delayed_end + sizeof(d), p, n);
	c->delayed_end += sizeof(d) + n;
	c->sim->n_delayed++;
	smsc_sim_want_tick(c->sim);
}

static void release(struct smsc_conn *c)
{
	struct delayed d;

	while (c->delayed_head < c->delayed_end && SMSC_OUT_CAP - c->n_out >= SMSC_ROOM) {
		memcpy(&d, c->delayed + c->delayed_head, sizeof(d));
		if ((int32_t)(d.due_ms - c->sim->now_ms) > 0)
			break;
		smsc_conn_write(c, c->delayed + c->delayed_head + sizeof(d), d.n);
		c->answered += d.n_answers;
		c->delayed_head += sizeof(d) + d.n;
		c->sim->n_delayed--;
	}
	if (c->delayed_head == c->delayed_end)
		c->delayed_head = c->delayed_end = 0;
	if (c->stalled)
		resume(c);
}

void smsc_conn_release_delayed(struct smsc_sim *sim)
{
	struct smsc_conn *c, *next;

	for (c = TAILQ_FIRST(&sim->conns); c; c = next) {
		next = TAILQ_NEXT(c, all);
		if (c->delayed && !c->closing)
			release(c);
	}
}

static void on_closed(uv_handle_t *h)
{
	struct smsc_conn *c = h->data;

	TAILQ_REMOVE(&c->sim->conns, c, all);
	c->sim->n_conns--;
	free(c->in);
	free(c->out);
	free(c->busy);
	free(c->delayed);
	free(c->slots);
	free(c);
}

void smsc_conn_close(struct smsc_conn *c)
{
	struct delayed d;

	if (c->closing)
		return;
	c->closing = true;
	for (; c->delayed_head < c->delayed_end; c->delayed_head += sizeof(d) + d.n) {
		memcpy(&d, c->delayed + c->delayed_head, sizeof(d));
		c->sim->n_delayed--;
	}
	smsc_session_closed(c);
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void smsc_conn_finish(struct smsc_conn *c)
{
	c->finishing = true;
	c->dirty = true;
	uv_read_stop((uv_stream_t *)&c->tcp);
}

void smsc_conn_drop_all(struct smsc_sim *sim)
{
	struct smsc_conn *c, *next;

	for (c = TAILQ_FIRST(&sim->conns); c; c = next) {
		next = TAILQ_NEXT(c, all);
		smsc_conn_close(c);
	}
}

static void on_written(uv_write_t *w, int status)
{
	struct smsc_conn *c = w->data;

	c->writing = false;
	if (c->closing)
		return;
	if (status < 0) {
		smsc_conn_close(c);
		return;
	}
	c->dirty = true;
	if (c->stalled)
		resume(c);
}

/* The rest of a write that the kernel did not take whole. */
static void write_rest(struct smsc_conn *c, size_t done)
{
	uv_buf_t buf = uv_buf_init((char *)c->out + done, (unsigned)(c->n_out - done));
	uint8_t *other = c->busy;

	c->write.data = c;
	c->busy = c->out;
	c->out = other;
	c->n_out = 0;
	c->writing = true;
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, on_written) < 0) {
		c->writing = false;
		smsc_conn_close(c);
	}
}

/* As a network that has gone mad would deliver it; TCP_NODELAY makes each octet a segment. */
static int write_one_by_one(struct smsc_conn *c)
{
	int n = 0, r = 0;

	while ((size_t)n < c->n_out) {
		uv_buf_t buf = uv_buf_init((char *)c->out + n, 1);

		r = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
		if (r < 0)
			break;
		n++;
	}
	return n ? n : r;
}

void smsc_conn_flush(struct smsc_conn *c)
{
	uv_buf_t buf;
	int r;

	if (c->closing || c->writing)
		return;
	c->dirty = false;
	smsc_log_flush(&c->sim->log); /* what is answered is in the log, even if we are killed now */
	if (c->n_out > 0) {
		buf = uv_buf_init((char *)c->out, (unsigned)c->n_out);
		r = c->sim->script.fragment ? write_one_by_one(c) : uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
		if (r < 0 && r != UV_EAGAIN) {
			smsc_conn_close(c);
			return;
		}
		c->in_hand -= c->answered;
		c->answered = 0;
		if (r < 0 || (size_t)r < c->n_out) {
			write_rest(c, r < 0 ? 0 : (size_t)r);
			return;
		}
		c->n_out = 0;
	}
	if (c->finishing && c->delayed_head == c->delayed_end)
		smsc_conn_close(c);
}

/* Writing makes room, room lets stalled input be parsed, and that writes again: until nothing moves. */
void smsc_conn_flush_all(struct smsc_sim *sim)
{
	struct smsc_conn *c, *next;

	for (c = TAILQ_FIRST(&sim->conns); c; c = next) {
		next = TAILQ_NEXT(c, all);
		while (c->dirty && !c->writing && !c->closing) {
			smsc_conn_flush(c);
			if (c->stalled)
				resume(c);
		}
	}
}

/* Take every whole PDU out of the buffer, as long as there is room for what it causes. */
static void process(struct smsc_conn *c)
{
	size_t off = 0;

	while (!c->closing && !c->finishing && c->n_in - off >= 4) {
		const uint8_t *p = c->in + off;
		uint32_t length = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

		if (length < SMSC_HEADER_LEN || length > SMSC_PDU_MAX) {
			smsc_session_bad_length(c, p, c->n_in - off);
			break;
		}
		if (c->n_in - off < length)
			break;
		if (!smsc_conn_has_room(c)) {
			c->stalled = true;
			uv_read_stop((uv_stream_t *)&c->tcp);
			break;
		}
		smsc_session_pdu(c, p, length);
		off += length;
	}
	memmove(c->in, c->in + off, c->n_in - off);
	c->n_in -= off;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct smsc_conn *c = h->data;

	*buf = uv_buf_init((char *)c->in + c->n_in, (unsigned)(SMSC_IN_CAP - c->n_in));
}

static void on_read(uv_stream_t *st, ssize_t n, const uv_buf_t *buf)
{
	struct smsc_conn *c = st->data;

	if (n < 0) {
		smsc_conn_close(c);
		return;
	}
	if (n == 0)
		return;
	smsc_sim_clock(c->sim);
	c->last_in_ms = c->sim->now_ms;
	c->n_in += (size_t)n;
	process(c);
}

static void resume(struct smsc_conn *c)
{
	if (c->closing || c->finishing || !smsc_conn_has_room(c))
		return;
	c->stalled = false;
	process(c);
	if (!c->stalled && !c->closing && !c->finishing &&
		uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
		smsc_conn_close(c);
}

static struct smsc_conn *conn_new(struct smsc_sim *sim)
{
	struct smsc_conn *c = calloc(1, sizeof(*c));
	uint32_t n_slots = 1;

	if (!c)
		return NULL;
	while (n_slots < sim->opt.deliver_window)
		n_slots *= 2;
	c->sim = sim;
	c->slots_mask = n_slots - 1;
	c->next_sequence = 1;
	c->in = malloc(SMSC_IN_CAP);
	c->out = malloc(SMSC_OUT_CAP);
	c->busy = malloc(SMSC_OUT_CAP);
	c->slots = calloc(n_slots, sizeof(*c->slots));
	if (c->in && c->out && c->busy && c->slots)
		return c;
	free(c->in);
	free(c->out);
	free(c->busy);
	free(c->slots);
	free(c);
	return NULL;
}

static void name_peer(struct smsc_conn *c)
{
	struct sockaddr_storage ss;
	int n = sizeof(ss);
	char host[INET6_ADDRSTRLEN] = "?";

	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&ss, &n) < 0)
		return;
	if (ss.ss_family == AF_INET)
		uv_ip4_name((struct sockaddr_in *)&ss, host, sizeof(host));
	else
		uv_ip6_name((struct sockaddr_in6 *)&ss, host, sizeof(host));
	snprintf(c->peer, sizeof(c->peer), "%s:%u", host, ntohs(((struct sockaddr_in *)&ss)->sin_port));
}

/* It is one of ours from now on, in whichever direction it was made. */
static void adopt(struct smsc_sim *sim, struct smsc_conn *c)
{
	uv_tcp_init(&sim->loop, &c->tcp);
	c->tcp.data = c;
	TAILQ_INSERT_TAIL(&sim->conns, c, all);
	sim->n_conns++;
	smsc_sim_clock(sim);
	c->serial = sim->next_serial++;
	c->opened_ms = c->last_in_ms = sim->now_ms;
}

static void begin(struct smsc_conn *c)
{
	c->sim->stats.connections++;
	uv_tcp_nodelay(&c->tcp, 1);
	name_peer(c);
	if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
		smsc_conn_close(c);
}

static void on_connection(uv_stream_t *st, int status)
{
	struct smsc_sim *sim = st->data;
	struct smsc_conn *c = status < 0 ? NULL : conn_new(sim);

	if (!c)
		return;
	adopt(sim, c);
	if (uv_accept(st, (uv_stream_t *)&c->tcp) < 0 || sim->n_conns > sim->opt.max_connections) {
		smsc_conn_close(c);
		return;
	}
	begin(c);
}

static void on_called(uv_connect_t *req, int status)
{
	struct smsc_conn *c = req->data;

	if (c->closing)
		return;
	if (status < 0) {
		smsc_conn_close(c);
		return;
	}
	c->writing = false;
	begin(c);
}

int smsc_conn_call(struct smsc_sim *sim, const struct sockaddr *where, const char *system_id, const char *password)
{
	struct smsc_conn *c = conn_new(sim);
	uint8_t buf[64];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	size_t start;
	int r;

	if (!c)
		return UV_ENOMEM;
	adopt(sim, c);
	c->connect.data = c;
	r = uv_tcp_connect(&c->connect, &c->tcp, where, on_called);
	if (r < 0) {
		smsc_conn_close(c);
		return r;
	}
	start = smsc_out_begin(&o, CMD_OUTBIND, 0, c->next_sequence++);
	smsc_out_cstr(&o, system_id, strlen(system_id));
	smsc_out_cstr(&o, password, strlen(password));
	smsc_out_end(&o, start);
	smsc_conn_write(c, o.p, o.n);
	c->writing = true; /* until it stands */
	return 0;
}

static void on_listener_closed(uv_handle_t *h)
{
	struct smsc_sim *sim = h->data;

	sim->listener_busy = false;
}

static void close_listener(struct smsc_sim *sim)
{
	sim->listening = false;
	uv_close((uv_handle_t *)&sim->listener, on_listener_closed);
}

int smsc_conn_listen(struct smsc_sim *sim)
{
	int n = sizeof(sim->addr), r;

	if (sim->listening)
		return 0;
	if (sim->listener_busy) /* the old one is still closing */
		return -EAGAIN;
	r = uv_tcp_init(&sim->loop, &sim->listener);
	if (r < 0)
		return r;
	sim->listener_busy = true;
	sim->listener.data = sim;
	r = uv_tcp_bind(&sim->listener, (struct sockaddr *)&sim->addr, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&sim->listener, 512, on_connection);
	if (r == 0)
		r = uv_tcp_getsockname(&sim->listener, (struct sockaddr *)&sim->addr, &n);
	if (r < 0) {
		close_listener(sim);
		return r;
	}
	sim->listening = true;
	return 0;
}

void smsc_conn_pause(struct smsc_sim *sim)
{
	if (sim->listening)
		close_listener(sim);
}
