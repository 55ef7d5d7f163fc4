/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_submit.c -- `posthorn submit`: send a file of messages, once and wholly, whatever breaks on the way.
 *
 * The file goes out as one NDJSON stream under an idempotency key.  The gateway commits it in chunks and remembers
 * under the key how far it came; the same body posted again goes on there.  So every trouble has one remedy, here and
 * for the person at the keyboard: do the same again.  For that the key comes from the file itself (name, content, and
 * the options that change the rows): the same command again resumes, and cannot send twice.
 *
 *      check (files only) ──► stream ──► answer ──► report
 *                               ▲   broken, 429,      │ stopped_at
 *                               └─── 503: wait ◄──────┘
 *
 * A file is read through before anything is sent: for the key, and because a file that falls apart in row 90,000 should
 * not be half sent.  Standard input cannot be read twice; its key is random and printed.
 *
 * Refused rows are reported at the end by reading the file once more, which gives recipient and reference of each
 * without having kept ten million of them in memory.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/message_opts.h"
#include "cli/row_stream.h"

enum {
	DEFAULT_RETRIES = 8,
	BACK_OFF_FIRST_S = 1,
	BACK_OFF_MOST_S = 30,
	RETRY_AFTER_MOST_S = 300, /* nobody may make us wait for a year */
	TABLE_ROWS = 20,          /* refused rows shown without --errors */
	KNOWN_ERRORS_MOST = 100000,
};

struct refusal {
	uint64_t index;
	char *code, *field, *message;
};

struct submit {
	/* what was asked for */
	struct cli *cli;
	struct message_opts message;
	struct file_opts file;
	bool dry_run;
	const char *key_id;
	const char *errors_path;
	long n_retries;

	/* the work */
	struct row_stream stream;
	gnutls_hash_hd_t hash;
	struct text key;
	uint64_t n_rows;        /* to be sent, as the check counted; 0: not known */
	uint64_t n_sent_most;
	uint64_t n_bad;         /* rows refused here */

	/* the outcome */
	uint64_t n_accepted, n_rejected;
	bool replay;
	bool resumable; /* it broke off on the way: the same command again goes on */
	struct refusal *refusals; /* sorted by index */
	size_t n_refusals, n_room;
};

enum {
	OPT_KEY_ID = 0x100,
	OPT_RETRIES,
	OPT_ERRORS,
	OPT_DRY_RUN,
	OPT_REF,
	OPT_QUIET = 'q',
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The submission:", 3 },
	{ "ref", OPT_REF, "TEXT", OPTION_HIDDEN, NULL, 0 }, /* refused, with the reason */
	{ "dry-run", OPT_DRY_RUN, NULL, 0, "Check the file, send nothing", 0 },
	{ "key-id", OPT_KEY_ID, "KEY", 0, "Idempotency key (default: from the file's name, content and the options)", 0 },
	{ "retries", OPT_RETRIES, "N", 0, "Tries after a break without progress in between (default 8)", 0 },
	{ "errors", OPT_ERRORS, "FILE.csv", 0, "Write the refused rows there", 0 },
	{ "quiet", OPT_QUIET, NULL, 0, "No progress", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cli_argp, 0, NULL, 100 },
	{ &message_rows_argp, 0, "For rows that do not say it themselves:", 1 },
	{ &file_opts_argp, 0, "The file:", 2 },
	{ 0 },
};

