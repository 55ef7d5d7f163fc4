/* SPDX-License-Identifier: Apache-2.0
 *
 * A key that came before is known, and no other is, whatever became of it meanwhile: in memory, in a run, in one that
 * was merged, after a restart at any instant, with filters and without.  Random commits of new and old keys go against
 * a model, with segments of 64 keys, so that some thousands of them go through all of that.
 */
#include "queue/care.h"
#include "queue/idem.h"
#include "queue/store_sqlite.h"
#include "store_fixture.h"

#include <stdatomic.h>
#include <uv.h>

#define KEYS    65536
#define TURNS   700
#define BATCH   120

static uint32_t seed;

static uint32_t any(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- memory that is short -------------------------------------------------------------------------------- */

static atomic_uint short_of; /* every so many calls of the writer's finds none; 0: all do */
static uv_thread_t loop_thread;

static bool is_short(void)
{
	static atomic_uint calls;
	uv_thread_t self = uv_thread_self();

	return short_of && !uv_thread_equal(&self, &loop_thread) && (++calls * 2654435761u >> 12) % short_of == 0;
}

/* The linker puts these in place of those (local.mk); SQLite has its own. */
void *__real_malloc(size_t n), *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size), *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n), *__wrap_realloc(void *p, size_t n);
char *__real_strdup(const char *s), *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n)
{
	return is_short() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_short() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return is_short() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return is_short() ? NULL : __real_strdup(s);
}

/* ---- in memory ------------------------------------------------------------------------------------------- */

static uint64_t random_hash(const struct idem_shape *s, uint64_t n)
{
	uint8_t khash[16] = {0};

	memcpy(khash, &n, sizeof n);
	return idem_hash(s, 1, khash);
}

static void an_entry_says_hash_and_number(void **state)
{
	static const struct idem_shape shapes[] = {{16, 11, 6}, {6, 3, 0}};
	uint8_t octets[IDEM_ENTRY];

	for (int s = 0; s < 2; s++)
		for (unsigned level = 0; level < IDEM_LEVELS; level++)
			for (uint64_t n = 0; n < 1000; n++) {
				uint64_t hash = random_hash(&shapes[s], n), its, offset;
				uint64_t at = (n * UINT64_C(0x9e3779b97f4a7c15)) % idem_run_size(&shapes[s], level);

				idem_entry_put(&shapes[s], level, hash, at, octets);
				idem_entry_get(&shapes[s], level, idem_part(&shapes[s], level, hash), octets, &its,
					&offset);
				assert_true(its == hash);
				assert_true(offset == at);
			}
}

static bool passes(const struct idem_shape *s, unsigned level, const uint8_t *filter, uint64_t hash)
{
	struct idem_probe probe = idem_filter_probe(s, hash);

	return idem_filter_maybe(&probe, level, filter);
}

static void a_filter_denies_nothing_that_is_there_and_little_else_passes(void **state)
{
	const struct idem_shape s = IDEM_SHAPE;

	for (unsigned level = 0; level < 3; level++) {
		uint64_t n = idem_run_size(&s, level), n_passed = 0;
		size_t size = idem_filter_size(&s, level);
		uint8_t *filter = calloc(idem_run_units(&s, level), size);

		for (uint64_t i = 0; i < n; i++) {
			uint64_t hash = random_hash(&s, i);

			idem_filter_add(&s, level,
				filter + size * idem_prefix(hash, idem_run_bits(&s, level) - s.unit), hash);
		}
		for (uint64_t i = 0; i < n; i++)
			assert_true(passes(&s, level, filter, random_hash(&s, i)));
		for (uint64_t i = 0; i < 200000; i++)
			n_passed += passes(&s, level, filter, random_hash(&s, n + i));
		print_message("level %u: %.3f %% pass\n", level, (double)n_passed / 2000);
		assert_true(n_passed < (level < 2 ? 600 : 3600));
		free(filter);
	}
}

static bool is_in(const struct idem_segment *g, uint64_t hash, uint64_t want)
{
	uint32_t at = 0;
	uint64_t n;

	while (idem_segment_find(g, hash, &at, &n))
		if (n == want)
			return true;
	return false;
}

