/* SPDX-License-Identifier: Apache-2.0
 *
 * store_ops.c -- opening, the operations that only put rows down, and what happens when a commit fails.
 */
#include "store_fixture.h"

#include <sys/wait.h>

#include "queue/names.h"

/* ---- opening ------------------------------------------------------------------------------------------------ */

static void a_new_database_has_the_settings_it_keeps(void **state)
{
	struct fixture *f = *state;

	assert_true(f->boot.fresh);
	assert_int_equal(f->boot.low_water, f->boot.next_id);
	assert_int_equal(f->boot.indexed_to, f->boot.next_id);
	assert_int_equal(f->boot.next_lane, 1);
	assert_int_equal(sql(f, "PRAGMA user_version"), 10);
	assert_int_equal(sql(f, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(sql(f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
}

static void ids_are_never_given_twice(void **state)
{
	struct fixture *f = *state;
	uint64_t first = f->boot.next_id;
	struct op_reserve o = {0};

	assert_int_equal(put(f, OP_RESERVE, &o.op), 0);
	assert_int_equal(o.ret_from, first + 65536);
	fixture_reopen(f);
	assert_false(f->boot.fresh);
	assert_int_equal(f->boot.next_id, first + 2 * 65536);
}

static void the_node_is_in_the_id_and_may_not_change(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	f->conf.node = 5;
	assert_int_equal(fixture_open(f), -EINVAL);
	assert_non_null(strstr(f->err, "node 0, not 5"));
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(f->boot.next_id >> MSG_COUNTER_BITS, 5);
}

static void a_second_process_is_refused(void **state)
{
	struct fixture *f = *state;
	int status, pipe_fd[2];
	char text[256] = "";
	pid_t pid;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	if (!pid) {
		struct store *other;
		struct store_boot boot;
		uv_loop_t loop;
		int r;

		uv_loop_init(&loop);
		r = store_open(&loop, &f->conf, &other, &boot, f->err, sizeof f->err);
		if (write(pipe_fd[1], f->err, strlen(f->err)) < 0)
			_exit(2);
		_exit(r == -EBUSY ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(read(pipe_fd[0], text, sizeof text - 1) > 0);
	assert_non_null(strstr(text, "in use by another process"));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void a_newer_schema_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	sql(f, "PRAGMA user_version = 99");
	assert_int_equal(fixture_open(f), -EINVAL);
	assert_non_null(strstr(f->err, "newer"));
	sql(f, "PRAGMA user_version = 10");
	assert_int_equal(fixture_open(f), 0);
}

/* Columns of the newest tables; of a new database and of one that was brought forward they are the same. */
#define NEW_COLUMNS \
	"SELECT count(*) FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.name LIKE 'inbound%'" \
	" OR s.name LIKE 'idem%' OR s.name IN ('bound', 'body', 'submit', 'total')"

/* What accepting with this key says: 0, or -EEXIST with the answer of before. */
static int take_key(struct fixture *f, const char *key, const char *answer)
{
	struct store_idem idem = {.client = 3, .bhash = "body", .answer = "new"};
	struct op_accept o = {.idem = &idem};
	int r;

	memcpy(idem.khash, key, strlen(key));
	r = put(f, OP_ACCEPT, &o.op);
	if (r == -EEXIST) {
		assert_true(idem.ret_same_body);
		assert_string_equal(idem.ret_answer, answer);
	}
	free(idem.ret_answer);
	return r;
}

static void a_day_goes_by(struct fixture *f)
{
	struct op_stream rotate = {0};

	fixture_close(f);
	sql(f, "UPDATE meta SET v = v - 86400001 WHERE k = 'idem_at'");
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(put(f, OP_IDEM_ROTATE, &rotate.op), 0);
}

/* Version 1 did not keep how a message was cut; version 2 knew one hash of a parked receipt, and no forms; version 3 no
 * parts of inbound messages; version 4 neither TLVs nor the sender that went out; version 5 no
 * quotas; version 6 no digest of what a modem received; version 8 no totals; version 9 had its keys by hash. */
static void an_older_schema_is_brought_forward(void **state)
{
	static const char *const back[] = {
		"DROP TABLE idem",
		"DROP TABLE idem_run",
		"DROP TABLE idem_part",
		"DROP TABLE idem_filter",
		"INSERT INTO idem_0 VALUES (3, x'6b657900000000000000000000000000', x'626f6479000000000000000000000000', 'old')",
		"INSERT INTO idem_1 VALUES (3, x'6b657930000000000000000000000000', x'626f6479000000000000000000000000', 'older')",
		"DROP TABLE total",
		"DROP INDEX inbound_digest",
		"ALTER TABLE inbound DROP COLUMN digest",
		"DROP TABLE quota",
		"DROP TABLE quota_recipient",
		"DROP TABLE inbound_part",
		"DROP TABLE inbound_set",
		"ALTER TABLE inbound DROP COLUMN missing",
		"ALTER TABLE inbound DROP COLUMN parts",
		"INSERT INTO inbound VALUES (1, 5, 1, 1, '1', '2', 't', x'74', 0, 0)",
		"ALTER TABLE bound DROP COLUMN cut",
		"ALTER TABLE final DROP COLUMN receipt",
		"ALTER TABLE correction DROP COLUMN receipt",
		"DROP TABLE receipt",
		"DROP TABLE receipt_form",
		"DROP TABLE receipt_parked_id",
		"ALTER TABLE receipt_parked DROP COLUMN smsc_id2",
		"ALTER TABLE receipt_parked DROP COLUMN tlv",
		"ALTER TABLE receipt_parked DROP COLUMN other",
		"ALTER TABLE receipt_parked DROP COLUMN why",
		"ALTER TABLE receipt_parked DROP COLUMN ids",
		"ALTER TABLE receipt_parked DROP COLUMN taken",
		"CREATE INDEX receipt_parked_hash ON receipt_parked (hash)",
		"ALTER TABLE body DROP COLUMN tlvs",
		"ALTER TABLE submit DROP COLUMN sender",
		"INSERT INTO body VALUES (5, 'hello')",
		"INSERT INTO submit VALUES (1281, 1, 1, 'x')",
		"INSERT INTO bound VALUES (5, 1, 77, 2)",
		"INSERT INTO final VALUES (1281, 4, 9, 17, 0, NULL)",
		"INSERT INTO receipt_parked VALUES (1, 4711, 9, '0a3f', 12025550142, 4, 'DELIVRD', '000', 3)",
		"PRAGMA user_version = 1",
	};
	struct fixture *f = *state;
	int64_t columns = sql(f, NEW_COLUMNS), indexes;
	struct op_submit s = {.msg = {.id = f->boot.next_id, .n_parts = 1}, .part = 1, .at = 5, .link = 9, .hash = 4711,
		.to = 12025550142, .smsc_id = "0A3F", .last = true};

	indexes = sql(f, "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name LIKE 'inbound%'");
	assert_int_equal(indexes, 4);
	fixture_close(f);
	for (size_t i = 0; i < sizeof back / sizeof *back; i++)
		sql(f, back[i]);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(sql(f, "PRAGMA user_version"), 10);
	assert_int_equal(sql(f, NEW_COLUMNS), columns);
	assert_int_equal(sql(f, "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name LIKE 'inbound%'"),
		indexes);
	assert_int_equal(sql(f, "SELECT parts = 1 AND missing IS NULL FROM inbound"), 1);
	assert_int_equal(sql(f, "SELECT count(*) FROM body WHERE tlvs IS NULL"), 1);
	assert_int_equal(sql(f, "SELECT count(*) FROM submit WHERE sender IS NULL"), 1);
	assert_int_equal(sql(f, "SELECT cut FROM bound WHERE id = 5 AND ref = 77"), 0);
	assert_int_equal(sql(f, "SELECT receipt FROM final WHERE key = 1281"), 0);
	assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_int_equal(s.ret_claimed, 1); /* what was parked before is found by its hash */
	assert_int_equal(count(f, "receipt_parked"), 0);
	assert_int_equal(count(f, "receipt_parked_id"), 0);

	/* Keys of before age as they would have: the generation of idem_0 is the current one. */
	assert_int_equal(take_key(f, "key", "old"), -EEXIST);
	assert_int_equal(take_key(f, "key0", "older"), -EEXIST);
	assert_int_equal(take_key(f, "key1", ""), 0);
	a_day_goes_by(f);
	assert_int_equal(take_key(f, "key", "old"), -EEXIST);
	assert_int_equal(take_key(f, "key0", ""), 0);
	a_day_goes_by(f);
	assert_int_equal(take_key(f, "key", ""), 0);
	assert_int_equal(take_key(f, "key0", "new"), -EEXIST);
	assert_int_equal(take_key(f, "key1", ""), 0);
	assert_int_equal(count(f, "idem_0") + count(f, "idem_1"), 0);
}

static void somebody_elses_database_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	assert_int_equal(unlink(f->path), 0);
	sql(f, "CREATE TABLE recipes (id)");
	assert_int_equal(fixture_open(f), -EINVAL);
	assert_non_null(strstr(f->err, "not one of Posthorn"));
	assert_int_equal(count(f, "recipes"), 0);
}

/* While the store is open: by a commit of somebody else, so that no connection trusts the pages that it remembers. */
static void damage_root(const struct fixture *f, const char *table)
{
	uint8_t rubbish[4096];
	sqlite3_stmt *st;
	sqlite3 *db;
	char sql[100];
	int64_t page;
	FILE *file;

	snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE meta SET v = v; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), 0);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	page = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	memset(rubbish, 0xa5, sizeof rubbish);
	file = fopen(f->path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, (page - 1) * 4096, SEEK_SET), 0);
	assert_int_equal(fwrite(rubbish, 1, sizeof rubbish, file), sizeof rubbish);
	fclose(file);
}

static void damage_stops_only_what_cannot_be_stored(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_lookup row = {.hash = 7, .id = m.id};
	struct op_lookup lookup = {.run = m.id >> 16, .rows = &row, .n_rows = 1};

	assert_int_equal(accept_message(f, &m, 7), 0);
	damage_root(f, "lookup");
	assert_int_equal(put(f, OP_LOOKUP, &lookup.op), -EIO);
	assert_int_equal(store_damage(f->store), DAMAGE_READING);
	m.id++;
	assert_int_equal(accept_message(f, &m, 7), 0);
	damage_root(f, "body");
	m.id++;
	assert_int_equal(accept_message(f, &m, 7), -EIO);
	assert_int_equal(store_damage(f->store), DAMAGE_WRITING);
}

static void garbage_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	fixture_close(f);
	file = fopen(f->path, "w");
	for (int i = 0; i < 10000; i++)
		fputs("garbage ", file);
	fclose(file);
	assert_int_equal(fixture_open(f), -EUCLEAN);
	assert_non_null(strstr(f->err, "not a database"));
	f->store = NULL;
}

static void events_move_when_the_number_of_shards_changes(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 10; i++) {
		struct op_inbound o = {.client = 3, .endpoint = 3, .from = "1", .to = "2", .text = "t", .n_text = 1};

		assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	}
	assert_int_equal(sql(f, "SELECT count(*) FROM event WHERE shard = key % 4"), 10);
	fixture_close(f);
	f->conf.shards = 3;
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM event WHERE shard = key % 3"), 10);
}

