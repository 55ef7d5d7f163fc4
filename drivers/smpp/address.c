/* SPDX-License-Identifier: Apache-2.0 */
/* address.c -- see address.h.  address_source() and address_dest() run for every part: no allocation, no snprintf. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec/gsm7.h"
#include "codec/utf8.h"
#include "smpp/address.h"

/* SMPP 3.4, 5.2.5 and 5.2.6 */
#define TON_UNKNOWN       0
#define TON_INTERNATIONAL 1
#define TON_NETWORK       3
#define TON_ALPHANUMERIC  5
#define NPI_UNKNOWN       0
#define NPI_ISDN          1

/* Decimal digits and a NUL; returns their number.  `dst` has room for 21. */
static unsigned digits(uint64_t v, char *dst)
{
	char tmp[20];
	unsigned n = 0, i = 0;

	do
		tmp[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		dst[i++] = tmp[--n];
	dst[i] = 0;
	return i;
}

static void copy_address(char *dst, const char *src)
{
	size_t n = strnlen(src, MSG_FROM_MAX);

	memcpy(dst, src, n);
	dst[n] = 0;
}

/* ---- as most carriers take them ---- */

static void force(int ton, int npi, struct address *a)
{
	if (ton >= 0)
		a->ton = (uint8_t)ton;
	if (npi >= 0)
		a->npi = (uint8_t)npi;
}

static enum sender_kind detect(const char *from, struct address *ret)
{
	uint64_t number;
	const char *why;
	enum sender_kind kind = *from ? sender_classify(from, strlen(from), &number, &why) : SENDER_INVALID;

	copy_address(ret->text, from);
	ret->ton = TON_UNKNOWN;
	ret->npi = NPI_UNKNOWN;
	switch (kind) {
	case SENDER_NUMBER:
		digits(number, ret->text);
		ret->ton = TON_INTERNATIONAL;
		ret->npi = NPI_ISDN;
		break;
	case SENDER_SHORT:
		ret->ton = TON_NETWORK;
		break;
	case SENDER_ALPHANUMERIC:
		ret->ton = TON_ALPHANUMERIC;
		break;
	case SENDER_INVALID:
		/* Checked at the door; what comes here all the same goes as it is, for the SMSC to judge. */
		break;
	}
	return kind;
}

/* ---- names ---- */

static bool is_ascii(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)s[i] >= 0x80)
			return false;
	return true;
}

/* -1: the alphabet does not have it. */
static int octet_of(enum conf_sender_alphabet alphabet, uint32_t cp)
{
	if (alphabet == CONF_SENDER_GSM7)
		return cp == '@' ? -1 : gsm7_encode(cp);
	return cp <= 0xff ? (int)cp : -1;
}

const char *address_octets(const struct addresses *a, const struct address *s, char buf[static PDU_ADDRESS_MAX + 1])
{
	size_t n = strlen(s->text), done = 0;
	uint32_t cp;

	if (a->alphabet == CONF_SENDER_UTF8 || (a->alphabet == CONF_SENDER_LATIN1 && is_ascii(s->text, n)))
		return s->text;
	for (size_t i = 0; i < n; i += utf8_next(s->text + i, n - i, &cp)) {
		int octet;

		utf8_next(s->text + i, n - i, &cp);
		octet = octet_of(a->alphabet, cp);
		if (octet < 0 || done + 1 + (octet > 0xff) > PDU_ADDRESS_MAX)
			return s->text;
		if (octet > 0xff)
			buf[done++] = (char)(octet >> 8);
		buf[done++] = (char)octet;
	}
	buf[done] = 0;
	return buf;
}

void address_name(enum conf_sender_alphabet alphabet, const char *octets, size_t n, char *dst, size_t cap)
{
	size_t done = 0;

	if (alphabet == CONF_SENDER_GSM7 &&
		gsm7_decode((const uint8_t *)octets, n, (struct gsm7_shift){ 0, 0 }, dst, cap - 1, &done) == 0) {
		dst[done] = 0;
		return;
	}
	if (utf8_check(octets, n, &done) == 0 && n < cap) {
		memcpy(dst, octets, n);
		dst[n] = 0;
		return;
	}
	done = 0;
	for (size_t i = 0; i < n && done + 2 < cap; i++)
		done += utf8_put(dst + done, cap - done, (uint8_t)octets[i]);
	dst[done] = 0;
}

/* ---- rules ---- */

static void prefix_init(struct address_prefix *p, const char *text)
{
	size_t n = strnlen(text, ADDRESS_DIGITS_MAX);

	memcpy(p->digits, text, n);
	p->digits[n] = 0;
	p->n = (uint8_t)n;
}

static bool begins(const char *text, const struct address_prefix *p)
{
	return strncmp(text, p->digits, p->n) == 0;
}

static int prefixes_init(struct address_rule *u, const struct conf_strings *list)
{
	u->to = calloc(list->n + 1, sizeof(*u->to));
	if (!u->to)
		return -ENOMEM;
	for (; u->n_to < list->n; u->n_to++)
		prefix_init(&u->to[u->n_to], list->item[u->n_to]);
	return 0;
}

static bool is_for(const struct address_rule *u, const char *dest)
{
	for (size_t i = 0; i < u->n_to; i++)
		if (begins(dest, &u->to[i]))
			return true;
	return u->n_to == 0;
}