static void a_segment_forgets_what_was_not_to_be(void **state)
{
	const struct idem_shape s = {.segment = 8, .unit = 5, .part = 2};
	struct idem_segment *g = idem_segment_new(&s, 512);

	for (uint64_t n = 600; n < 768; n++) /* some share a hash */
		idem_segment_add(g, n, random_hash(&s, n / 3));
	idem_segment_cut(g, 700);
	for (uint64_t n = 512; n < 768; n++)
		assert_int_equal(is_in(g, random_hash(&s, n / 3), n), n >= 600 && n < 700);
	for (uint64_t n = 700; n < 768; n++)
		idem_segment_add(g, n, random_hash(&s, n));
	for (uint64_t n = 700; n < 768; n++)
		assert_true(is_in(g, random_hash(&s, n), n));
	idem_segment_cut(g, 0);
	for (uint64_t n = 600; n < 768; n++)
		assert_false(is_in(g, random_hash(&s, n), n));
	idem_segment_free(g);
}

/* ---- the model ------------------------------------------------------------------------------------------- */

static struct known {
	bool known;
	unsigned day;   /* generation */
	uint8_t body;
	unsigned answer;
} known[KEYS];
static unsigned n_keys = KEYS / 4; /* that come at most */

static unsigned day, n_answers, newest, shortage;

static struct try {
	struct op_accept accept;
	struct store_idem idem;
	struct store_accept item;
	unsigned key;
	uint8_t body;
	bool fails;     /* its message is there already */
	char answer[16];
	bool done;
} tries[BATCH];

static void forget_all(void)
{
	memset(known, 0, sizeof known);
	day = n_answers = newest = 0;
}

/* Keys come in pairs that share all bits of the hash that the store keeps. */
static void name_key(struct store_idem *i, unsigned key)
{
	static const struct idem_shape s = {.part = 0};
	uint64_t low = (key / 2 + 1) * UINT64_C(0x9e3779b97f4a7c15), high = low ^ 0x55;
	uint8_t plain[16];

	i->client = 3;
	memcpy(plain, &low, 8);
	memcpy(plain + 8, &high, 8);
	if (key % 2) {
		low ^= high * UINT64_C(0x9e3779b97f4a7c15) + 3;
		high++;
		low ^= high * UINT64_C(0x9e3779b97f4a7c15) + 3;
	}
	memcpy(i->khash, &low, 8);
	memcpy(i->khash + 8, &high, 8);
	assert_true(idem_hash(&s, 3, i->khash) == idem_hash(&s, 3, plain));
}

static void make_try(struct try *t, unsigned key, bool fails)
{
	static struct message there = {.id = 1, .to = 1, .from = "x", .n_from = 1, .text = "t", .n_text = 1, .n_parts = 1};

	free(t->idem.ret_answer);
	*t = (struct try){.key = key, .body = (uint8_t)any(2), .item = {.m = &there}, .fails = fails};
	name_key(&t->idem, key);
	t->idem.bhash[0] = t->body;
	snprintf(t->answer, sizeof t->answer, "%u", ++n_answers);
	t->idem.answer = t->answer;
	t->accept = (struct op_accept){.op = {.kind = OP_ACCEPT, .rows = 1, .done = fixture_op_done, .arg = &t->done},
		.items = &t->item, .n_items = t->fails, .idem = &t->idem};
}

/* What a look-up must say, in the order in which they were staged; and what is known then. */
static void judge(struct try *t)
{
	struct known *k = &known[t->key];
	unsigned answer = (unsigned)atoi(t->answer);

	if (short_of && t->accept.op.r == -EIO)
		return; /* refused is neither */
	if (k->known && k->day + 1 >= day) {
		if (t->accept.op.r != -EEXIST)
			fail_msg("key %u of day %u (%u) is known and was said to be new (%d)", t->key, k->day, day, t->accept.op.r);
		assert_int_equal(t->idem.ret_same_body, t->body == k->body);
		assert_int_equal(atoi(t->idem.ret_answer), k->answer);
	} else if (t->fails) {
		assert_int_equal(t->accept.op.r, -EIO);
	} else {
		if (t->accept.op.r)
			fail_msg("key %u is new and was refused (%d)", t->key, t->accept.op.r);
		*k = (struct known){true, day, t->body, answer};
	}
}

