/* SPDX-License-Identifier: Apache-2.0 */
/* api_lists.c -- lists take turns: in which order they are read, and when what was read becomes an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "intake/api_impl.h"

#define LISTS 64

struct list {
	struct api_call c;
	struct http_request q;
	struct api_list l;
	struct store_query query;
	bool done;
};

static struct world {
	uv_loop_t loop;
	struct api a;
	struct list lists[LISTS];
	unsigned n;
	struct store_query *reading[LISTS]; /* in the order of reading */
	unsigned n_read, n_done, n_refused;
	size_t asked; /* the room */
	bool is_full;
	int64_t now_ms;
} w;

/* ---- What is around it. ---- */

void __wrap_store_read(struct store *s, enum store_reader reader, struct store_query *q);
bool __wrap_http_request_is_left(const struct http_request *q);
bool __wrap_http_request_may_answer(struct http_request *q, size_t n);
size_t __wrap_http_request_most(const struct http_request *q);
void __wrap_api_refuse(struct api_call *c, enum api_code code, const char *field, const char *fmt, ...);
int64_t __wrap_clock_mono_ms(void);

void __wrap_store_read(struct store *s, enum store_reader reader, struct store_query *q)
{
	w.reading[w.n_read++] = q;
}

bool __wrap_http_request_is_left(const struct http_request *q)
{
	return false;
}

bool __wrap_http_request_may_answer(struct http_request *q, size_t n)
{
	w.asked = n;
	return !w.is_full;
}

size_t __wrap_http_request_most(const struct http_request *q)
{
	return 64 << 20;
}

void __wrap_api_refuse(struct api_call *c, enum api_code code, const char *field, const char *fmt, ...)
{
	c->q = NULL;
	w.n_refused++;
}

int64_t __wrap_clock_mono_ms(void)
{
	return w.now_ms;
}

/* ---- Lists. ---- */

static void on_done(struct store_query *q)
{
	struct list *x = q->arg;

	assert_false(x->done);
	x->done = true;
	w.n_done++;
	api_list_end(&x->l);
}

static struct list *ask(uint32_t client, unsigned rows)
{
	struct list *x = &w.lists[w.n++];

	x->c = (struct api_call){.api = &w.a, .q = &x->q, .client = client};
	x->query = (struct store_query){.done = on_done, .arg = x};
	api_list_start(&x->c, &x->l, &x->query, rows);
	return x;
}

static uint32_t client_of(const struct store_query *q)
{
	return ((struct list *)((char *)q - offsetof(struct list, query)))->c.client;
}

static void have_read(unsigned i)
{
	w.reading[i]->done(w.reading[i]);
}

static int set_up(void **state)
{
	memset(&w, 0, sizeof(w));
	w.now_ms = 1000000;
	w.a.n_calls = LISTS;
	uv_loop_init(&w.loop);
	uv_idle_init(&w.loop, &w.a.idle);
	uv_timer_init(&w.loop, &w.a.timer);
	w.a.idle.data = w.a.timer.data = &w.a;
	w.a.waiters_tail = &w.a.waiters;
	w.a.runners_tail = &w.a.runners;
	return 0;
}

static int tear_down(void **state)
{
	uv_close((uv_handle_t *)&w.a.idle, NULL);
	uv_close((uv_handle_t *)&w.a.timer, NULL);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&w.loop);
}

/* ---- */

/* Client 1 has four in line; six others come back as soon as they were served. */
static void a_client_that_comes_back_goes_behind_those_in_line(void **state)
{
	unsigned of_first = 0, i;

	for (uint32_t client = 2; client < 8; client++)
		ask(client, 1);
	for (i = 0; i < 4; i++)
		ask(1, 1);
	for (i = 0; of_first < 4 && w.n < LISTS; i++) {
		uint32_t client = client_of(w.reading[i]);

		have_read(i);
		uv_run(&w.loop, UV_RUN_NOWAIT);
		if (client == 1)
			of_first++;
		else
			ask(client, 1);
	}
	assert_int_equal(of_first, 4);
	assert_in_range(i, 10, 4 + 4 * 6);
}

/* A page takes milliseconds: whatever comes between two of them waits for one. */
static void what_was_read_together_becomes_answers_one_in_a_turn_of_the_loop(void **state)
{
	for (uint32_t client = 1; client < 7; client++)
		ask(client, 1000);
	assert_int_equal(w.n_read, 4);
	for (unsigned i = 0; i < 4; i++)
		have_read(i);
	assert_int_equal(w.n_done, 0);
	for (unsigned i = 1; i <= 4; i++) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
		assert_int_equal(w.n_done, i);
	}
	assert_int_equal(w.n_read, 6);
	have_read(4);
	have_read(5);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(w.n_done, 6);
}

/* Wherever it is: waits, is read, or was read. */
static void a_list_whose_client_has_left_ends_once(void **state)
{
	struct list *x[6];

	for (unsigned i = 0; i < 6; i++)
		x[i] = ask(i + 1, 1000);
	have_read(0);
	have_read(1);
	for (unsigned i = 6; i--;) {
		x[i]->c.q = NULL;
		api_list_abort(&x[i]->c);
	}
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(x[i]->done, i != 2 && i != 3);
	assert_int_equal(w.n_read, 4);
	have_read(2);
	have_read(3);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(w.n_done, 6);
	assert_int_equal(w.a.n_lists, 0);
}

static void a_list_asks_for_room_by_its_rows_and_no_more_than_a_page_becomes(void **state)
{
	ask(1, 20);
	assert_int_equal(w.asked, 20 * 8192);
	ask(1, 1000);
	assert_int_equal(w.asked, 1 << 20);
	w.is_full = true;
	assert_true(ask(1, 100)->done);
	assert_int_equal(w.n_refused, 1);
	assert_int_equal(w.n_read, 2);
	ask(1, 10); /* seldom needs any */
	assert_int_equal(w.n_read, 3);
	have_read(0);
	have_read(1);
	have_read(2);
	uv_run(&w.loop, UV_RUN_DEFAULT);
}

static void run_timer(void)
{
	for (unsigned i = 0; i < 3; i++)
		uv_run(&w.loop, UV_RUN_ONCE);
}

/* The disk hangs, and four lists with it. */
static void who_waits_too_long_is_refused(void **state)
{
	struct list *x[6];

	for (unsigned i = 0; i < 6; i++) {
		w.now_ms += i == 5 ? 10000 : 0;
		x[i] = ask(i + 1, 1000);
	}
	w.now_ms += 19999;
	run_timer();
	assert_int_equal(w.n_refused, 0);
	w.now_ms += 1;
	run_timer();
	assert_true(x[4]->done);
	assert_int_equal(w.n_refused, 1);
	w.now_ms += 10000;
	run_timer();
	assert_true(x[5]->done);
	assert_int_equal(w.n_refused, 2);
	assert_false(uv_is_active((uv_handle_t *)&w.a.timer));
	for (unsigned i = 0; i < 4; i++)
		have_read(i);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(w.n_done, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		CASE(a_client_that_comes_back_goes_behind_those_in_line),
		CASE(what_was_read_together_becomes_answers_one_in_a_turn_of_the_loop),
		CASE(a_list_whose_client_has_left_ends_once),
		CASE(who_waits_too_long_is_refused),
		CASE(a_list_asks_for_room_by_its_rows_and_no_more_than_a_page_becomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
