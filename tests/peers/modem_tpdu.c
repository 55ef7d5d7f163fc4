/* SPDX-License-Identifier: Apache-2.0 */
/* modem_tpdu.c -- read SMS-SUBMIT as a strict service centre would; modem_tpdu.h says why by itself.
 *
 * Clauses are those of TS 23.040 unless another document is named.
 */
#include "modem_tpdu.h"

#include <stdio.h>
#include <string.h>

#include "modem_text.h"

int tpdu_from_hex(const char *s, size_t n, uint8_t *out, size_t max)
{
	if (n % 2 || n / 2 > max)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		unsigned v = c >= '0' && c <= '9' ? (unsigned)(c - '0')
			   : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
			   : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
						  : 16;

		if (v > 15)
			return -1;
		out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
	}
	return (int)(n / 2);
}

void tpdu_to_hex(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = 0;
}

/* Semi-octets, low nibble first; every digit of a destination must be one that can be dialled. */
static const char *digits(const uint8_t *p, unsigned n, char *out)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned v = i % 2 ? p[i / 2] >> 4 : p[i / 2] & 15;

		if (v > 14)
			return "a filler inside the digits of an address";
		out[i] = "0123456789*#abc"[v];
	}
	out[n] = 0;
	if (n % 2 && p[n / 2] >> 4 != 15)
		return "no filler behind an odd number of digits";
	return NULL;
}

const char *tpdu_read_sca(const uint8_t *p, size_t n, size_t *ret, char *sca)
{
	unsigned n_digits;

	sca[0] = 0;
	if (n == 0)
		return "nothing there";
	*ret = 1u + p[0];
	if (p[0] == 0)
		return NULL;
	if (p[0] < 2 || *ret > TPDU_SCA_MAX || *ret > n)
		return "the service centre's length is wrong";
	if (!(p[1] & 0x80))
		return "bit 7 of the service centre's type of address is 0";
	n_digits = 2u * (p[0] - 1u);
	if (p[p[0]] >> 4 == 15)
		n_digits--;
	if ((p[1] & 0x70) == 0x10)
		*sca++ = '+';
	return digits(p + 2, n_digits, sca);
}

/* 9.1.2.5 */
static const char *read_destination(const uint8_t *p, size_t n, struct tpdu_submit *s)
{
	unsigned n_digits = n ? p[0] : 0, ton;
	char *to = s->to;

	if (n < 2)
		return "TP-DA is missing";
	if (n_digits == 0 || n_digits > 20)
		return "TP-DA has no digits or more than 20";
	s->n_da = (uint8_t)(2 + (n_digits + 1) / 2);
	if (s->n_da > n)
		return "TP-DA goes past the end";
	memcpy(s->da, p, s->n_da);
	ton = p[1] >> 4 & 7;
	if (!(p[1] & 0x80))
		return "bit 7 of the type of address is 0";
	if (ton == 5)
		return "the destination is alphanumeric";
	if (ton == 7)
		return "the type of number is reserved";
	if (ton == 1)
		*to++ = '+';
	return digits(p + 2, n_digits, to);
}

/* TS 23.038, 4 */
static const char *read_dcs(struct tpdu_submit *s)
{
	static const enum tpdu_alphabet by_bits[] = {TPDU_GSM7, TPDU_8BIT, TPDU_UCS2, TPDU_GSM7};
	uint8_t d = s->dcs;

	s->alphabet = TPDU_GSM7;
	if (d < 0x80) {
		s->alphabet = by_bits[d >> 2 & 3];
		if ((d >> 2 & 3) == 3)
			return "the alphabet is reserved";
		if (d & 0x20)
			s->alphabet = TPDU_8BIT; /* compressed: only octets to us */
		if (!(d & 0x10) && (d & 3))
			return "TP-DCS has a class without saying so";
	} else if (d < 0xC0) {
		return "TP-DCS is of a reserved group";
	} else if (d < 0xF0) {
		s->alphabet = d >= 0xE0 ? TPDU_UCS2 : TPDU_GSM7;
	} else {
		s->alphabet = d & 4 ? TPDU_8BIT : TPDU_GSM7;
		if (d & 8)
			return "bit 3 of TP-DCS is reserved";
	}
	return NULL;
}

