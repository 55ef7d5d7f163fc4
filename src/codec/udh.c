/* SPDX-License-Identifier: Apache-2.0 */
/* udh.c -- read the user data header at the start of a TP-UD.
 *
 * The walk keeps two pointers, and each step first asks how much lies between them: that is the whole of the
 * bounds check.  The three finders read the header to its end even after a hit, since the last of two equal
 * elements counts and since a header that breaks later is not to be believed (3GPP TS 23.040, 9.2.3.24). */
#include "codec/udh.h"

#include <errno.h>

int udh_open(struct udh_walk *w, const uint8_t *ud, size_t n, size_t *ret_n_udh)
{
	if (n == 0 || (size_t)ud[0] + 1 > n)
		return -EBADMSG;
	w->at = ud + 1;
	w->end = ud + 1 + ud[0];
	if (ret_n_udh)
		*ret_n_udh = (size_t)ud[0] + 1;
	return 0;
}

int udh_next(struct udh_walk *w, struct udh_ie *ret)
{
	size_t left = (size_t)(w->end - w->at);

	if (left == 0)
		return 0;
	if (left < 2 || w->at[1] > left - 2)
		return -EBADMSG;
	ret->iei = w->at[0];
	ret->n = w->at[1];
	ret->data = w->at + 2;
	w->at += 2 + (size_t)ret->n;
	return 1;
}

int udh_check(const uint8_t *ud, size_t n, size_t *ret_n_udh)
{
	struct udh_walk w;
	struct udh_ie ie;
	size_t n_udh;
	int r;

	r = udh_open(&w, ud, n, &n_udh);
	if (r < 0)
		return r;
	while ((r = udh_next(&w, &ie)) > 0)
		;
	if (r == 0 && ret_n_udh)
		*ret_n_udh = n_udh;
	return r;
}

/* Each reader takes one element into `ret` and says whether it was one of its kind and made sense. */
typedef bool (*take_fn)(const struct udh_ie *ie, void *ret);

static int find(const uint8_t *ud, size_t n, take_fn take, void *ret)
{
	struct udh_walk w;
	struct udh_ie ie;
	int found = 0;
	int r;

	r = udh_check(ud, n, NULL); /* first, so that nothing is written when it fails */
	if (r != 0)
		return r;
	r = udh_open(&w, ud, n, NULL);
	if (r < 0)
		return r;
	while (udh_next(&w, &ie) > 0) {
		if (take(&ie, ret))
			found = 1;
	}
	return found;
}

static bool take_concat(const struct udh_ie *ie, void *ret)
{
	struct udh_concat c;

	if (ie->iei == UDH_CONCAT8 && ie->n == 3)
		c = (struct udh_concat){.ref = ie->data[0], .total = ie->data[1], .seq = ie->data[2]};
	else if (ie->iei == UDH_CONCAT16 && ie->n == 4)
		c = (struct udh_concat){.ref = (uint16_t)(ie->data[0] << 8 | ie->data[1]),
			.total = ie->data[2],
			.seq = ie->data[3],
			.wide = true};
	else
		return false;
	if (c.seq == 0 || c.seq > c.total) /* total 0 falls here too; 9.2.3.24.1: ignore the element */
		return false;
	*(struct udh_concat *)ret = c;
	return true;
}

static bool take_ports(const struct udh_ie *ie, void *ret)
{
	struct udh_ports *p = ret;

	if (ie->iei == UDH_PORTS8 && ie->n == 2)
		*p = (struct udh_ports){.dst = ie->data[0], .src = ie->data[1]};
	else if (ie->iei == UDH_PORTS16 && ie->n == 4)
		*p = (struct udh_ports){.dst = (uint16_t)(ie->data[0] << 8 | ie->data[1]),
			.src = (uint16_t)(ie->data[2] << 8 | ie->data[3]),
			.wide = true};
	else
		return false;
	return true;
}

static bool take_shift(const struct udh_ie *ie, void *ret)
{
	struct gsm7_shift *s = ret;

	if (ie->n != 1)
		return false;
	if (ie->iei == UDH_SINGLE)
		s->single = ie->data[0];
	else if (ie->iei == UDH_LOCKING)
		s->locking = ie->data[0];
	else
		return false;
	return true;
}

int udh_find_concat(const uint8_t *ud, size_t n, struct udh_concat *ret)
{
	return find(ud, n, take_concat, ret);
}

int udh_find_ports(const uint8_t *ud, size_t n, struct udh_ports *ret)
{
	return find(ud, n, take_ports, ret);
}

int udh_find_shift(const uint8_t *ud, size_t n, struct gsm7_shift *ret)
{
	struct gsm7_shift s = {0, 0};
	int r;

	r = find(ud, n, take_shift, &s);
	if (r > 0)
		*ret = s;
	return r;
}
