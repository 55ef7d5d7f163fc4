/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h -- names of clients, campaigns, routes, links and accounts as small integers, append-only and durable.
 *
 * A new name is staged in STORE_FIRST, which goes down before all that refers to it: no row can refer to a name that is
 * not stored.  Id 0 means "none".
 */
#ifndef NAMES_H
#define NAMES_H

#include "queue/store.h"

struct names;

struct names *names_new(void);
int names_load(struct names *n, struct store *s); /* at start, blocking */
void names_free(struct names *n);

/* The id of a name, made when it is new; 0 for the empty name or when memory is out. */
uint32_t names_get(struct names *n, enum name_kind kind, const char *text);
/* The id of a name, 0 when it was never seen. */
uint32_t names_find(const struct names *n, enum name_kind kind, const char *text);
/* Never NULL: "" for 0 and for the unknown. */
const char *names_text(const struct names *n, enum name_kind kind, uint32_t id);
/* How many there are; who makes names out of what clients send bounds them by it. */
uint32_t names_count(const struct names *n, enum name_kind kind);

#endif