/* ---- accepting ---------------------------------------------------------------------------------------------- */

static void places_of_accepted_messages(void **state)
{
	struct fixture *f = *state;
	struct message m[3] = {fixture_message(f->boot.next_id), fixture_message(f->boot.next_id + 1),
		fixture_message(f->boot.next_id + 2)};
	struct store_accept items[3] = {
		{.m = &m[0], .place = PLACE_MEMORY, .leased = 5, .link = 9, .ref = 300, .bound_parts = 3},
		{.m = &m[1], .place = PLACE_BACKLOG, .lane = 2, .seq = m[1].id},
		{.m = &m[2], .place = PLACE_DUE},
	};
	struct op_accept o = {.items = items, .n_items = 3};

	m[2].send_at_ms = 1700000999999;
	assert_int_equal(put(f, OP_ACCEPT, &o.op), 0);
	assert_int_equal(count(f, "message"), 3);
	assert_int_equal(count(f, "body"), 3);
	assert_int_equal(sql(f, "SELECT count(*) FROM lease WHERE (key & 255) IN (1, 3) AND link = 9"), 2);
	assert_int_equal(sql(f, "SELECT ref = 300 AND parts = 3 AND link = 9 FROM bound"), 1);
	/* 1700086400000 ms = 28334773 min 20 s: the minute is rounded up */
	assert_int_equal(sql(f, "SELECT end FROM backlog WHERE lane = 2"), 28334774);
	assert_int_equal(sql(f, "SELECT at = 1700000999999 AND reason = 1 FROM due"), 1);
	assert_int_equal(sql(f, "SELECT count(*) FROM message WHERE send_at IS NULL"), 2);
}

