/* SPDX-License-Identifier: Apache-2.0
 *
 * names.c -- names as small integers: a hash table over an append-only array per kind.
 *
 * There are as many names as clients, links, routes and campaigns have ever been called, so an entry is kept small and
 * nothing is ever removed.  The table is open addressing over (kind, text); slots hold index + 1 of an entry.
 *
 * The row of a new name goes down before all that may refer to it (STORE_FIRST).
 */
#include "queue/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define NAME_KINDS (NAME_ACCOUNT + 1)

struct name {
	struct op_name *op; /* while it is being stored */
	uint32_t id;
	uint8_t kind;
	bool stored;
	char text[];
};

struct names {
	struct store *store;
	struct {
		struct name **by_id; /* by_id[id], [0] unused */
		uint32_t n, cap;
	} kinds[NAME_KINDS];
	struct name **slots;
	size_t n_slots, n_names;
	bool missed; /* one of those on disk, for want of memory: its number would be given again */
};

struct names *names_new(void)
{
	struct names *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->n_slots = 64;
	n->slots = calloc(n->n_slots, sizeof *n->slots);
	if (!n->slots) {
		free(n);
		return NULL;
	}
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n_slots; i++) {
		if (n->slots[i])
			free(n->slots[i]->op);
		free(n->slots[i]);
	}
	for (int k = 0; k < NAME_KINDS; k++)
		free(n->kinds[k].by_id);
	free(n->slots);
	free(n);
}

static struct name **slot(struct name **slots, size_t n_slots, unsigned kind, const char *text)
{
	size_t i = hash_bytes(kind, text, strlen(text)) & (n_slots - 1);

	while (slots[i] && (slots[i]->kind != kind || strcmp(slots[i]->text, text)))
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

/* Room for one more, at most half full. */
static int widen(struct names *n)
{
	size_t n_slots = n->n_slots * 2;
	struct name **slots;

	if (n->n_names * 2 < n->n_slots)
		return 0;
	slots = calloc(n_slots, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < n->n_slots; i++)
		if (n->slots[i])
			*slot(slots, n_slots, n->slots[i]->kind, n->slots[i]->text) = n->slots[i];
	free(n->slots);
	n->slots = slots;
	n->n_slots = n_slots;
	return 0;
}

static int reserve_id(struct names *n, unsigned kind, uint32_t id)
{
	uint32_t cap = n->kinds[kind].cap;
	struct name **by_id;

	if (id < cap)
		return 0;
	while (cap <= id)
		cap = cap ? cap * 2 : 16;
	by_id = realloc(n->kinds[kind].by_id, cap * sizeof *by_id);
	if (!by_id)
		return -ENOMEM;
	memset(by_id + n->kinds[kind].cap, 0, (cap - n->kinds[kind].cap) * sizeof *by_id);
	n->kinds[kind].by_id = by_id;
	n->kinds[kind].cap = cap;
	return 0;
}

static struct name *add(struct names *n, unsigned kind, uint32_t id, const char *text)
{
	size_t n_text = strlen(text) + 1;
	struct name *e;

	if (widen(n) < 0 || reserve_id(n, kind, id) < 0)
		return NULL;
	e = calloc(1, sizeof *e + n_text);
	if (!e)
		return NULL;
	e->kind = kind;
	e->id = id;
	memcpy(e->text, text, n_text);
	*slot(n->slots, n->n_slots, kind, text) = e;
	n->n_names++;
	n->kinds[kind].by_id[id] = e;
	if (n->kinds[kind].n < id)
		n->kinds[kind].n = id;
	return e;
}

static void on_stored(struct store_op *op)
{
	struct name *e = op->arg;

	e->stored = op->r == 0;
	free(e->op);
	e->op = NULL;
}

/* false: out of memory. */
static bool stage(struct names *n, struct name *e)
{
	if (e->stored || e->op || !n->store)
		return true;
	e->op = calloc(1, sizeof *e->op);
	if (!e->op)
		return false;
	e->op->op = (struct store_op){.kind = OP_NAME, .rows = 1, .done = on_stored, .arg = e};
	e->op->kind = e->kind;
	e->op->id = e->id;
	memcpy(e->op->text, e->text, strlen(e->text) + 1);
	store_stage(n->store, STORE_FIRST, &e->op->op);
	return true;
}

static void on_loaded(void *arg, enum name_kind kind, uint32_t id, const char *text)
{
	struct names *n = arg;
	struct name *e;

	if (kind >= NAME_KINDS || strlen(text) > MSG_REF_MAX)
		return;
	e = add(n, kind, id, text);
	if (e)
		e->stored = true;
	else
		n->missed = true;
}

int names_load(struct names *n, struct store *s)
{
	int r;

	n->store = s;
	r = store_names(s, on_loaded, n);
	return r == 0 && n->missed ? -ENOMEM : r;
}

uint32_t names_get(struct names *n, enum name_kind kind, const char *text)
{
	struct name *e;

	if (!*text || strlen(text) > MSG_REF_MAX)
		return 0;
	e = *slot(n->slots, n->n_slots, kind, text);
	if (!e)
		e = add(n, kind, n->kinds[kind].n + 1, text);
	return e && stage(n, e) ? e->id : 0;
}

uint32_t names_find(const struct names *n, enum name_kind kind, const char *text)
{
	const struct name *e = *slot(n->slots, n->n_slots, kind, text);

	return e ? e->id : 0;
}

const char *names_text(const struct names *n, enum name_kind kind, uint32_t id)
{
	if (kind >= NAME_KINDS || id >= n->kinds[kind].cap || !n->kinds[kind].by_id[id])
		return "";
	return n->kinds[kind].by_id[id]->text;
}

uint32_t names_count(const struct names *n, enum name_kind kind)
{
	return n->kinds[kind].n;
}
