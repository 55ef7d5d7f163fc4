/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu_probe.c -- the codec's TPDU writer as a filter, for the judges of test_tpdu.py.
 *
 * Each line of standard input is a JSON object, each line of standard output the octets as hexadecimal, the service
 * centre in front, or "-ERRNO".  With "text" the segmenter and tpdu_put_part() make the parts, as the modem driver does,
 * and the line holds all of them, a blank between two; else the fields and the user data are as given and tpdu_put()
 * writes them. */
#include "codec/tpdu.h"
#include "codec/unicode.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_int_t number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static bool flag(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

static size_t octets(const json_t *o, const char *name, uint8_t *dst, size_t cap)
{
	const char *hex = json_string_value(json_object_get(o, name));
	size_t n = 0;

	for (; hex && hex[0] && hex[1] && n < cap; hex += 2)
		dst[n++] = (uint8_t)strtoul((char[]){ hex[0], hex[1], 0 }, NULL, 16);
	return n;
}

static void print_hex(const uint8_t *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02X", d[i]);
}

/* A string is what tpdu_address_make() reads, an object says type and plan. */
static int address(const json_t *o, const char *name, struct tpdu_address *ret)
{
	const json_t *a = json_object_get(o, name);
	const char *why;

	*ret = (struct tpdu_address){ .ton = TON_UNKNOWN };
	if (json_is_string(a))
		return tpdu_address_make(json_string_value(a), ret, &why);
	if (!a)
		return 0;
	ret->ton = (enum tpdu_ton)number(a, "ton");
	ret->npi = (uint8_t)number(a, "npi");
	snprintf(ret->text, sizeof(ret->text), "%s", json_string_value(json_object_get(a, "text")));
	return 0;
}

static int stamp(const json_t *o, const char *name, struct tpdu_time *ret)
{
	const json_t *t = json_object_get(o, name);

	return t ? tpdu_time_make(number(t, "epoch"), (int)number(t, "zone"), ret) : 0;
}

static int validity(const json_t *o, struct tpdu_validity *ret)
{
	const json_t *v = json_object_get(o, "validity");

	*ret = (struct tpdu_validity){ .form = (enum tpdu_vp_form)number(v, "form"),
		.period_s = (uint32_t)number(v, "seconds"), .enhanced = (uint8_t)number(v, "kind"),
		.single_shot = flag(v, "single") };
	return stamp(v, "until", &ret->until);
}

static int write_text(const json_t *o)
{
	static struct unicode *unicode;
	const char *text = json_string_value(json_object_get(o, "text"));
	struct segment_opts s = { .wish = flag(o, "ucs2") ? WISH_UCS2 : WISH_AUTO,
		.rules = { .concat = flag(o, "udh16") ? CONCAT_UDH16 : CONCAT_UDH8,
			.languages = (uint16_t)number(o, "languages") } };
	struct tpdu_order order = { .mr = (uint8_t)number(o, "mr"), .report = flag(o, "report"),
		.flash = flag(o, "flash"), .validity_s = (uint32_t)number(o, "seconds") };
	struct segment_plan p;
	struct segment_wire w;
	uint8_t out[TPDU_MAX];
	size_t bad_at, n_tpdu;
	int r;

	if (!unicode)
		unicode = unicode_new();
	s.unicode = unicode;
	if (address(o, "address", &order.to) < 0 || address(o, "smsc", &order.centre) < 0)
		return -EINVAL;
	r = segment_plan(text, strlen(text), &s, &p, &bad_at);
	for (unsigned part = 1; r >= 0 && part <= p.n_parts; part++) {
		r = segment_part(text, &p, part, (uint16_t)number(o, "ref"), &w);
		if (r == 0)
			r = tpdu_put_part(&order, p.encoding, &w, out, &n_tpdu);
		if (r < 0)
			break;
		printf(part > 1 ? " " : "");
		print_hex(out, (size_t)r);
	}
	return r;
}

static int write_fields(const json_t *o)
{
	struct tpdu t = { .type = (enum tpdu_type)number(o, "type"), .reply_path = flag(o, "reply_path"),
		.report = flag(o, "report"), .reject_duplicates = flag(o, "reject_duplicates"), .more = flag(o, "more"),
		.loop = flag(o, "loop"), .mr = (uint8_t)number(o, "mr"), .status = (uint8_t)number(o, "status"),
		.pi = (uint8_t)number(o, "pi"), .pid = (uint8_t)number(o, "pid") };
	uint8_t udh[TPDU_UD_MAX], body[TPDU_SEPTETS_MAX], out[TPDU_MAX];
	size_t n_udh = octets(o, "udh", udh, sizeof(udh)), n_body = octets(o, "body", body, sizeof(body)), n_tpdu;
	int r;

	if (address(o, "address", &t.address) < 0 || address(o, "smsc", &t.centre) < 0 || stamp(o, "scts", &t.scts) < 0 ||
		stamp(o, "discharge", &t.discharge) < 0 || validity(o, &t.validity) < 0)
		return -EINVAL;
	r = tpdu_set_ud(&t, (uint8_t)number(o, "dcs"), udh, n_udh, body, n_body);
	if (r == 0)
		r = tpdu_put(&t, true, out, sizeof(out), &n_tpdu);
	if (r > 0)
		print_hex(out, (size_t)r);
	return r;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		json_t *o = json_loads(line, 0, NULL);
		int r = !o ? -EBADMSG : json_object_get(o, "text") ? write_text(o) : write_fields(o);

		if (r < 0)
			printf("-%d", -r);
		putchar('\n');
		json_decref(o);
	}
	free(line);
	return 0;
}
