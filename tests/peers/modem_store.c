/* SPDX-License-Identifier: Apache-2.0 */
/* modem_store.c -- the memories of a modem.
 *
 * SM is on the card, ME in the device, SR holds status reports.  MT is both of the first two under one numbering: the
 * device's places first, then the card's; makers present it so, and hence an index means nothing without its memory.
 */
#include <stdlib.h>
#include <string.h>

#include "modem_sim.h"

struct modem_mem *modem_mem_find(struct modem *m, const char *name)
{
	for (unsigned i = 0; i < m->n_mems; i++)
		if (strcmp(m->mems[i].name, name) == 0)
			return &m->mems[i];
	return NULL;
}

static bool both(const char *name)
{
	return strcmp(name, "MT") == 0;
}

bool modem_mem_known(struct modem *m, const char *name)
{
	return both(name) ? m->n_mems > 1 : modem_mem_find(m, name) != NULL;
}

void modem_mem_count(struct modem *m, const char *name, unsigned *ret_used, unsigned *ret_capacity)
{
	*ret_used = *ret_capacity = 0;
	for (unsigned i = 0; i < m->n_mems; i++) {
		struct modem_mem *mem = &m->mems[i];

		if (strcmp(mem->name, name) == 0 || (both(name) && strcmp(mem->name, "SR") != 0)) {
			*ret_used += mem->used;
			*ret_capacity += mem->capacity;
		}
	}
}

unsigned modem_mem_end(struct modem *m, const char *name)
{
	struct modem_mem *mem = modem_mem_find(m, name);
	unsigned used, capacity;

	modem_mem_count(m, name, &used, &capacity);
	return capacity + (mem ? mem->first : m->mems[0].first);
}

/* The memory and its place behind a number; NULL: there is no such place. */
static struct modem_slot *place(struct modem *m, const char *name, unsigned index, struct modem_mem **ret)
{
	struct modem_mem *mem = modem_mem_find(m, name);
	unsigned first = mem ? mem->first : m->mems[0].first;

	if (index < first)
		return NULL;
	index -= first;
	if (both(name)) {
		mem = modem_mem_find(m, "ME");
		if (mem && index >= mem->capacity) {
			index -= mem->capacity;
			mem = NULL;
		}
		if (!mem)
			mem = modem_mem_find(m, "SM");
	}
	if (!mem || index >= mem->capacity)
		return NULL;
	*ret = mem;
	return &mem->slots[index];
}

struct modem_slot *modem_mem_slot(struct modem *m, const char *name, unsigned index)
{
	struct modem_mem *mem;
	struct modem_slot *s = place(m, name, index, &mem);

	return s && s->stat != SLOT_FREE ? s : NULL;
}

static int put(struct modem_mem *mem, enum slot_stat stat, const uint8_t *sca, size_t n_sca, const uint8_t *tpdu,
	size_t n)
{
	for (unsigned i = 0; i < mem->capacity; i++) {
		struct modem_slot *s = &mem->slots[i];

		if (s->stat != SLOT_FREE)
			continue;
		s->stat = stat;
		s->n_sca = (uint8_t)n_sca;
		s->n = (uint8_t)(n_sca + n);
		memcpy(s->pdu, sca, n_sca);
		memcpy(s->pdu + n_sca, tpdu, n);
		mem->used++;
		return (int)(i + mem->first);
	}
	return -1;
}

int modem_mem_put(struct modem *m, const char *name, enum slot_stat stat, const uint8_t *sca, size_t n_sca,
	const uint8_t *tpdu, size_t n, char *ret_name)
{
	struct modem_mem *mem = modem_mem_find(m, both(name) ? "ME" : name), *card = modem_mem_find(m, "SM");
	int at = mem ? put(mem, stat, sca, n_sca, tpdu, n) : -1;

	strcpy(ret_name, name);
	if (at < 0 && both(name) && card) {
		at = put(card, stat, sca, n_sca, tpdu, n);
		if (at >= 0 && mem)
			at += mem->capacity;
	}
	return at;
}

void modem_mem_delete(struct modem *m, const char *name, unsigned index)
{
	struct modem_mem *mem;
	struct modem_slot *s = place(m, name, index, &mem);

	if (!s || s->stat == SLOT_FREE)
		return;
	s->stat = SLOT_FREE;
	mem->used--;
	m->counts.deleted++;
}

/* Only what is beyond the new end is lost. */
void modem_mem_resize(struct modem_mem *mem, unsigned capacity)
{
	struct modem_slot *slots = calloc(capacity ? capacity : 1, sizeof(*slots));

	if (!slots)
		abort();
	mem->used = 0;
	for (unsigned i = 0; i < capacity; i++) {
		slots[i].stat = SLOT_FREE;
		if (mem->slots && i < mem->capacity)
			slots[i] = mem->slots[i];
		mem->used += slots[i].stat != SLOT_FREE;
	}
	free(mem->slots);
	mem->slots = slots;
	mem->capacity = (uint16_t)capacity;
}