static void idempotency_survives_a_restart_and_two_generations(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_accept item = {.m = &m};
	struct store_idem idem = {.client = 3, .khash = "key", .bhash = "body", .answer = "{\"id\":1}"};
	struct op_accept o = {.items = &item, .n_items = 1, .idem = &idem};
	struct op_stream rotate = {0};

	assert_int_equal(put(f, OP_ACCEPT, &o.op), 0);
	for (int days = 0; days < 3; days++) {
		m.id++;
		assert_int_equal(put(f, OP_ACCEPT, &o.op), days < 2 ? -EEXIST : 0);
		if (days < 2) {
			assert_true(idem.ret_same_body);
			assert_string_equal(idem.ret_answer, "{\"id\":1}");
		}
		assert_int_equal(count(f, "message"), days < 2 ? 1 : 2);
		assert_int_equal(put(f, OP_IDEM_ROTATE, &rotate.op), 0); /* too early: nothing */
		fixture_close(f);
		sql(f, "UPDATE meta SET v = v - 86400001 WHERE k = 'idem_at'");
		assert_int_equal(fixture_open(f), 0);
		assert_int_equal(put(f, OP_IDEM_ROTATE, &rotate.op), 0);
	}
	idem.bhash[0]++;
	m.id++;
	assert_int_equal(put(f, OP_ACCEPT, &o.op), -EEXIST);
	assert_false(idem.ret_same_body);
	idem.client = 4; /* another client's key is another key */
	assert_int_equal(put(f, OP_ACCEPT, &o.op), 0);
	free(idem.ret_answer);
}

