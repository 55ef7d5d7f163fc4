/* SPDX-License-Identifier: Apache-2.0 */
/* inbound_int.h -- what inbound.c (rules, whole messages, the pool) and inbound_parts.c (parts, joining) share. */
#ifndef INTAKE_INBOUND_INT_H
#define INTAKE_INBOUND_INT_H

#include "codec/udh.h"
#include "intake/inbound.h"

/* A message_payload has at most 65,535 octets; four of UTF-8 each is more than any alphabet makes of them, and a header
 * that stood in TLVs may go before. */
#define INBOUND_TEXT_MAX 262144
#define INBOUND_RAW_MAX	 65552

struct inbound_op {
	union {
		struct store_op op;
		struct op_inbound whole;
		struct op_inbound_part part;
	};
	struct inbound_op *next, **at; /* in work: a list; free: next only */
	struct inbound *in;
	struct link *link; /* NULL: gone */
	struct driver_token token;
	char *memory; /* the strings, one after the other */
};

struct inbound {
	struct inbound_needs needs;
	struct inbound_op *work, *kept;
	unsigned n_work, n_kept;

	uv_timer_t timer; /* the sweep */
	struct q_inbound_due due;
	bool started, stopping, freeing, timer_closed;
	bool sweeping, again; /* again: something due was passed over */
	unsigned n_joins;
	int64_t told_full_ms, told_failed_ms;
};

/* inbound.c */
struct inbound_strings {
	const char *from, *to, *text;
	uint32_t n_text;
	const uint8_t *raw;
	uint32_t n_raw;
};
struct inbound_op *inbound_op_new(struct inbound *in, struct link *l, const struct link_inbound *m,
	struct driver_token token, struct inbound_strings *ret, int *ret_r); /* the strings are copies in op->memory */
void inbound_op_done(struct inbound_op *o); /* free it and acknowledge with what came of it */
/* Client and endpoint of a message by the rules; 0: nobody. */
void inbound_route(struct inbound *in, const char *link, const struct link_inbound *m, struct op_inbound *op);

/* inbound_parts.c */
bool inbound_is_part(const struct link_inbound *m, struct udh_concat *ret);
int inbound_take_part(struct inbound *in, struct link *l, const struct link_inbound *m, const struct udh_concat *c,
	struct driver_token token);

#endif
