/* SPDX-License-Identifier: Apache-2.0
 *
 * api_links.h -- what links tell beside their counters, for the views of other files of the API.
 */
#ifndef INTAKE_API_LINKS_H
#define INTAKE_API_LINKS_H

#include "intake/api_impl.h"

/* "facts" and "alarms" of a link's object. */
void api_put_told(struct json_out *o, struct link *l, const struct link_view *v);
/* Gauges of the numbers among the facts, and the alarms. */
void api_metrics_told(struct api *a, struct buf *b);

#endif