static void run_tries(struct fixture *f, unsigned n)
{
	short_of = shortage;
	for (unsigned i = 0; i < n; i++)
		store_stage(f->store, STORE_BULK, &tries[i].accept.op);
	while (!tries[n - 1].done)
		uv_run(&f->loop, UV_RUN_ONCE);
	for (unsigned i = 0; i < n; i++)
		judge(&tries[i]);
	short_of = 0;
}

static unsigned choose_key(void)
{
	unsigned what = any(20);

	if (what < 13 || !newest)
		return newest < n_keys - 1 ? newest++ : any(n_keys);
	if (what < 17)
		return newest - 1 - any(newest < 150 ? newest : 150);
	return any(newest);
}

static void copy(const char *from, const char *to)
{
	char buf[65536];
	size_t n;
	FILE *a = fopen(from, "r"), *b = fopen(to, "w");

	assert_non_null(b);
	while (a && (n = fread(buf, 1, sizeof buf, a)) > 0)
		assert_int_equal(fwrite(buf, 1, n, b), n);
	if (a)
		fclose(a);
	assert_int_equal(fclose(b), 0);
}

static void remove_database(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	char file[128];

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
}

/* As a process finds it that comes after one that was killed: without what a close brings there. */
static void kill_and_open(struct fixture *f)
{
	static char path[96], wal[104], kept[104], kept_wal[112];

	snprintf(path, sizeof path, "%s/db", f->dir);
	snprintf(wal, sizeof wal, "%s-wal", path);
	snprintf(kept, sizeof kept, "%s/kept", f->dir);
	snprintf(kept_wal, sizeof kept_wal, "%s-wal", kept);
	copy(path, kept);
	copy(wal, kept_wal);
	fixture_close(f);
	remove_database(path);
	assert_int_equal(rename(kept, path), 0);
	assert_int_equal(rename(kept_wal, wal), 0);
	assert_int_equal(fixture_open(f), 0);
}

static void next_day(struct fixture *f)
{
	struct op_stream rotate = {0};

	fixture_close(f);
	sql(f, "UPDATE meta SET v = v - 86400001 WHERE k = 'idem_at'");
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(put(f, OP_IDEM_ROTATE, &rotate.op), 0);
	day++;
}

static unsigned purge(struct fixture *f, unsigned limit)
{
	struct op_purge o = {.limit = limit};

	assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	return (unsigned)o.ret_n;
}

static void look_at_all(struct fixture *f)
{
	for (unsigned key = 0; key < n_keys;) {
		unsigned n = 0;

		for (; key < n_keys && n < BATCH; key++)
			if (known[key].known && known[key].day + 1 >= day)
				make_try(&tries[n++], key, false);
		if (n)
			run_tries(f, n);
	}
}

static unsigned small_bits = 6; /* 9: filters of small and of large runs have not the same size */

static struct fixture *open_small(uint64_t filter_octets)
{
	struct fixture *f;
	struct message m = {.id = 1, .to = 1, .from = "x", .n_from = 1, .text = "t", .n_text = 1, .n_parts = 1};
	void *state;

	assert_int_equal(fixture_setup(&state), 0);
	f = state;
	fixture_close(f);
	remove_database(f->path);
	f->conf.idem_bits = small_bits;
	f->conf.unsafe_no_sync = true; /* nothing here loses what was written */
	f->conf.idem_filter_octets = filter_octets;
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(accept_message(f, &m, 0), 0);
	forget_all();
	return f;
}

/* ---- checked from outside -------------------------------------------------------------------------------- */

static void note(void *arg, const struct care_finding *found)
{
	char *text = arg;

	snprintf(text + strlen(text), 200 - strlen(text), "%s %lld, ", found->code, (long long)found->n);
}

