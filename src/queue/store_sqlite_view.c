/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_view.c -- placeholder
 */
#include "queue/store_sqlite.h"
#include <errno.h>
#define S(n) int n(struct reader *r, struct store_query *q) { return -ENOSYS; }
S(read_lane_count) S(read_message) S(read_list) S(read_stream) S(read_webhooks) S(read_inbound) S(read_parked) S(read_tagged) S(read_index)
void free_view(struct store_query *q) {}
