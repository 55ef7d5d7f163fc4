/* SPDX-License-Identifier: Apache-2.0 */
/* http_room.h -- the octets that all connections together may hold for their clients.
 *
 * A connection holds little by itself; what is large (a body, a stream's rows, an answer that is not fetched) takes
 * room here first.  One owner, a client of the API, gets no more than half of what others leave: alone at most half,
 * the next one half of the rest, so that whoever comes finds some.  For what its bodies become it may have a quarter
 * more.
 */
#ifndef INTAKE_HTTP_ROOM_H
#define INTAKE_HTTP_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_room;

/* Owners are small integers; 0 is one, too. */
int http_room_new(size_t total, struct http_room **ret_room);
void http_room_free(struct http_room *r);

/* false: not now, and nothing is taken. */
bool http_room_take(struct http_room *r, uint32_t owner, size_t n);
/* What was let in became larger. */
bool http_room_grow(struct http_room *r, uint32_t owner, size_t n);
/* What cannot be refused any more; false: out of memory, and it is not counted. */
bool http_room_take_anyway(struct http_room *r, uint32_t owner, size_t n);
void http_room_give(struct http_room *r, uint32_t owner, size_t n);

size_t http_room_held(const struct http_room *r);
size_t http_room_most(const struct http_room *r); /* more than this one owner never gets at once */
bool http_room_is_scarce(const struct http_room *r); /* more than half is taken */

#endif
