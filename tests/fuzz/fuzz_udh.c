/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_udh.c -- any octets as user data with a header.
 *
 * Promises held: the walk ends, elements lie inside the header and one behind the other, a header that breaks anywhere
 * gives nothing to any of the finders, and what they find is sound.  Each finder is held against a plain reading of the
 * same octets: the last element of its kind that makes sense counts. */
#include "codec/udh.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct udh_concat concat;
	struct udh_ports ports;
	struct gsm7_shift shift;
	bool has_concat, has_ports, has_shift;
};

/* Octet by octet, as the document's tables stand.  False: the header is broken. */
static bool read_plainly(const uint8_t *d, size_t n, struct seen *s)
{
	size_t end, i = 1;

	memset(s, 0, sizeof(*s));
	if (n < 1 || (end = 1u + d[0]) > n)
		return false;
	while (i < end) {
		const uint8_t *v = d + i + 2;

		if (end - i < 2 || end - i - 2 < d[i + 1])
			return false;
		if (d[i] == 0 && d[i + 1] == 3 && v[2] && v[2] <= v[1]) {
			s->concat = (struct udh_concat){ .ref = v[0], .total = v[1], .seq = v[2] };
			s->has_concat = true;
		} else if (d[i] == 8 && d[i + 1] == 4 && v[3] && v[3] <= v[2]) {
			s->concat = (struct udh_concat){ .ref = (uint16_t)(v[0] * 256 + v[1]), .total = v[2],
				.seq = v[3], .wide = true };
			s->has_concat = true;
		} else if (d[i] == 4 && d[i + 1] == 2) {
			s->ports = (struct udh_ports){ .dst = v[0], .src = v[1] };
			s->has_ports = true;
		} else if (d[i] == 5 && d[i + 1] == 4) {
			s->ports = (struct udh_ports){ .dst = (uint16_t)(v[0] * 256 + v[1]),
				.src = (uint16_t)(v[2] * 256 + v[3]), .wide = true };
			s->has_ports = true;
		} else if ((d[i] == 0x24 || d[i] == 0x25) && d[i + 1] == 1) {
			*(d[i] == 0x24 ? &s->shift.single : &s->shift.locking) = v[0];
			s->has_shift = true;
		}
		i += 2u + d[i + 1];
	}
	return true;
}

static void walk(const uint8_t *data, size_t size, bool sound)
{
	const uint8_t *end = data + 1;
	struct udh_walk w;
	struct udh_ie ie;
	size_t n_udh;
	int r;

	if (udh_open(&w, data, size, &n_udh) < 0) {
		assert(!sound);
		return;
	}
	assert(n_udh <= size);
	while ((r = udh_next(&w, &ie)) > 0) {
		assert(ie.data == end + 2 && ie.data + ie.n <= data + n_udh);
		end = ie.data + ie.n;
	}
	assert(sound == (r == 0));
	if (r == 0)
		assert(end == data + n_udh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udh_concat concat;
	struct udh_ports ports;
	struct gsm7_shift shift;
	struct seen s;
	bool sound = read_plainly(data, size, &s);
	int r;

	walk(data, size, sound);
	assert(udh_check(data, size, NULL) == (sound ? 0 : -EBADMSG));
	r = udh_find_concat(data, size, &concat);
	assert(r == (sound ? s.has_concat : -EBADMSG));
	if (r > 0)
		assert(concat.ref == s.concat.ref && concat.total == s.concat.total && concat.seq == s.concat.seq &&
		       concat.wide == s.concat.wide);
	r = udh_find_ports(data, size, &ports);
	assert(r == (sound ? s.has_ports : -EBADMSG));
	if (r > 0)
		assert(ports.dst == s.ports.dst && ports.src == s.ports.src && ports.wide == s.ports.wide);
	r = udh_find_shift(data, size, &shift);
	assert(r == (sound ? s.has_shift : -EBADMSG));
	if (r > 0)
		assert(shift.single == s.shift.single && shift.locking == s.shift.locking);
	return 0;
}