/* What is said of a database that nobody has open, after `spoil`; which is taken back. */
static const char *check_after(const struct fixture *f, const char *spoil)
{
	struct idem_shape small = {small_bits, small_bits - 3, small_bits - 6}; /* as the store makes it */
	static char text[200];
	sqlite3 *db;

	*text = 0;
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	if (sqlite3_exec(db, spoil, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", spoil, sqlite3_errmsg(db));
	assert_true(!*spoil || sqlite3_changes(db) > 0);
	care_keys(db, &small, note, text);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	return text;
}

static void live(struct fixture *f, unsigned turns)
{
	unsigned n_failed = 0, most_level = 0, n_rows = 0;

	for (unsigned turn = 0; turn < turns; turn++) {
		unsigned n = any(8) ? 1 + any(BATCH) : 1;

		for (unsigned i = 0; i < n; i++) {
			bool fails = n_failed < 12 && any(300) == 0;

			n_failed += fails;
			make_try(&tries[i], choose_key(), fails);
		}
		run_tries(f, n);
		switch (any(40)) {
		case 0:
			fixture_close(f);
			assert_string_equal(check_after(f, ""), "");
			assert_int_equal(fixture_open(f), 0);
			break;
		case 1: kill_and_open(f); break;
		case 2:
		case 3: purge(f, 1 + any(200)); break;
		case 4:
			if (any(4) == 0)
				next_day(f);
			break;
		case 5:
			if (sql(f, "SELECT max(level) FROM idem_run WHERE whole") > most_level)
				most_level = (unsigned)sql(f, "SELECT max(level) FROM idem_run WHERE whole");
			break;
		}
	}
	look_at_all(f);
	kill_and_open(f);
	look_at_all(f);
	while (purge(f, 1000) >= 1000)
		;
	look_at_all(f);
	n_rows = (unsigned)count(f, "idem");
	print_message("%u keys, %u days, level %u, %u left in %lld runs\n", newest, day, most_level, n_rows,
		(long long)count(f, "idem_run"));
	assert_true(most_level >= 2);
	assert_true(day >= 2);
	assert_true(count(f, "idem_run") < 40);
}

static void close_small(struct fixture *f)
{
	void *state = f;

	for (unsigned i = 0; i < BATCH; i++) {
		free(tries[i].idem.ret_answer);
		tries[i].idem.ret_answer = NULL;
	}
	fixture_teardown(&state);
}

static void keys_are_known_as_long_as_promised(void **state)
{
	for (uint32_t round = 1; round <= 3; round++) {
		struct fixture *f = open_small(0);

		seed = round;
		live(f, TURNS);
		close_small(f);
	}
}

static void so_they_are_in_larger_runs(void **state)
{
	struct fixture *f;

	small_bits = 9;
	n_keys = KEYS;
	f = open_small(0);
	seed = 1;
	live(f, 4 * TURNS);
	close_small(f);
	small_bits = 6;
	n_keys = KEYS / 4;
}

static void so_they_are_without_filters(void **state)
{
	/* None at all, and so few that the oldest have to go. */
	for (uint32_t round = 1; round <= 2; round++) {
		struct fixture *f = open_small(round == 1 ? 1 : 5000);

		seed = round;
		live(f, TURNS / 2);
		close_small(f);
	}
}

static void so_they_are_while_memory_is_short(void **state)
{
	static const unsigned every[] = {7, 30, 200};

	for (uint32_t round = 0; round < 3; round++) {
		struct fixture *f = open_small(0);

		seed = round + 1;
		shortage = every[round];
		live(f, TURNS / 2);
		shortage = 0;
		look_at_all(f);
		close_small(f);
	}
}

static void bring_new_keys(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		make_try(&tries[i], newest++, false);
	run_tries(f, n);
}

/* A code must not wait for what an array left to be done. */
static void what_many_keys_leave_to_be_done_burdens_no_commit_without_keys(void **state)
{
	struct fixture *f = open_small(0);
	struct op_stream none = {0};

	seed = 7;
	for (unsigned turn = 0; turn < 40; turn++) {
		int64_t units;

		bring_new_keys(f, BATCH);
		units = count(f, "idem_filter");
		assert_int_equal(put(f, OP_IDEM_ROTATE, &none.op), 0);
		assert_in_range(count(f, "idem_filter") - units, 0, 1);
	}
	assert_true(sql(f, "SELECT count(*) FROM idem_run WHERE level > 0 AND whole") > 0);
	close_small(f);
}

/* Runs that cannot be written are no reason to refuse anything. */
static void operations_go_on_when_runs_cannot_be_written(void **state)
{
	struct fixture *f = open_small(0);
	struct op_stream none = {0};

	seed = 8;
	bring_new_keys(f, BATCH);
	sql(f, "CREATE TRIGGER full BEFORE INSERT ON idem_part BEGIN SELECT raise(ABORT, 'full'); END");
	for (unsigned turn = 0; turn < 10; turn++) {
		bring_new_keys(f, turn % 2 ? BATCH : 1);
		assert_int_equal(put(f, OP_IDEM_ROTATE, &none.op), 0);
	}
	look_at_all(f);
	sql(f, "DROP TRIGGER full");
	for (unsigned turn = 0; turn < 10; turn++)
		bring_new_keys(f, BATCH);
	assert_true(sql(f, "SELECT count(*) FROM idem_run WHERE whole") > 0);
	look_at_all(f);
	kill_and_open(f);
	look_at_all(f);
	close_small(f);
}

/* Everything is aged: nothing stays. */
static void what_has_aged_leaves_nothing(void **state)
{
	struct fixture *f = open_small(0);

	seed = 5;
	while (newest < 3000)
		bring_new_keys(f, BATCH);
	assert_true(count(f, "idem_run") > 3);
	next_day(f);
	next_day(f);
	while (purge(f, 700) >= 700)
		;
	assert_int_equal(count(f, "idem"), 0);
	assert_int_equal(count(f, "idem_run"), 0);
	assert_int_equal(count(f, "idem_part"), 0);
	assert_int_equal(count(f, "idem_filter"), 0);
	kill_and_open(f);
	make_try(&tries[0], 7, false);
	run_tries(f, 1);
	assert_true(sql(f, "SELECT n FROM idem") >= 3000); /* no number comes again */
	close_small(f);
}

/* Rotation and retention in one commit, while a run of what ages is being written. */
static void a_run_that_ages_is_given_up(void **state)
{
	struct fixture *f = open_small(0);

	seed = 6;
	for (unsigned turn = 0; turn < 5; turn++) {
		struct op_stream rotate = {.op = {.kind = OP_IDEM_ROTATE, .rows = 1, .done = fixture_op_done}};
		struct op_purge aged = {.op = {.kind = OP_PURGE, .rows = 1, .done = fixture_op_done}, .limit = 10000};
		bool rotated = false, purged = false;

		rotate.op.arg = &rotated;
		aged.op.arg = &purged;
		bring_new_keys(f, 100);
		next_day(f);
		fixture_close(f);
		sql(f, "UPDATE meta SET v = v - 86400001 WHERE k = 'idem_at'");
		assert_int_equal(fixture_open(f), 0);
		for (unsigned i = 0; i < 3; i++)
			bring_new_keys(f, 1);
		make_try(&tries[0], newest++, false);
		store_stage(f->store, STORE_BULK, &tries[0].accept.op); /* keeps the writer busy for the moment */
		store_stage(f->store, STORE_SETTLE, &rotate.op);
		store_stage(f->store, STORE_SETTLE, &aged.op);
		while (!tries[0].done || !rotated || !purged)
			uv_run(&f->loop, UV_RUN_ONCE);
		day++;
	}
	while (purge(f, 1000) >= 1000)
		;
	assert_int_equal(count(f, "idem_run"), 0);
	assert_int_equal(count(f, "idem_part"), 0);
	assert_int_equal(count(f, "idem_filter"), 0);
	close_small(f);
}

/* Of the writer's, which has nothing to do just now. */
static unsigned runs_without_filter(const struct fixture *f)
{
	const struct idem_keys *k = &f->store->writer.keys;
	unsigned n = 0;

	for (unsigned i = 0; i < k->n_runs; i++)
		n += !k->runs[i].filter;
	return n;
}

/* There is room for the filters of two large runs and some small ones; but not while the second large one is made. */
static void a_filter_that_had_to_go_comes_back(void **state)
{
	struct fixture *f = open_small(5000);
	unsigned gone = 0;

	(void)state;
	while (sql(f, "SELECT count(*) FROM idem_run WHERE whole AND level = 1") < 2) {
		bring_new_keys(f, 10);
		gone = gone > runs_without_filter(f) ? gone : runs_without_filter(f);
	}
	assert_true(gone > 0);
	assert_true(runs_without_filter(f) > 0);
	for (unsigned i = 0; i < 8; i++)
		bring_new_keys(f, 1);
	assert_int_equal(runs_without_filter(f), 0);
	assert_true(f->store->writer.keys.filter_octets <= 5000);
	look_at_all(f);
	close_small(f);
}

static void a_check_finds_runs_that_are_not_those_of_the_keys(void **state)
{
	/* The youngest run that is whole: nobody has merged it. */
#define RUN "(SELECT level << 56 | n FROM idem_run WHERE whole ORDER BY level, n DESC LIMIT 1)"
#define UNIT "(SELECT level << 56 | n >> 3 FROM idem_run WHERE whole ORDER BY level, n DESC LIMIT 1)"
#define PART "(SELECT min(k) FROM idem_part WHERE k >= " RUN ")"
	static const struct {
		const char *spoil, *found;
	} t[] = {
		{"", ""},
		{"UPDATE idem_part SET entries = entries || entries WHERE k = " PART, "key_runs_wrong 1, "},
		{"UPDATE idem_part SET entries = entries || x'00' WHERE k = " PART, "key_runs_wrong 1, "},
		/* In another's place: by its upper bits it is another key. */
		{"UPDATE idem_part SET entries = (SELECT entries FROM idem_part WHERE k > " PART
		 " ORDER BY k LIMIT 1) WHERE k = " PART,
			"key_runs_wrong 1, key_filters_wrong 1, "},
		{"DELETE FROM idem_part WHERE k = " PART, "key_runs_wrong 1, key_filters_wrong 1, "},
		{"INSERT INTO idem_part VALUES (1 << 40, x'0000000000000000')", "key_parts_of_nothing 1, "},
		{"UPDATE idem_filter SET bits = zeroblob(length(bits)) WHERE k = " UNIT, "key_filters_wrong 1, "},
		{"DELETE FROM idem_filter WHERE k = " UNIT, "key_filters_wrong 1, "},
		/* Of another size: nobody asks it. */
		{"UPDATE idem_filter SET bits = zeroblob(length(bits) + 32) WHERE k = " UNIT, ""},
		{"DELETE FROM idem WHERE n = " RUN " & 0xffffffff", "key_runs_wrong 1, "},
		{"UPDATE idem SET khash = zeroblob(16) WHERE n = " RUN " & 0xffffffff", "key_runs_wrong 1, "},
		{"UPDATE idem SET client = client + 1 WHERE n = " RUN " & 0xffffffff", "key_runs_wrong 1, "},
	};
	struct fixture *f = open_small(0);

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		bring_new_keys(f, 100);
	fixture_close(f);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		if (strcmp(check_after(f, t[i].spoil), t[i].found))
			fail_msg("%s: %s", t[i].spoil, check_after(f, t[i].spoil));
	/* Between the last run and what is read into memory. */
	assert_non_null(strstr(check_after(f, "DELETE FROM idem_run WHERE n = (SELECT min(n) FROM idem_run)"),
		"keys_in_no_run"));
	assert_int_equal(fixture_open(f), 0);
	close_small(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_says_hash_and_number),
		cmocka_unit_test(a_filter_denies_nothing_that_is_there_and_little_else_passes),
		cmocka_unit_test(a_segment_forgets_what_was_not_to_be),
		cmocka_unit_test(keys_are_known_as_long_as_promised),
		cmocka_unit_test(so_they_are_in_larger_runs),
		cmocka_unit_test(so_they_are_without_filters),
		cmocka_unit_test(so_they_are_while_memory_is_short),
		cmocka_unit_test(what_many_keys_leave_to_be_done_burdens_no_commit_without_keys),
		cmocka_unit_test(operations_go_on_when_runs_cannot_be_written),
		cmocka_unit_test(a_run_that_ages_is_given_up),
		cmocka_unit_test(what_has_aged_leaves_nothing),
		cmocka_unit_test(a_filter_that_had_to_go_comes_back),
		cmocka_unit_test(a_check_finds_runs_that_are_not_those_of_the_keys),
	};

	loop_thread = uv_thread_self();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