static void check_input(struct submit *s, struct argp_state *state)
{
	if (s->message.relative_send_at)
		argp_error(state, "--send-at must be an absolute time here: a submission that is resumed later must still "
				  "be the same");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct submit *s = state->input;
	char *end;

	switch (key) {
	case OPT_REF:
		argp_error(state, "--ref is for one message; give each row its own in a column `ref`");
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = s->cli;
		state->child_inputs[1] = &s->message;
		state->child_inputs[2] = &s->file;
		return 0;
	case OPT_DRY_RUN:
		s->dry_run = true;
		return 0;
	case OPT_KEY_ID:
		s->key_id = arg;
		return 0;
	case OPT_RETRIES:
		s->n_retries = strtol(arg, &end, 10);
		if (*end || s->n_retries < 0 || s->n_retries > 1000000)
			argp_error(state, "--retries: \"%s\" is no number", arg);
		return 0;
	case OPT_ERRORS:
		s->errors_path = arg;
		return 0;
	case OPT_QUIET:
		s->stream.quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "one file at a time");
		s->file.path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "the file is missing (`-` is standard input)");
		return 0;
	case ARGP_KEY_END:
		check_input(s, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* -- opening and checking -- */

static void hash_octets(void *arg, const char *octets, size_t n)
{
	struct submit *s = arg;

	gnutls_hash(s->hash, octets, n);
}

/* What changes the rows but is not in the file.  Each piece ends in a NUL, so that no two sets run together. */
static void hash_options(struct submit *s)
{
	const char *base = strrchr(s->file.path, '/');
	char *defaults = s->message.fields ? json_dumps(s->message.fields, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	base = base ? base + 1 : s->file.path;
	gnutls_hash(s->hash, base, strlen(base) + 1);
	if (defaults)
		gnutls_hash(s->hash, defaults, strlen(defaults));
	gnutls_hash(s->hash, "", 1);
	free(defaults);
	for (size_t i = 0; i < s->file.n_maps; i++)
		gnutls_hash(s->hash, s->file.maps[i], strlen(s->file.maps[i]) + 1);
	gnutls_hash(s->hash, s->file.ignore_unknown ? "i" : "-", 2);
	gnutls_hash(s->hash, s->file.delimiter ? s->file.delimiter : "", s->file.delimiter ? 2 : 1);
	gnutls_hash(s->hash, s->file.format ? s->file.format : "", s->file.format ? strlen(s->file.format) + 1 : 1);
}

static void write_key(struct submit *s, const unsigned char *octets, size_t n)
{
	text_puts(&s->key, "submit-");
	for (size_t i = 0; i < n; i++)
		text_printf(&s->key, "%02x", octets[i]);
}

static int unreadable(const struct submit *s, int r)
{
	if (r == -EINTR)
		return CLI_INTERRUPTED;
	cli_error("%s: %s", file_name(&s->file), rows_fault(s->stream.rows));
	return CLI_USAGE;
}

/* Read it all once: count, digest, and find out now rather than half-way that it cannot be cut into rows. */
static int check_file(struct submit *s)
{
	unsigned char digest[32];
	int r;

	if (gnutls_hash_init(&s->hash, GNUTLS_DIG_SHA256) < 0)
		return CLI_REFUSED;
	rows_tap(s->stream.rows, hash_octets, s);
	do {
		r = rows_next(s->stream.rows, &s->stream.row);
		if (r > 0 && s->stream.row.json)
			s->n_rows++;
		else if (r > 0)
			s->n_bad++;
	} while (r > 0 && !cli_interrupted);
	rows_tap(s->stream.rows, NULL, NULL);
	hash_options(s);
	gnutls_hash_deinit(s->hash, digest);
	if (cli_interrupted)
		return CLI_INTERRUPTED;
	if (r < 0)
		return unreadable(s, r);
	if (!s->key_id)
		write_key(s, digest, 16);
	rows_rewind(s->stream.rows);
	return CLI_OK;
}

static int make_key(struct submit *s)
{
	unsigned char octets[16];

	if (s->key_id) {
		text_puts(&s->key, s->key_id);
		return CLI_OK;
	}
	if (gnutls_rnd(GNUTLS_RND_NONCE, octets, sizeof octets) < 0)
		return CLI_REFUSED;
	write_key(s, octets, sizeof octets);
	cli_note("key %s (to ask for it later: posthorn streams %s)", s->key.at, s->key.at);
	return CLI_OK;
}

static uint64_t count_at(const json_t *object, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(object, name));

	return n > 0 ? (uint64_t)n : 0;
}

static int compare_refusals(const void *a, const void *b)
{
	const struct refusal *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static char *string_of(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return text_strdup(value ? value : "");
}

static void keep_refusal(struct submit *s, const json_t *result)
{
	const json_t *error = json_object_get(result, "error");

	if (!error || !json_is_integer(json_object_get(result, "row")) || s->n_refusals == KNOWN_ERRORS_MOST)
		return;
	if (s->n_refusals == s->n_room) {
		struct refusal *more;

		s->n_room = s->n_room ? s->n_room * 2 : 64;
		more = realloc(s->refusals, s->n_room * sizeof *more);
		if (!more)
			abort();
		s->refusals = more;
	}
	s->refusals[s->n_refusals++] = (struct refusal){ count_at(result, "row"), string_of(error, "code"),
		string_of(error, "field"), string_of(error, "message") };
}

static void refusal_done(struct refusal *r)
{
	free(r->code);
	free(r->field);
	free(r->message);
}

/* A resumed submission may be told of the same rows twice. */
static void keep_refusals(struct submit *s, const json_t *results)
{
	size_t i, n = 0;
	json_t *result;

	json_array_foreach((json_t *)results, i, result)
		keep_refusal(s, result);
	if (!s->n_refusals)
		return;
	qsort(s->refusals, s->n_refusals, sizeof *s->refusals, compare_refusals);
	for (i = 1; i < s->n_refusals; i++) {
		if (s->refusals[i].index == s->refusals[n].index)
			refusal_done(&s->refusals[i]);
		else
			s->refusals[++n] = s->refusals[i];
	}
	s->n_refusals = n + 1;
}

/* How far did the gateway come, all attempts together?  It knows under the key; an answer counts what it saw. */
static void take_totals(struct submit *s, const json_t *answer)
{
	uint64_t n_accepted = count_at(answer, "accepted"), n_rejected = count_at(answer, "rejected");
	struct api_answer stream;
	struct text path = { 0 };

	if (n_accepted + n_rejected < s->stream.n_sent) {
		text_puts(&path, "/v1/streams/");
		text_url(&path, s->key.at);
		if (api_call(s->cli->api, "GET", path.at, NULL, NULL, &stream) == 0) {
			uint64_t a = count_at(stream.json, "accepted"), b = count_at(stream.json, "rejected");

			if (stream.status == 200 && a + b > n_accepted + n_rejected) {
				n_accepted = a;
				n_rejected = b;
			}
			api_answer_done(&stream);
		}
		text_done(&path);
	}
	s->n_accepted = n_accepted;
	s->n_rejected = n_rejected;
}

enum attempt {
	ATTEMPT_DONE,
	ATTEMPT_AGAIN,
	ATTEMPT_FAILED,
};

static bool in_progress(const struct api_answer *a)
{
	const char *code = json_string_value(json_object_get(json_object_get(a->json, "error"), "code"));

	return a->status == 409 && code && strcmp(code, "idempotency_in_progress") == 0;
}

static enum attempt judge(struct submit *s, const struct api_answer *a, struct text *why)
{
	if (a->status == 202 || a->status == 200) {
		if (!json_is_object(a->json)) {
			cli_error("%s answered with no JSON: is this a Posthorn gateway?", api_url(s->cli->api));
			return ATTEMPT_FAILED;
		}
		s->replay = a->replay;
		keep_refusals(s, json_object_get(a->json, "results"));
		take_totals(s, a->json);
		if (json_is_null(json_object_get(a->json, "stopped_at")) || !json_object_get(a->json, "stopped_at"))
			return ATTEMPT_DONE;
		text_puts(why, "the gateway is full and stopped");
		return ATTEMPT_AGAIN;
	}
	/* 409: our own broken connection, which the gateway has not yet noticed. */
	if (a->status == 429 || a->status == 502 || a->status == 503 || a->status == 504 || in_progress(a)) {
		const char *message =
			json_string_value(json_object_get(json_object_get(a->json, "error"), "message"));

		text_printf(why, "%s (%ld)", message ? message : "the gateway is busy", a->status);
		return ATTEMPT_AGAIN;
	}
	cli_say_refusal(a);
	return ATTEMPT_FAILED;
}

/* One POST of the whole body.  `ret_end` is the end when it failed. */
static enum attempt attempt(struct submit *s, struct text *why, long *ret_wait_s, int *ret_end)
{
	const struct api_stream stream = { .path = "/v1/messages?results=errors",
		.content_type = "application/x-ndjson", .key_id = s->key.at, .read = row_stream_read,
		.tick = row_stream_tick, .arg = &s->stream };
	struct api_answer answer;
	enum attempt result;
	int r;

	row_stream_rewind(&s->stream);
	r = api_post_stream(s->cli->api, &stream, &answer);
	if (r == 0 || cli_interrupted)
		row_stream_show(&s->stream, r == 0 && s->stream.at_end);
	row_stream_clear(&s->stream);
	if (r == 0) {
		*ret_wait_s = answer.retry_after_s;
		result = judge(s, &answer, why);
		*ret_end = CLI_REFUSED;
		api_answer_done(&answer);
		return result;
	}
	if (cli_interrupted || r == -EINTR) {
		s->resumable = s->stream.n_sent > 0;
		*ret_end = CLI_INTERRUPTED;
		return ATTEMPT_FAILED;
	}
	if (r != -ECONNREFUSED && r != -EPIPE) {
		*ret_end = unreadable(s, r);
		return ATTEMPT_FAILED;
	}
	text_puts(why, api_why(s->cli->api));
	*ret_end = CLI_UNREACHABLE;
	/* Never reached: more likely a wrong URL than a gateway that restarts. */
	return r == -ECONNREFUSED && !s->n_sent_most ? ATTEMPT_FAILED : ATTEMPT_AGAIN;
}

static void wait_before_retry(struct submit *s, const char *why, long n_failed, long retry_after_s)
{
	long wait_s = BACK_OFF_FIRST_S << (n_failed < 6 ? n_failed : 6);

	if (wait_s > BACK_OFF_MOST_S)
		wait_s = BACK_OFF_MOST_S;
	if (retry_after_s > 0)
		wait_s = retry_after_s < RETRY_AFTER_MOST_S ? retry_after_s : RETRY_AFTER_MOST_S;
	cli_note("%s; going on in %ld s", why, wait_s);
	cli_sleep_ms(wait_s * 1000);
}

static int send_all(struct submit *s)
{
	uint64_t n_done_most = 0;
	long n_failed = 0;
	struct text why = { 0 };
	int end = CLI_OK;

	for (;;) {
		long retry_after_s = 0;
		uint64_t n_done;
		enum attempt result;

		text_clear(&why);
		result = attempt(s, &why, &retry_after_s, &end);
		if (result == ATTEMPT_DONE) {
			end = CLI_OK;
			break;
		}
		if (result == ATTEMPT_FAILED)
			break;
		s->resumable = true;
		n_done = s->n_accepted + s->n_rejected;
		/* Getting further, by what the gateway says or else by what was sent, is worth another full set. */
		if (n_done > n_done_most || s->stream.n_sent > s->n_sent_most)
			n_failed = 0;
		n_done_most = n_done > n_done_most ? n_done : n_done_most;
		s->n_sent_most = s->stream.n_sent > s->n_sent_most ? s->stream.n_sent : s->n_sent_most;
		if (n_failed >= s->n_retries)
			break;
		wait_before_retry(s, why.at, n_failed++, retry_after_s);
		if (cli_interrupted) {
			end = CLI_INTERRUPTED;
			break;
		}
		if (input_changed(s->stream.in)) {
			cli_error("%s was changed while it was sent; what the gateway took stays accepted", s->file.path);
			end = CLI_REFUSED;
			break;
		}
	}
	if (end == CLI_UNREACHABLE)
		cli_error("cannot reach the gateway at %s: %s", api_url(s->cli->api), why.at);
	else if (end == CLI_REFUSED && why.n)
		cli_error("%s; gave up", why.at);
	text_done(&why);
	return end;
}

/* -- the report -- */

static const char *const error_columns[] = { "row", "to", "ref", "code", "field", "message" };

enum {
	N_ERROR_COLUMNS = sizeof error_columns / sizeof error_columns[0],
};

struct report {
	struct submit *s;
	struct table *table;
	FILE *file;
	size_t n_told;
};

static void tell(struct report *report, const struct row *row, const char *code, const char *field,
	const char *message)
{
	char number[24];
	const char *cells[N_ERROR_COLUMNS] = { number, row->to, row->ref, code, field, message };

	snprintf(number, sizeof number, "%llu", (unsigned long long)row->number);
	for (int i = 0; i < N_ERROR_COLUMNS; i++)
		table_cell(report->table, i, TONE_PLAIN, cells[i]);
	table_end_row(report->table);
	if (++report->n_told % 1000 == 0)
		table_print(report->table, report->file);
}

static const struct refusal *find_refusal(const struct submit *s, uint64_t index)
{
	const struct refusal wanted = { .index = index };

	if (!s->n_refusals)
		return NULL;
	return bsearch(&wanted, s->refusals, s->n_refusals, sizeof wanted, compare_refusals);
}

/* Walk the file once more and tell of the rows that were refused here or there, at most `n_most`. */
static void tell_refused(struct report *report, size_t n_most)
{
	struct submit *s = report->s;
	struct row row;

	rows_rewind(s->stream.rows);
	while (report->n_told < n_most && !cli_interrupted && rows_next(s->stream.rows, &row) > 0) {
		const struct refusal *r = row.json ? find_refusal(s, row.index) : NULL;

		if (!row.json)
			tell(report, &row, row.code, "", row.why);
		else if (r)
			tell(report, &row, r->code, r->field, r->message);
	}
	table_print(report->table, report->file);
}

static void add_columns(struct table *t)
{
	for (int i = 0; i < N_ERROR_COLUMNS; i++)
		table_column(t, error_columns[i], i == 0);
}

static int report_refused(struct submit *s)
{
	struct report report = { .s = s, .file = s->cli->json ? stderr : stdout };

	if (s->errors_path) {
		report.file = fopen(s->errors_path, "we");
		if (!report.file) {
			cli_error("cannot write %s: %s", s->errors_path, strerror(errno));
			return CLI_REFUSED;
		}
		report.table = table_new(TABLE_CSV, 0, false);
	} else {
		report.table = cli_table(s->cli);
	}
	add_columns(report.table);
	tell_refused(&report, s->errors_path || s->cli->style != TABLE_ALIGNED ? SIZE_MAX : TABLE_ROWS);
	table_free(report.table);
	if (s->errors_path && (fflush(report.file) != 0 || ferror(report.file))) {
		cli_error("cannot write %s: %s", s->errors_path, strerror(errno));
		fclose(report.file);
		return CLI_REFUSED;
	}
	if (s->errors_path)
		fclose(report.file);
	if (report.n_told < s->n_bad + s->n_rejected && s->replay)
		cli_note("%zu of %llu refused rows are listed: the gateway named its own when they were sent first",
			report.n_told, (unsigned long long)(s->n_bad + s->n_rejected));
	else if (report.n_told < s->n_bad + s->n_rejected)
		cli_note(s->errors_path ? "%zu of %llu refused rows are listed: the gateway names the first only" :
					  "%zu of %llu refused rows are shown; --errors FILE.csv writes what is known",
			report.n_told, (unsigned long long)(s->n_bad + s->n_rejected));
	return CLI_OK;
}

static void print_json_summary(const struct submit *s)
{
	json_t *errors = json_array(), *summary;
	struct row row;
	char *dump;

	rows_rewind(s->stream.rows);
	while ((s->n_bad || s->n_refusals) && rows_next(s->stream.rows, &row) > 0) {
		const struct refusal *r = row.json ? find_refusal(s, row.index) : NULL;

		if (row.json && !r)
			continue;
		if (json_array_size(errors) == KNOWN_ERRORS_MOST)
			break;
		json_array_append_new(errors,
			json_pack("{sIs{ssss?ss}}", "row", (json_int_t)row.number, "error", "code",
				r ? r->code : row.code, "field", r && *r->field ? r->field : NULL, "message",
				r ? r->message : row.why));
	}
	summary = json_pack("{sssIsIsbso}", "idempotency_key", s->key.at ? s->key.at : "", "accepted",
		(json_int_t)s->n_accepted, "rejected", (json_int_t)(s->n_rejected + s->n_bad), "replay", s->replay,
		"errors", errors);
	dump = summary ? json_dumps(summary, JSON_COMPACT) : NULL;
	puts(dump ? dump : "{}");
	free(dump);
	json_decref(summary);
}

static int report_outcome(struct submit *s)
{
	char a[32], b[32];
	uint64_t n_refused = s->n_rejected + s->n_bad;
	int end = n_refused ? CLI_PARTLY : CLI_OK;

	if (s->replay)
		cli_note("note: this was sent before, within 24 h, and nothing new was sent; give another --key-id to send "
			 "it again");
	if (s->cli->json)
		print_json_summary(s);
	else
		cli_note("%s accepted, %s refused%s%s", progress_count(s->n_accepted, a, sizeof a),
			progress_count(n_refused, b, sizeof b), s->dry_run ? "" : ", key ",
			s->dry_run ? "" : s->key.at);
	if (n_refused && (!s->cli->json || s->errors_path) && report_refused(s) != CLI_OK)
		return CLI_REFUSED;
	return end;
}

static int dry_run(struct submit *s)
{
	char a[32], b[32];

	if (s->cli->json) {
		print_json_summary(s);
		return s->n_bad ? CLI_PARTLY : CLI_OK;
	}
	cli_note("%s rows can be sent, %s cannot", progress_count(s->n_rows, a, sizeof a),
		progress_count(s->n_bad, b, sizeof b));
	if (s->n_bad && report_refused(s) != CLI_OK)
		return CLI_REFUSED;
	return s->n_bad ? CLI_PARTLY : CLI_OK;
}

static int submit_file(struct submit *s)
{
	bool is_file;
	int end = row_stream_open(&s->stream, &s->file, s->message.fields);

	if (end != CLI_OK)
		return end;
	/* Of a pipe only a dry run reads all first: whoever feeds us slowly should not wait for us as well. */
	is_file = input_is_file(s->stream.in);
	if (is_file && strcmp(s->file.path, "-") == 0 && !s->key_id) {
		end = make_key(s);
		s->key_id = s->key.at;
	}
	if (end == CLI_OK && (is_file || s->dry_run))
		end = check_file(s);
	if (end != CLI_OK)
		return end;
	if (s->dry_run)
		return dry_run(s);
	if (!s->key.n)
		end = make_key(s);
	if (end == CLI_OK)
		end = cli_ready(s->cli);
	if (end != CLI_OK)
		return end;
	if (is_file && !s->n_rows) {
		if (!s->n_bad)
			cli_error("%s holds no rows", file_name(&s->file));
		return s->n_bad ? report_outcome(s) : CLI_USAGE;
	}
	end = send_all(s);
	if (end == CLI_OK)
		return report_outcome(s);
	if (s->resumable)
		cli_note("hint: what the gateway took stays accepted; the same command again goes on from there%s%s%s",
			strcmp(s->file.path, "-") == 0 ? " (with --key-id " : "",
			strcmp(s->file.path, "-") == 0 ? s->key.at : "", strcmp(s->file.path, "-") == 0 ? ")" : "");
	return end;
}

static void submit_done(struct submit *s)
{
	for (size_t i = 0; i < s->n_refusals; i++)
		refusal_done(&s->refusals[i]);
	free(s->refusals);
	row_stream_close(&s->stream);
	text_done(&s->key);
	json_decref(s->message.fields);
}

int cmd_submit(struct cli *cli, int argc, char **argv)
{
	static const char doc[] =
		"Send a file of messages: CSV with a header that names the columns, or NDJSON.\v"
		"Columns (and members) are the fields of a message: to, text, from, ref, class, campaign, tag, send_at, ttl, "
		"encoding, flash, smart, nfc, translit, report, data, udh.  Only `to` and `text` must be there.\n"
		"\n"
		"When the connection breaks or the gateway is full, it goes on by itself; when even that fails, the same "
		"command again goes on where it stopped and sends nothing twice.\n"
		"\n"
		"Examples:\n"
		"  posthorn submit customers.csv --campaign spring --class marketing\n"
		"  posthorn submit list.csv --map Phone=to --map Message=text --ignore-unknown\n"
		"  posthorn submit customers.csv --dry-run\n"
		"  posthorn submit a.ndjson --errors no.csv --send-at '2026-12-24 09:00'\n"
		"  generate | posthorn submit - --format ndjson\n"
		"\n"
		"Exit status 4: some rows were refused; the others are accepted.";
	const struct argp argp = { .options = options, .parser = parse_option, .args_doc = "FILE", .doc = doc,
		.children = children };
	struct submit s = { .cli = cli, .n_retries = DEFAULT_RETRIES };
	int end;

	cli_parse(&argp, argc, argv, 0, &s);
	cli_catch_interrupt();
	end = submit_file(&s);
	submit_done(&s);
	return end;
}
