/* SPDX-License-Identifier: Apache-2.0 */
/* What a PDU costs the SMPP driver besides time: no allocation, and no system call of its own.  Every allocation of our
 * objects goes through the wrappers below (ld's --wrap), those of libuv through uv_replace_allocator(); tests/bench/
 * bench_link.c measures the time. */
#include <config.h>

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"

#define WARM  1000
#define PAIRS 8000

static unsigned n_allocations, n_writes, n_octets;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
int __real_uv_try_write(uv_stream_t *s, const uv_buf_t bufs[], unsigned n);
int __real_uv_write(uv_write_t *req, uv_stream_t *s, const uv_buf_t bufs[], unsigned n, uv_write_cb cb);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
int __wrap_uv_try_write(uv_stream_t *s, const uv_buf_t bufs[], unsigned n);
int __wrap_uv_write(uv_write_t *req, uv_stream_t *s, const uv_buf_t bufs[], unsigned n, uv_write_cb cb);

void *__wrap_malloc(size_t n)
{
	n_allocations++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	n_allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	n_allocations++;
	return __real_realloc(p, n);
}

int __wrap_uv_try_write(uv_stream_t *s, const uv_buf_t bufs[], unsigned n)
{
	n_writes++;
	n_octets += (unsigned)bufs[0].len;
	return __real_uv_try_write(s, bufs, n);
}

int __wrap_uv_write(uv_write_t *req, uv_stream_t *s, const uv_buf_t bufs[], unsigned n, uv_write_cb cb)
{
	n_writes++;
	return __real_uv_write(req, s, bufs, n, cb);
}

static struct link *bound(struct sim *s)
{
	char text[300];
	struct link *l;

	snprintf(text, sizeof(text), "driver = \"smpp\"; host = \"127.0.0.1\"; port = %d; system_id = \"e\"; "
		"password = \"p\"; window = 100; enquire_link = 0.0;", s->port);
	l = core_new(text);
	core_start(l);
	WAIT(l, l->up);
	return l;
}

static void no_allocation_per_pdu(void **state)
{
	struct sim s;
	struct link *l;

	sim_start(&s, (const char *[]){ NULL });
	l = bound(&s);
	core_send(l, WARM); /* buffers grow to what a window needs, once */
	WAIT(l, l->n_receipts == WARM);
	assert_true(n_allocations > 20); /* the wrappers see what opening the link takes */
	n_allocations = 0;
	core_send(l, WARM + PAIRS);
	WAIT(l, l->n_receipts == WARM + PAIRS);
	/* Three PDUs of ours and as many of the peer's for each; it may cut its output anywhere, and the buffer for a
	 * PDU that comes in pieces is then found as it was. */
	assert_int_equal(n_allocations, 0);
	core_free(l);
	json_decref(sim_stop(&s));
}

static void pdus_of_a_turn_leave_in_one_write(void **state)
{
	struct sim s;
	struct link *l;

	sim_start(&s, (const char *[]){ NULL });
	l = bound(&s);
	l->ack = ACK_HOLD;
	n_writes = n_octets = 0;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(core_submit(l), 0);
	assert_int_equal(n_writes, 0); /* nothing before the turn is over */
	WAIT(l, l->in_flight == 0);
	assert_int_equal(n_writes, 1);
	assert_true(n_octets > 100 * 50); /* all hundred of them */
	WAIT(l, l->n_receipts == 100);
	n_writes = n_octets = 0;
	core_ack_all(l, 0);
	assert_int_equal(n_writes, 0);
	core_submit(l);
	WAIT(l, l->in_flight == 0);
	assert_int_equal(n_writes, 1); /* a hundred deliver_sm_resp and a submit_sm */
	assert_true(n_octets > 100 * 17);
	l->ack = ACK_AT_ONCE;
	core_free(l);
	json_decref(sim_stop(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_allocation_per_pdu),
		cmocka_unit_test(pdus_of_a_turn_leave_in_one_write),
	};

	uv_replace_allocator(__wrap_malloc, __wrap_realloc, __wrap_calloc, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