static void a_stream_goes_on_where_it_was(void **state)
{
	struct fixture *f = *state;
	struct op_stream o = {.progress = {.client = 3, .name = "import"}};
	struct store_progress p = {.client = 3, .name = "import", .rows = 1000, .accepted = 990, .rejected = 10,
		.digest = "0123456789abcde"};
	struct op_accept a = {.progress = &p};
	struct q_stream q = {.progress = {.client = 3, .name = "import"}};

	assert_int_equal(ask(f, Q_STREAM, &q.q), -ENOENT);
	assert_int_equal(put(f, OP_STREAM, &o.op), 0);
	assert_int_equal(put(f, OP_ACCEPT, &a.op), 0);
	fixture_reopen(f);
	assert_int_equal(put(f, OP_STREAM, &o.op), -EEXIST);
	assert_int_equal(o.progress.rows, 1000);
	assert_int_equal(o.progress.accepted, 990);
	assert_int_equal(o.progress.rejected, 10);
	assert_memory_equal(o.progress.digest, "0123456789abcde", 16);
	assert_false(o.progress.done);
	p.done = true;
	assert_int_equal(put(f, OP_ACCEPT, &a.op), 0);
	assert_int_equal(ask(f, Q_STREAM, &q.q), 0);
	assert_true(q.progress.done);
	sql(f, "UPDATE stream SET at = at - 172800001");
	assert_int_equal(put(f, OP_IDEM_ROTATE, &o.op), 0);
	assert_int_equal(ask(f, Q_STREAM, &q.q), -ENOENT);
}

/* ---- small operations --------------------------------------------------------------------------------------- */

static void leases_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct op_lease o = {.id = f->boot.next_id, .parts = UINT64_C(1) << 63 | 2, .link = 4, .ref = 8, .bound_parts = 64};

	assert_int_equal(put(f, OP_LEASE, &o.op), 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM lease WHERE (key & 255) IN (2, 64)"), 2);
	assert_int_equal(sql(f, "SELECT parts FROM bound"), 64);
	assert_int_equal(put(f, OP_UNLEASE, &o.op), 0);
	assert_int_equal(count(f, "lease"), 0);
	assert_int_equal(count(f, "bound"), 1);
}

static void a_due_row_becomes_a_backlog_row(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_accept item = {.m = &m, .place = PLACE_DUE};
	struct op_accept a = {.items = &item, .n_items = 1};
	struct op_due_fire o = {.at = 5, .key = msg_key(m.id, 0), .lane = 3, .seq = m.id + 9, .end_minute = 12};
	struct op_backlog_delete d = {.lane = 3, .seq = m.id + 9};

	m.send_at_ms = 5;
	assert_int_equal(put(f, OP_ACCEPT, &a.op), 0);
	assert_int_equal(put(f, OP_DUE_FIRE, &o.op), 0);
	assert_int_equal(count(f, "due"), 0);
	assert_int_equal(sql(f, "SELECT end = 12 AND seq = id + 9 FROM backlog WHERE lane = 3"), 1);
	assert_int_equal(put(f, OP_BACKLOG_DELETE, &d.op), 0);
	assert_int_equal(count(f, "backlog"), 0);
}

struct seen {
	unsigned n_names, n_lanes, n_cancels;
	uint64_t upto;
};

static void see_name(void *arg, enum name_kind kind, uint32_t id, const char *text)
{
	assert_int_equal(kind, NAME_LINK);
	assert_int_equal(id, 7);
	assert_string_equal(text, "acme");
	((struct seen *)arg)->n_names++;
}

static void see_lane(void *arg, const struct store_lane *l)
{
	assert_int_equal(l->class, CLASS_MARKETING);
	assert_int_equal(l->skip, 2);
	((struct seen *)arg)->n_lanes++;
}

static void see_cancel(void *arg, uint64_t n, uint32_t client, const char *tag, uint64_t upto_id)
{
	assert_string_equal(tag, "red");
	((struct seen *)arg)->n_cancels++;
	((struct seen *)arg)->upto = upto_id;
}