static unsigned kinds_of(const char *match)
{
	if (strcmp(match, "alphanumeric") == 0)
		return 1u << SENDER_ALPHANUMERIC;
	if (strcmp(match, "number") == 0)
		return 1u << SENDER_NUMBER;
	if (strcmp(match, "short") == 0)
		return 1u << SENDER_SHORT;
	if (strcmp(match, "any") == 0)
		return ~0u;
	return 1u << SENDER_NUMBER | 1u << SENDER_SHORT; /* digits */
}

static int sender_rule_init(const struct addresses *a, const struct conf_sender_rule *c, struct address_rule *u)
{
	u->kinds = kinds_of(c->match);
	if (*c->match >= '0' && *c->match <= '9')
		prefix_init(&u->begins, c->match);
	prefix_init(&u->strip, c->strip);
	prefix_init(&u->add, c->add);
	u->ton = (int)c->ton;
	u->npi = (int)c->npi;
	if (*c->rewrite) {
		detect(c->rewrite, &u->rewritten);
		force(a->source_ton, a->source_npi, &u->rewritten);
		force(u->ton, u->npi, &u->rewritten);
	}
	return prefixes_init(u, &c->to);
}

static int dest_rule_init(const struct conf_dest_rule *c, struct address_rule *u)
{
	prefix_init(&u->strip, c->strip);
	prefix_init(&u->add, c->add);
	u->ton = (int)c->ton;
	u->npi = (int)c->npi;
	return prefixes_init(u, &c->prefix);
}

int addresses_init(struct addresses *a, const struct conf_link *c)
{
	int r = 0;

	assert(c->n_sender_rules <= 32 && c->n_dest_rules <= 32);
	a->alphabet = c->sender_alphabet;
	a->source_ton = (int)c->source_ton;
	a->source_npi = (int)c->source_npi;
	a->dest_ton = (int)c->dest_ton;
	a->dest_npi = (int)c->dest_npi;
	a->senders = calloc(c->n_sender_rules + 1, sizeof(*a->senders));
	a->dests = calloc(c->n_dest_rules + 1, sizeof(*a->dests));
	if (!a->senders || !a->dests)
		return -ENOMEM;
	while (r == 0 && a->n_senders < c->n_sender_rules) {
		r = sender_rule_init(a, &c->sender_rules[a->n_senders], &a->senders[a->n_senders]);
		a->n_senders++;
	}
	while (r == 0 && a->n_dests < c->n_dest_rules) {
		r = dest_rule_init(&c->dest_rules[a->n_dests], &a->dests[a->n_dests]);
		a->n_dests++;
	}
	return r;
}

void addresses_done(struct addresses *a)
{
	for (unsigned i = 0; i < a->n_senders; i++)
		free(a->senders[i].to);
	for (unsigned i = 0; i < a->n_dests; i++)
		free(a->dests[i].to);
	free(a->senders);
	free(a->dests);
}

/* Prefix away, prefix before.  Digits: at most 15 and 5 more, so it always fits. */
static void cut(const struct address_rule *u, const char *text, char dst[static MSG_FROM_MAX + 1])
{
	size_t n;

	text += begins(text, &u->strip) ? u->strip.n : 0;
	n = strnlen(text, MSG_FROM_MAX - u->add.n);
	memcpy(dst, u->add.digits, u->add.n);
	memcpy(dst + u->add.n, text, n);
	dst[u->add.n + n] = 0;
}

/* ---- for every part ---- */

void address_dest(const struct addresses *a, uint64_t to, struct address *ret)
{
	char text[21];

	digits(to, text);
	ret->ton = TON_INTERNATIONAL;
	ret->npi = NPI_ISDN;
	force(a->dest_ton, a->dest_npi, ret);
	for (unsigned i = 0; i < a->n_dests; i++) {
		if (!is_for(&a->dests[i], text))
			continue;
		force(a->dests[i].ton, a->dests[i].npi, ret);
		cut(&a->dests[i], text, ret->text);
		return;
	}
	memcpy(ret->text, text, sizeof(text));
}

static void take_sender(struct addresses *a, const char *from)
{
	copy_address(a->from, from);
	a->from_known = strlen(from) <= MSG_FROM_MAX;
	a->kind = detect(from, &a->source);
	a->candidates = 0;
	for (unsigned i = 0; i < a->n_senders; i++)
		if ((a->senders[i].kinds >> a->kind & 1) && begins(a->source.text, &a->senders[i].begins))
			a->candidates |= 1u << i;
	force(a->source_ton, a->source_npi, &a->source);
}

static const struct address *by_rule(struct addresses *a, const struct address_rule *u)
{
	if (*u->rewritten.text)
		return &u->rewritten;
	a->made = a->source;
	if (a->kind == SENDER_NUMBER || a->kind == SENDER_SHORT)
		cut(u, a->source.text, a->made.text);
	force(u->ton, u->npi, &a->made);
	return &a->made;
}

const struct address *address_source(struct addresses *a, const char *from, uint64_t to)
{
	char dest[21];
	bool written = false;

	if (!a->from_known || strcmp(a->from, from) != 0)
		take_sender(a, from);
	for (uint32_t left = a->candidates; left; left &= left - 1) {
		const struct address_rule *u = &a->senders[__builtin_ctz(left)];

		if (u->n_to && !written) {
			digits(to, dest);
			written = true;
		}
		if (!u->n_to || is_for(u, dest))
			return by_rule(a, u);
	}
	return &a->source;
}
