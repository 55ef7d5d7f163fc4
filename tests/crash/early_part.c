/* SPDX-License-Identifier: Apache-2.0
 *
 * early_part.c -- the gateway as it must not be: it acknowledges parts when it has read them.
 *
 * posthornd-early-part is posthornd, linked from the same objects with -Wl,--wrap=inbound_take,--wrap=link_ack and
 * this file.  The answer goes out at once; what the store says later is told to nobody.  It exists for
 * inbound_parts_can_fail.py, which demands that the audit of inbound_parts.py misses parts with it.
 */
#include "intake/inbound.h"
#include "route/link.h"

int __real_inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token);
int __wrap_inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token);
void __real_link_ack(struct link *l, struct driver_token token, int status);
void __wrap_link_ack(struct link *l, struct driver_token token, int status);

int __wrap_inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token)
{
	int r = __real_inbound_take(arg, l, m, token);

	if (r == 0)
		__real_link_ack(l, token, 0);
	return r;
}

void __wrap_link_ack(struct link *l, struct driver_token token, int status)
{
}
