/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_preview.c -- any octets as a stream of rows (lines or CSV) that is previewed.
 *
 * Promises held: where the reads are cut changes neither rows nor sums; units, parts and what is left add up; what is
 * told is JSON.  The first octet chooses the form, the second the cut, the third what the link understands.
 */
#include "base/hash.h"
#include "codec/unicode.h"
#include "intake/preview_total.h"
#include "intake/row_source.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf_client client = {
	.name = (char *)"shop", .default_country = (char *)"RU", .from = (char *)"", .max_parts = 64, .ttl_ms = 86400000,
};
static struct segment_rules rules;
static struct unicode *unicode;
static struct json_message message;
static struct preview_row preview;
static struct preview_total total;

static const struct segment_rules *rules_of(void *arg, uint32_t route)
{
	(void)arg;
	(void)route;
	return &rules;
}

static void check_numbers(void)
{
	const struct segment_plan *p = &message.plan;
	struct preview_walk w = {0};
	struct preview_culprit c;
	uint32_t n = 0;

	assert(p->n_parts >= 1 && p->n_parts <= SEGMENT_MAX_PARTS);
	for (unsigned i = 1; i <= p->n_parts; i++)
		assert(p->units[i - 1] + segment_units_left(p, i, preview.n_udh) == segment_capacity(p, preview.n_udh));
	while (preview_culprit(&preview, &w, &c)) {
		assert(c.position < preview.n_characters && c.n > 0);
		n++;
	}
	assert(n == preview.n_culprits);
	assert(!preview.over || (p->n_parts > 1 && preview.over <= PREVIEW_SHORTEN_AT));
	assert(preview.smart.step == SMART_NONE || preview.smart.plan.n_parts < p->n_parts);
}

static void look_at(json_t *row, uint64_t number, struct api_fault *f, uint64_t *hash)
{
	struct json_message_ctx x = {.client = &client, .client_id = 1, .now_ms = 1, .rules_of = rules_of, .unicode = unicode};
	struct json_out o;
	json_t *told;

	if (!row || json_message(row, &x, &message, f) < 0) {
		preview_total_refuse(&total, f->code);
		*hash = hash_bytes(*hash, f->message, strlen(f->message));
		return;
	}
	preview_row(&preview, &message,
		&(struct segment_opts){.wish = message.m.wish, .rules = rules, .max_parts = 64, .unicode = unicode});
	check_numbers();
	preview_total_add(&total, number, &preview);
	json_out_init(&o, (size_t)1 << 22);
	json_out_open(&o, '{');
	preview_row_out(&o, &preview);
	json_out_close(&o, '}');
	assert(!json_out_full(&o));
	told = json_loadb((const char *)buf_data(&o.b), buf_len(&o.b), 0, NULL);
	assert(told);
	json_decref(told);
	*hash = hash_bytes(*hash, buf_data(&o.b), buf_len(&o.b));
	json_out_done(&o);
}

/* All rows and sums as one number. */
static uint64_t read_all(const uint8_t *data, size_t n, bool csv, size_t piece)
{
	struct row_source s;
	struct api_fault f = {0};
	uint64_t hash = 1, row = 0;
	enum row_step step = ROW_NOT_YET;

	if (csv)
		row_source_init_csv(&s);
	else
		row_source_init_lines(&s);
	preview_total_init(&total);
	for (size_t at = 0; step == ROW_NOT_YET;) {
		size_t more = n - at < piece ? n - at : piece;

		if (more)
			assert(row_source_feed(&s, data + at, more) == 0);
		else
			row_source_end(&s);
		at += more;
		while ((step = row_source_step(&s)) == ROW_HERE) {
			json_t *v = row_source_take(&s, &f);

			look_at(v, row++, &f, &hash);
			json_decref(v);
		}
	}
	if (step == ROW_BROKEN) {
		row_source_why(&s, &f);
		hash = hash_bytes(hash, f.message, strlen(f.message));
	}
	assert(total.rows == row && total.accepted + total.refused == row);
	hash = hash_bytes(hash, &total.parts, sizeof(total.parts)) + total.dearest[0].row;
	preview_total_done(&total);
	row_source_done(&s);
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole, cut;

	if (size < 3)
		return 0;
	if (!unicode)
		unicode = unicode_new();
	rules = (struct segment_rules){.concat = data[2] & 3,
		.languages = data[2] & 4 ? 0x3fff : 0,
		.max_char = data[2] & 8 ? (data[2] & 16 ? 0xff : 0x7f) : 0};
	client.smart = data[2] & 32;
	whole = read_all(data + 3, size - 3, data[0] & 1, SIZE_MAX);
	cut = read_all(data + 3, size - 3, data[0] & 1, 1 + data[1] % 16);
	assert(whole == cut);
	return 0;
}