static void names_lanes_and_cancels_are_there_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct op_name name = {.kind = NAME_LINK, .id = 7, .text = "acme"};
	struct op_lane lane = {.lane = {.id = 4, .class = CLASS_MARKETING, .client = 1, .skip = 2}};
	struct op_lane empty = {.lane = {.id = 5, .class = CLASS_OTP, .client = 1}};
	struct op_cancel cancel = {.client = 3, .tag = "red", .upto_id = 99, .at = 1}, cancel2 = cancel;
	struct op_meta meta = {.low_water = f->boot.next_id + 17};
	struct op_due_fire row = {.key = msg_key(f->boot.next_id, 0), .lane = 4, .seq = 1};
	uint64_t low = meta.low_water;
	struct seen seen = {0};

	assert_int_equal(put(f, OP_NAME, &name.op), 0);
	assert_int_equal(put(f, OP_NAME, &name.op), 0);
	assert_int_equal(put(f, OP_LANE, &lane.op), 0);
	assert_int_equal(put(f, OP_LANE, &empty.op), 0);
	assert_int_equal(put(f, OP_DUE_FIRE, &row.op), 0);
	assert_int_equal(put(f, OP_CANCEL, &cancel.op), 0);
	assert_int_equal(put(f, OP_CANCEL, &cancel2.op), 0);
	assert_true(cancel.n != cancel2.n);
	assert_int_equal(put(f, OP_CANCEL_DONE, &cancel.op), 0);
	assert_int_equal(put(f, OP_META, &meta.op), 0);
	fixture_reopen(f);
	assert_int_equal(f->boot.low_water, low);
	assert_int_equal(f->boot.next_lane, 5);
	assert_int_equal(store_names(f->store, see_name, &seen), 0);
	assert_int_equal(store_lanes(f->store, see_lane, &seen), 0);
	assert_int_equal(store_cancels(f->store, see_cancel, &seen), 0);
	assert_int_equal(seen.n_names, 1);
	assert_int_equal(seen.n_lanes, 1);
	assert_int_equal(seen.n_cancels, 1);
	assert_int_equal(seen.upto, 99);
}

static void names_keep_their_numbers(void **state)
{
	struct fixture *f = *state;
	struct names *n = names_new();
	char text[20];

	assert_int_equal(names_load(n, f->store), 0);
	assert_int_equal(names_get(n, NAME_CLIENT, ""), 0);
	assert_int_equal(names_find(n, NAME_CLIENT, "shop"), 0);
	assert_int_equal(names_get(n, NAME_CLIENT, "shop"), 1);
	assert_int_equal(names_get(n, NAME_CLIENT, "shop"), 1);
	assert_int_equal(names_get(n, NAME_LINK, "shop"), 1); /* another kind counts apart */
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof text, "c%d", i);
		assert_int_equal(names_get(n, NAME_CAMPAIGN, text), i + 1);
	}
	fixture_reopen(f);
	assert_int_equal(count(f, "name"), 502);
	names_free(n);
	n = names_new();
	assert_int_equal(names_load(n, f->store), 0);
	assert_int_equal(names_find(n, NAME_CAMPAIGN, "c499"), 500);
	assert_int_equal(names_count(n, NAME_CAMPAIGN), 500);
	assert_int_equal(names_get(n, NAME_CAMPAIGN, "new"), 501);
	assert_int_equal(names_count(n, NAME_CAMPAIGN), 501);
	assert_string_equal(names_text(n, NAME_CAMPAIGN, 7), "c6");
	assert_string_equal(names_text(n, NAME_CAMPAIGN, 9999), "");
	assert_string_equal(names_text(n, NAME_CLIENT, 0), "");
	fixture_reopen(f);
	names_free(n);
}

static void words_are_those_of_the_api(void **state)
{
	static const char *const states[STATE_N] = {"scheduled", "queued", "sending", "sent", "delivered", "undelivered",
		"rejected", "expired", "cancelled", "unconfirmed"};

	for (int i = 0; i < STATE_N; i++) {
		assert_string_equal(msg_state_name(i), states[i]);
		assert_int_equal(msg_state_parse(states[i]), i);
	}
	for (int i = 0; i < REASON_N; i++)
		assert_string_not_equal(msg_reason_name(i), "unknown");
	assert_string_equal(msg_reason_name(REASON_N), "unknown");
	assert_int_equal(msg_class_parse("otp"), CLASS_OTP);
	assert_int_equal(msg_class_parse("OTP"), -EINVAL);
	assert_int_equal(msg_report_parse("none"), REPORT_NONE);
}

/* ---- events ------------------------------------------------------------------------------------------------- */