static const char *read_concat(struct tpdu_submit *s, const uint8_t *e, unsigned width)
{
	if (s->concat)
		return "two concatenation elements";
	s->concat = true;
	s->ref = width == 1 ? e[0] : (uint16_t)(e[0] << 8 | e[1]);
	s->total = e[width];
	s->seq = e[width + 1];
	if (s->total == 0 || s->seq == 0 || s->seq > s->total)
		return "the concatenation counts wrongly";
	return NULL;
}

/* 9.2.3.24 */
static const char *read_header(struct tpdu_submit *s, size_t *ret)
{
	size_t end = s->n_ud ? 1u + s->ud[0] : 1, i = 1;
	const char *why = NULL;

	if (end > s->n_ud || s->n_ud == 0)
		return "the user data header goes past the user data";
	if (end == 1)
		return "the user data header is empty";
	while (!why && i < end) {
		uint8_t iei = s->ud[i], len;

		if (i + 2 > end || i + 2 + s->ud[i + 1] > end)
			return "an element goes past the header";
		len = s->ud[i + 1];
		if ((iei == 0x00 && len != 3) || (iei == 0x08 && len != 4) || (iei == 0x04 && len != 2) ||
			(iei == 0x05 && len != 4) || ((iei == 0x24 || iei == 0x25) && len != 1))
			return "an element of the header has a wrong length";
		if (iei == 0x00)
			why = read_concat(s, s->ud + i + 2, 1);
		else if (iei == 0x08)
			why = read_concat(s, s->ud + i + 2, 2);
		else if (iei == 0x24 || iei == 0x25)
			s->shifted = true;
		i += 2u + len;
	}
	*ret = end;
	return why;
}

/* Bits between `from` and `to` of the user data are all 0. */
static bool zero_bits(const uint8_t *p, size_t from, size_t to)
{
	for (; from < to; from++)
		if (p[from / 8] >> (from % 8) & 1)
			return false;
	return true;
}

static const char *read_gsm7(struct tpdu_submit *s, size_t header)
{
	size_t skip = (8 * header + 6) / 7, n;
	uint8_t septets[160];

	if (s->udl > 160)
		return "TP-UDL is above 160 septets";
	if (s->udl < skip)
		return "TP-UDL is smaller than the header";
	if (!zero_bits(s->ud, 8 * header, 7 * skip))
		return "the fill bits behind the header are not 0";
	if (!zero_bits(s->ud, 7u * s->udl, 8u * s->n_ud))
		return "the bits behind the last septet are not 0";
	n = s->udl - skip;
	for (size_t i = 0; i < n; i++)
		septets[i] = tpdu_septet(s->ud, skip + i);
	if (n > 0 && septets[n - 1] == 0x1B)
		return "an escape stands alone at the end";
	if (s->shifted)
		tpdu_to_hex(septets, n, s->text);
	else
		tpdu_septets_to_utf8(septets, n, s->text);
	return NULL;
}

static const char *read_ucs2(struct tpdu_submit *s, size_t header)
{
	const uint8_t *p = s->ud + header;
	size_t n = s->n_ud - header;
	bool high = false;

	if (n % 2)
		return "UCS-2 of an odd number of octets";
	for (size_t i = 0; i < n; i += 2) {
		bool low = (p[i] & 0xFC) == 0xDC;

		if (high != low)
			return "half a surrogate pair";
		high = (p[i] & 0xFC) == 0xD8;
	}
	if (high)
		return "a surrogate pair is cut at the end";
	tpdu_ucs2_to_utf8(p, n, s->text);
	return NULL;
}

