/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_json.h -- events as the body of a request.
 *
 *     {"events":[{"event":"evt_3_0_17","type":"message.status","id":"…","to":"+…","state":"delivered",…},…]}
 *
 *
 * This runs once per event on the loop thread, so it writes straight into the buffer: the room that an
 * event can take at most is reserved once, and no call behind it can fail.  What is empty is left out
 * ("ref", "error"), as in the answers of the HTTP interface.
 *
 * The body is valid JSON whatever the rows hold: a carrier's raw text that is no UTF-8 shows U+FFFD.
 */
#ifndef WEBHOOK_JSON_H
#define WEBHOOK_JSON_H

#include <stddef.h>

#include "base/buf.h"
#include "queue/names.h"
#include "queue/store.h"

#define WEBHOOK_BODY_MAX ((size_t)1 << 20) /* octets of one body */

struct webhook_source {
	uint32_t endpoint; /* both are part of the events' ids */
	unsigned shard;
	const struct names *names; /* of links */
};

/* Write as many of the events as fit, from the first on; `b` is empty and holds WEBHOOK_BODY_MAX.
 * Returns how many (at least 1), -EMSGSIZE when the first alone is too large, -ENOMEM. */
int webhook_json(struct buf *b, const struct webhook_source *s, const struct store_event *events, unsigned n);

#endif