static void inbound_that_is_read_again_is_not_stored_again(void **state)
{
	struct fixture *f = *state;
	struct op_inbound o = {.link = 9, .client = 3, .endpoint = 3, .from = "1", .to = "2", .text = "t", .digest = 77};

	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_not_equal(o.n, 0);
	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_equal(o.n, 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM inbound"), 1);
	assert_int_equal(sql(f, "SELECT count(*) FROM event"), 1);
	o.digest = 1ull << 63;
	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	o.digest = 0; /* no telling: as often as it comes */
	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM inbound"), 4);
	assert_int_equal(sql(f, "SELECT count(*) FROM event"), 4);
}

static void inbound_makes_an_event_that_carries_it(void **state)
{
	struct fixture *f = *state;
	struct op_inbound o = {.at = 55, .link = 9, .client = 3, .endpoint = 3, .from = "+1202", .to = "12345",
		.text = "STOP", .n_text = 4, .raw = (const uint8_t *)"\x53\x00", .n_raw = 2, .dcs = 8, .esm_class = 0x40};
	struct q_events q = {.endpoint = 3, .limit = 9};

	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_equal(sql(f, "SELECT hex(raw) = '5300' AND esm_class = 64 FROM inbound"), 1);
	/* Its number is no key of a message, even if there were one. */
	sql(f, "INSERT INTO message VALUES (0, 3, 1, 1, 131072, 12025550142, 1, NULL, 1, 'SHOP', 'order', NULL)");
	q.shard = o.n % 4;
	assert_int_equal(ask(f, Q_EVENTS, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	assert_int_equal(q.rows[0].to, 0);
	assert_int_equal(q.rows[0].parts, 1);
	assert_int_equal(q.rows[0].kind, EVENT_INBOUND);
	assert_int_equal(q.rows[0].key, o.n);
	assert_int_equal(q.rows[0].at, 55);
	assert_int_equal(q.rows[0].link, 9);
	assert_string_equal(q.rows[0].in_from, "+1202");
	assert_string_equal(q.rows[0].in_to, "12345");
	assert_string_equal(q.rows[0].in_text, "STOP");
	assert_string_equal(q.rows[0].in_raw_hex, "5300");
	assert_int_equal(q.rows[0].in_dcs, 8);
	assert_int_equal(q.rows[0].in_esm_class, 0x40);
	store_query_done(&q.q);
}

static void events_end_die_and_come_back(void **state)
{
	struct fixture *f = *state;
	struct q_events q = {.endpoint = 3, .shard = 1, .limit = 2};
	struct q_webhooks w = {.endpoint = 3};
	struct op_events o = {.endpoint = 3, .shard = 1, .why = "410 Gone"};
	uint64_t last;

	for (unsigned i = 0; i < 5; i++) {
		struct op_inbound in = {.at = 100 + i, .client = 3, .endpoint = 3, .from = "", .to = "", .text = ""};

		assert_int_equal(put(f, OP_INBOUND, &in.op), 0);
		assert_int_equal(in.n, i + 1);
	}
	/* n = 1 and 5 lie in shard 1 */
	assert_int_equal(ask(f, Q_EVENTS, &q.q), 0);
	assert_int_equal(q.n_rows, 2);
	assert_false(q.more);
	last = q.rows[1].seq;
	o.from_seq = q.rows[0].seq;
	o.seq = q.rows[0].seq;
	store_query_done(&q.q);
	assert_int_equal(put(f, OP_EVENTS_DEAD, &o.op), 0);
	assert_int_equal(o.ret_n, 1);
	assert_int_equal(ask(f, Q_WEBHOOKS, &w.q), 0);
	assert_int_equal(w.waiting, 4);
	assert_int_equal(w.dead, 1);
	assert_int_equal(w.oldest_at, 101);
	o.seq = last;
	assert_int_equal(put(f, OP_EVENTS_DONE, &o.op), 0);
	assert_int_equal(o.ret_n, 1);
	assert_int_equal(count(f, "event"), 3);
	fixture_reopen(f);
	/* Dead ones come back behind everything that ever was, also over a restart: a cursor stands on `last`. */
	f->n_wakes = 0;
	o.since = 101;
	assert_int_equal(put(f, OP_EVENTS_REPLAY, &o.op), 0);
	assert_int_equal(o.ret_n, 0);
	o.since = 100;
	assert_int_equal(put(f, OP_EVENTS_REPLAY, &o.op), 0);
	assert_int_equal(o.ret_n, 1);
	assert_int_equal(f->n_wakes, 1);
	assert_int_equal(count(f, "dead"), 0);
	q.after_seq = last;
	assert_int_equal(ask(f, Q_EVENTS, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	assert_int_equal(q.rows[0].key, 1);
	store_query_done(&q.q);
}

/* ---- failures ----------------------------------------------------------------------------------------------- */

struct many {
	struct op_accept op;
	struct store_accept item;
	struct message m;
	unsigned *n_done, order;
	int r;
};

static unsigned last_order;

static void many_done(struct store_op *op)
{
	struct many *m = op->arg;

	m->r = op->r;
	assert_int_equal(m->order, last_order + 1);
	last_order = m->order;
	++*m->n_done;
}

static struct many *stage_many(struct fixture *f, unsigned n, unsigned *n_done)
{
	struct many *all = calloc(n, sizeof *all);

	*n_done = last_order = 0;
	for (unsigned i = 0; i < n; i++) {
		all[i].m = fixture_message(f->boot.next_id + i);
		all[i].item.m = &all[i].m;
		all[i].op = (struct op_accept){.op = {.kind = OP_ACCEPT, .rows = 1, .done = many_done, .arg = &all[i]},
			.items = &all[i].item, .n_items = 1};
		all[i].n_done = n_done;
		all[i].order = i + 1;
	}
	return all;
}

static void run_many(struct fixture *f, struct many *all, unsigned n, unsigned *n_done)
{
	for (unsigned i = 0; i < n; i++)
		store_stage(f->store, STORE_BULK, &all[i].op.op);
	assert_int_equal(store_pending(f->store, STORE_BULK), n);
	while (*n_done < n)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(store_pending(f->store, STORE_BULK), 0);
}

static void only_the_guilty_operation_is_refused(void **state)
{
	struct fixture *f = *state;
	unsigned n_done, n = 100;
	struct many *all = stage_many(f, n, &n_done);

	all[37].m.id = all[12].m.id; /* the same id twice, within one commit */
	all[99].m.id = all[98].m.id;
	run_many(f, all, n, &n_done);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(all[i].r, i == 37 || i == 99 ? -EIO : 0);
	assert_int_equal(count(f, "message"), 98);
	assert_int_equal(count(f, "body"), 98);
	free(all);
}

static void bulk_goes_in_order_over_many_commits(void **state)
{
	struct fixture *f = *state;
	unsigned n_done, n = 12000;
	struct many *all = stage_many(f, n, &n_done);
	struct store_stats st;

	run_many(f, all, n, &n_done);
	assert_int_equal(count(f, "message"), n);
	store_stats(f->store, &st);
	assert_true(st.commits >= 2); /* three, but a disk that is slow to sync gets more at once */
	assert_int_equal(st.rows, n);
	assert_int_equal(st.last_error, 0);
	assert_true(st.commit_us_p50 > 0 && st.commit_us_p50 <= st.commit_us_p99);
	free(all);
}

/* One megabyte of disk; needs root for the mount, and is skipped without. */
static void a_full_disk_refuses_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned n_done, n = 3000, n_stored = 0;
	struct many *all = stage_many(f, n, &n_done);
	struct store_stats st;
	char body[300], cmd[200];

	snprintf(cmd, sizeof cmd, "mount -t tmpfs -o size=1m tmpfs %s 2>/dev/null", f->dir);
	fixture_close(f);
	if (geteuid() != 0 || system(cmd) != 0) {
		free(all);
		assert_int_equal(fixture_open(f), 0);
		skip();
	}
	assert_int_equal(fixture_open(f), 0);
	memset(body, 'x', sizeof body);
	for (unsigned i = 0; i < n; i++) {
		all[i].m.id = f->boot.next_id + i;
		all[i].m.text = body;
		all[i].m.n_text = sizeof body;
		all[i].op.op.rows = 100; /* small commits */
	}
	run_many(f, all, n, &n_done);
	for (unsigned i = 0; i < n; i++) {
		assert_true(all[i].r == 0 || all[i].r == -ENOSPC || all[i].r == -EIO);
		n_stored += all[i].r == 0;
	}
	assert_in_range(n_stored, 1, n - 1);
	assert_true(all[n - 1].r == -ENOSPC);
	store_stats(f->store, &st);
	assert_true(st.last_error < 0);
	fixture_close(f);
	snprintf(cmd, sizeof cmd, "mount -o remount,size=9m %s", f->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(count(f, "message"), n_stored);
	all[n - 1].m.id = f->boot.next_id;
	assert_int_equal(put(f, OP_ACCEPT, &all[n - 1].op.op), 0);
	fixture_close(f);
	snprintf(cmd, sizeof cmd, "umount %s", f->dir);
	assert_int_equal(system(cmd), 0);
	free(all);
	assert_int_equal(fixture_open(f), 0);
}

static void a_loop_without_work_ends(void **state)
{
	struct fixture *f = *state;
	struct op_meta o = {.op = {.kind = OP_META, .rows = 1}, .low_water = f->boot.low_water};

	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	store_stage(f->store, STORE_OTP, &o.op); /* no done() */
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(store_pending(f->store, STORE_OTP), 0);
}

/* Two clients that post arrays as fast as they are answered would leave no processor to codes (store.h: 100,000 bulk
 * rows a second while codes come in).  What is staged goes all the same. */
static void bulk_leaves_time_to_codes(void **state)
{
	struct fixture *f = *state;
	struct op_meta code = {.op = {.kind = OP_META, .rows = 1}, .low_water = f->boot.low_water};
	unsigned n_done, n = 30;
	struct many *all = stage_many(f, n, &n_done);
	int64_t from;

	store_stage(f->store, STORE_OTP, &code.op);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	from = clock_mono_ms();
	for (unsigned i = 0; i < n; i++) {
		all[i].op.op.rows = 1000;
		store_stage(f->store, STORE_BULK, &all[i].op.op);
	}
	while (n_done < n)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_true(clock_mono_ms() - from >= (n - 1) * 10);
	assert_int_equal(count(f, "message"), n);
	free(all);
}

static void closing_finishes_what_is_staged(void **state)
{
	struct fixture *f = *state;
	unsigned n_done, n = 50;
	struct many *all = stage_many(f, n, &n_done);

	for (unsigned i = 0; i < n; i++)
		store_stage(f->store, STORE_BULK, &all[i].op.op);
	fixture_close(f);
	assert_int_equal(n_done, n);
	assert_int_equal(count(f, "message"), n);
	assert_int_equal(fixture_open(f), 0);
	free(all);
}

/* ---- a lock that another program holds ----------------------------------------------------------------------- */

static sqlite3 *locker(struct fixture *f)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void unlock(sqlite3 *db)
{
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void count_done(struct store_op *op)
{
	++*(unsigned *)op->arg;
}

static int last_error(struct fixture *f)
{
	struct store_stats s;

	store_stats(f->store, &s);
	return s.last_error;
}

/* All of a batch at once, and the next ones sooner; without a word to the store it notices that the lock is gone. */
static void a_lock_of_another_program_refuses_all_at_once(void **state)
{
	struct fixture *f = *state;
	struct op_name ops[64] = {0};
	unsigned n = 0;
	int64_t from_us, first_us, next_us;
	sqlite3 *db = locker(f);

	from_us = clock_mono_us();
	for (unsigned i = 0; i < 64; i++) {
		ops[i].op = (struct store_op){.kind = OP_NAME, .rows = 1, .done = count_done, .arg = &n};
		ops[i].kind = NAME_CAMPAIGN;
		ops[i].id = i + 1;
		snprintf(ops[i].text, sizeof ops[i].text, "test%u", i);
		store_stage(f->store, i % 2 ? STORE_SETTLE : STORE_OTP, &ops[i].op);
	}
	while (n < 64)
		uv_run(&f->loop, UV_RUN_ONCE);
	first_us = clock_mono_us();
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(ops[i].op.r, -ENOLCK);
	assert_int_equal(last_error(f), -ENOLCK);
	assert_int_equal(put(f, OP_NAME, &ops[0].op), -ENOLCK);
	next_us = clock_mono_us();
	assert_true(first_us - from_us < 4000000);
	assert_true(next_us - first_us < first_us - from_us);
	unlock(db);
	while (last_error(f))
		usleep(1000);
	assert_int_equal(put(f, OP_NAME, &ops[0].op), 0);
	assert_int_equal(count(f, "name"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(a_new_database_has_the_settings_it_keeps),
		TEST(ids_are_never_given_twice),
		TEST(the_node_is_in_the_id_and_may_not_change),
		TEST(a_second_process_is_refused),
		TEST(a_newer_schema_is_refused),
		TEST(an_older_schema_is_brought_forward),
		TEST(somebody_elses_database_is_refused),
		TEST(damage_stops_only_what_cannot_be_stored),
		TEST(garbage_is_refused),
		TEST(events_move_when_the_number_of_shards_changes),
		TEST(places_of_accepted_messages),
		TEST(idempotency_survives_a_restart_and_two_generations),
		TEST(a_stream_goes_on_where_it_was),
		TEST(leases_come_and_go),
		TEST(a_due_row_becomes_a_backlog_row),
		TEST(names_lanes_and_cancels_are_there_after_a_restart),
		TEST(names_keep_their_numbers),
		TEST(words_are_those_of_the_api),
		TEST(inbound_that_is_read_again_is_not_stored_again),
		TEST(inbound_makes_an_event_that_carries_it),
		TEST(events_end_die_and_come_back),
		TEST(only_the_guilty_operation_is_refused),
		TEST(bulk_goes_in_order_over_many_commits),
		TEST(a_full_disk_refuses_and_loses_nothing),
		TEST(a_lock_of_another_program_refuses_all_at_once),
		TEST(a_loop_without_work_ends),
		TEST(bulk_leaves_time_to_codes),
		TEST(closing_finishes_what_is_staged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