static const char *read_user_data(struct tpdu_submit *s, const uint8_t *p, size_t n)
{
	size_t header = 0, octets = s->alphabet == TPDU_GSM7 ? (7u * s->udl + 7) / 8 : s->udl;
	const char *why = NULL;

	if (octets > TPDU_UD_MAX)
		return "the user data is longer than 140 octets";
	if (octets != n)
		return n < octets ? "TP-UDL goes past the end" : "octets behind the user data";
	memcpy(s->ud, p, n);
	s->n_ud = (uint8_t)n;
	if (s->udhi)
		why = read_header(s, &header);
	if (why)
		return why;
	if (s->alphabet == TPDU_GSM7)
		return read_gsm7(s, header);
	if (s->alphabet == TPDU_UCS2)
		return read_ucs2(s, header);
	tpdu_to_hex(s->ud + header, s->n_ud - header, s->text);
	return NULL;
}

/* 9.2.2.2 */
const char *tpdu_read_submit(const uint8_t *p, size_t n, struct tpdu_submit *ret)
{
	static const uint8_t vp_octets[] = {0, 7, 1, 7};
	struct tpdu_submit *s = ret;
	const char *why;
	size_t i = 2;

	memset(s, 0, sizeof(*s));
	if (n < 2)
		return "shorter than two octets";
	s->first = p[0];
	s->mr = p[1];
	if ((p[0] & 3) != 1)
		return "TP-MTI is not that of an SMS-SUBMIT";
	s->udhi = p[0] & 0x40;
	s->srr = p[0] & 0x20;
	s->vpf = p[0] >> 3 & 3;
	why = read_destination(p + i, n - i, s);
	if (why)
		return why;
	i += s->n_da;
	if (n < i + 3u + vp_octets[s->vpf])
		return "it ends before TP-UDL";
	s->pid = p[i++];
	s->dcs = p[i++];
	memcpy(s->vp, p + i, vp_octets[s->vpf]);
	i += vp_octets[s->vpf];
	s->udl = p[i++];
	if (s->pid >= 0x80 && s->pid < 0xC0)
		return "TP-PID is reserved";
	why = read_dcs(s);
	return why ? why : read_user_data(s, p + i, n - i);
}

static size_t put_digits(uint8_t *p, const char *s)
{
	size_t n = strlen(s);

	memset(p, 0xFF, (n + 1) / 2);
	for (size_t i = 0; i < n; i++) {
		const char *at = strchr("0123456789*#abc", s[i]);
		uint8_t v = (uint8_t)(at ? at - "0123456789*#abc" : 0);

		p[i / 2] = (uint8_t)(i % 2 ? (p[i / 2] & 0x0F) | v << 4 : 0xF0 | v);
	}
	return (n + 1) / 2;
}

size_t tpdu_put_address(uint8_t *p, const char *address)
{
	bool plus = *address == '+';
	const char *number = address + plus;
	uint8_t septets[11];
	int n;

	if (strspn(number, "0123456789*#abc") == strlen(number)) {
		if (strlen(number) > 20)
			return 0;
		p[0] = (uint8_t)strlen(number);
		p[1] = plus ? 0x91 : 0x81;
		return 2 + put_digits(p + 2, number);
	}
	n = tpdu_utf8_to_septets(address, septets, sizeof(septets));
	if (n < 0)
		return 0;
	memset(p + 2, 0, 10);
	p[0] = (uint8_t)((7 * n + 3) / 4);
	p[1] = 0xD0;
	tpdu_pack(p + 2, 0, septets, (size_t)n);
	return 2u + (7u * (unsigned)n + 7u) / 8u;
}

size_t tpdu_put_sca(uint8_t *p, const char *address)
{
	uint8_t field[16];
	size_t n = *address ? tpdu_put_address(field, address) : 0;

	if (n < 3) {
		p[0] = 0;
		return 1;
	}
	p[0] = (uint8_t)(n - 1);
	memcpy(p + 1, field + 1, n - 1);
	return n;
}

