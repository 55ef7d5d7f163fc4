/* SPDX-License-Identifier: Apache-2.0 */
/* http_room.c -- see http_room.h. */
#include "intake/http_room.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct http_room {
	size_t total, held; /* held may be more: http_room_take_anyway() */
	size_t *by_owner;
	uint32_t n_owners;
};

int http_room_new(size_t total, struct http_room **ret_room)
{
	struct http_room *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->total = total;
	*ret_room = r;
	return 0;
}

void http_room_free(struct http_room *r)
{
	if (r == NULL)
		return;
	free(r->by_owner);
	free(r);
}

static bool knows(struct http_room *r, uint32_t owner)
{
	size_t n = (size_t)owner + 16;
	size_t *by_owner;

	if (owner < r->n_owners)
		return true;
	by_owner = realloc(r->by_owner, n * sizeof(*by_owner));
	if (by_owner == NULL)
		return false;
	memset(by_owner + r->n_owners, 0, (n - r->n_owners) * sizeof(*by_owner));
	r->by_owner = by_owner;
	r->n_owners = (uint32_t)n;
	return true;
}

static bool take_within(struct http_room *r, uint32_t owner, size_t n, unsigned quarters)
{
	size_t left = r->held < r->total ? r->total - r->held : 0, own;

	if (n > left || !knows(r, owner))
		return false;
	own = r->by_owner[owner];
	/* left + own: what others leave */
	return (own + n) * 4 <= (left + own) * quarters && http_room_take_anyway(r, owner, n);
}

bool http_room_take(struct http_room *r, uint32_t owner, size_t n)
{
	return take_within(r, owner, n, 2);
}

bool http_room_grow(struct http_room *r, uint32_t owner, size_t n)
{
	return take_within(r, owner, n, 3);
}

bool http_room_take_anyway(struct http_room *r, uint32_t owner, size_t n)
{
	if (!knows(r, owner))
		return false;
	r->by_owner[owner] += n;
	r->held += n;
	return true;
}

void http_room_give(struct http_room *r, uint32_t owner, size_t n)
{
	if (n == 0)
		return;
	assert(owner < r->n_owners && r->by_owner[owner] >= n && r->held >= n);
	r->by_owner[owner] -= n;
	r->held -= n;
}

size_t http_room_held(const struct http_room *r)
{
	return r->held;
}

size_t http_room_most(const struct http_room *r)
{
	return r->total / 2;
}

bool http_room_is_scarce(const struct http_room *r)
{
	return r->held > r->total / 2;
}