static uint8_t swapped(unsigned v)
{
	return (uint8_t)(v % 10 << 4 | v / 10 % 10);
}

/* 9.2.3.11; the proleptic calendar by days, so that no time zone of this machine comes in. */
void tpdu_put_time(uint8_t *p, int64_t t, int quarters)
{
	int64_t local = t + quarters * 900, days = local / 86400, rest = local % 86400;
	int64_t z = days + 719468, era = z / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned month = mp < 10 ? mp + 3 : mp - 9, year = (unsigned)(yoe + era * 400) + (month <= 2);

	p[0] = swapped(year % 100);
	p[1] = swapped(month);
	p[2] = swapped(doy - (153 * mp + 2) / 5 + 1);
	p[3] = swapped((unsigned)(rest / 3600));
	p[4] = swapped((unsigned)(rest / 60 % 60));
	p[5] = swapped((unsigned)(rest % 60));
	p[6] = (uint8_t)(swapped((unsigned)(quarters < 0 ? -quarters : quarters)) | (quarters < 0 ? 8 : 0));
}

/* 9.2.2.1 */
size_t tpdu_put_deliver(uint8_t *p, const struct tpdu_deliver *d)
{
	size_t n = 0;

	p[n++] = (uint8_t)(0x04 | (d->udhi ? 0x40 : 0));
	n += tpdu_put_address(p + n, d->from);
	p[n++] = d->pid;
	p[n++] = (uint8_t)d->dcs;
	tpdu_put_time(p + n, d->scts, 4);
	n += 7;
	p[n++] = d->udl;
	memcpy(p + n, d->ud, d->n_ud);
	return n + d->n_ud;
}

/* 9.2.2.3 */
size_t tpdu_put_report(uint8_t *p, uint8_t mr, const uint8_t *ra, size_t n_ra, int64_t scts, int64_t dt, uint8_t st)
{
	size_t n = 0;

	p[n++] = 0x06;
	p[n++] = mr;
	memcpy(p + n, ra, n_ra);
	n += n_ra;
	tpdu_put_time(p + n, scts, 4);
	tpdu_put_time(p + n + 7, dt, 4);
	n += 14;
	p[n++] = st;
	return n;
}

/* As much of the text as one part takes: characters stay whole. */
int tpdu_put_text(struct tpdu_deliver *d, const char **text, bool ucs2, unsigned ref, unsigned part, unsigned parts)
{
	size_t header = parts > 1 ? 6 : 0, skip = (8 * header + 6) / 7, used = 0;
	uint8_t one[4], septets[160];
	char character[5];

	memset(d->ud, 0, sizeof(d->ud));
	d->udhi = parts > 1;
	if (parts > 1)
		memcpy(d->ud, (uint8_t[]){5, 0, 3, (uint8_t)ref, (uint8_t)parts, (uint8_t)part}, 6);
	while (**text) {
		int n_char = modem_text_next(*text, character);
		size_t room = ucs2 ? 140 - header - used : 160 - skip - used;
		int n;

		if (n_char < 0)
			return -1;
		n = ucs2 ? tpdu_utf8_to_ucs2(character, one, sizeof(one)) : tpdu_utf8_to_septets(character, one, 2);
		if (n < 0)
			return -1;
		if ((size_t)n > room)
			break;
		memcpy(ucs2 ? d->ud + header + used : septets + used, one, (size_t)n);
		used += (size_t)n;
		*text += n_char;
	}
	if (!ucs2)
		tpdu_pack(d->ud, 7 * skip, septets, used);
	d->udl = (uint8_t)(ucs2 ? header + used : skip + used);
	d->n_ud = (uint8_t)(ucs2 ? d->udl : (7u * d->udl + 7) / 8);
	if (d->dcs < 0)
		d->dcs = ucs2 ? 8 : 0;
	return 0;
}
