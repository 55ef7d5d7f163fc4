/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_deliver.c -- receipts and MO on their way: choose a bind, keep its window, hear the answer, try again.
 *
 * An item is in exactly one place: the wheel, the queue of its account, or a slot of a connection.  It leaves
 * with an acknowledgement, a refusal for good, or after its last try; a lost connection puts it back.
 */
#include "smsc_sim.h"

static bool can_take(const struct smsc_conn *c)
{
	return !c->closing && !c->finishing && !c->mute && !c->unbinding &&
	       c->n_outstanding < c->sim->opt.deliver_window && smsc_conn_has_room(c);
}

static struct smsc_conn *choose(struct smsc_account *a, const struct smsc_item *it)
{
	struct smsc_conn *c;

	TAILQ_FOREACH(c, &a->rx, rx)
	{
		if (it->other_bind && a->n_rx > 1 && (uint8_t)c->serial == it->origin)
			continue;
		if (can_take(c))
			return c;
	}
	return NULL;
}

static void send_item(struct smsc_conn *c, uint32_t i)
{
	struct smsc_sim *sim = c->sim;
	struct smsc_item *it = smsc_item(&sim->receipts, i);
	uint8_t buf[SMSC_DELIVER_MAX];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	struct smsc_slot *slot;

	do {
		slot = &c->slots[c->next_sequence & c->slots_mask];
		if (slot->sequence == 0)
			slot->sequence = c->next_sequence;
		else
			slot = NULL;
		/* SMPP 3.4, 3.2: sequence numbers run from 1 to 7FFFFFFF. */
		c->next_sequence = c->next_sequence == 0x7FFFFFFF ? 1 : c->next_sequence + 1;
	} while (!slot);
	slot->item = i;
	slot->sent_ms = sim->now_ms;
	c->n_outstanding++;
	it->tries++;
	smsc_receipts_write(&sim->receipts, i, slot->sequence, &o);
	smsc_conn_write(c, o.p, o.n);
	if (it->mo)
		sim->stats.mo_sent++;
	else
		sim->stats.receipts_sent++;
}

static void pump(struct smsc_sim *sim, uint8_t account)
{
	struct smsc_account *a = &sim->accounts[account];
	uint32_t i;

	if (sim->holding)
		return;
	while ((i = smsc_receipts_peek(&sim->receipts, account)) != SMSC_NONE) {
		struct smsc_conn *c = choose(a, smsc_item(&sim->receipts, i));

		if (!c)
			return;
		smsc_receipts_pop(&sim->receipts, account);
		send_item(c, i);
		TAILQ_REMOVE(&a->rx, c, rx);
		TAILQ_INSERT_TAIL(&a->rx, c, rx);
	}
}

void smsc_deliver_pump(struct smsc_sim *sim)
{
	if (sim->receipts.n_ready == 0)
		return;
	for (unsigned i = 0; i < sim->n_accounts; i++)
		pump(sim, (uint8_t)i);
}

/* Before anything else is written: other binds get it on the wire, the calling one has it ahead of its
 * answer. */
void smsc_deliver_now(struct smsc_conn *caller)
{
	struct smsc_sim *sim = caller->sim;
	struct smsc_conn *c, *next;

	pump(sim, caller->account);
	for (c = TAILQ_FIRST(&sim->accounts[caller->account].rx); c; c = next) {
		next = TAILQ_NEXT(c, rx);
		if (c->dirty && c != caller)
			smsc_conn_flush(c);
	}
}

static void try_again(struct smsc_sim *sim, uint32_t i)
{
	struct smsc_item *it = smsc_item(&sim->receipts, i);

	if (it->tries >= sim->opt.receipt_tries) {
		if (it->mo)
			sim->stats.mo_refused++;
		else
			sim->stats.receipts_refused++;
		smsc_receipts_free(&sim->receipts, i);
		return;
	}
	sim->stats.receipts_retried++;
	smsc_receipts_tick(&sim->receipts, sim->now_ms);
	smsc_receipts_wait(&sim->receipts, i, sim->now_ms + sim->opt.receipt_retry_ms);
	smsc_sim_want_tick(sim);
}

static bool temporary(uint32_t status)
{
	return status == ESME_RSYSERR || status == ESME_RMSGQFUL || status == ESME_RTHROTTLED ||
	       status == ESME_RX_T_APPN;
}

bool smsc_deliver_answered(struct smsc_conn *c, uint32_t sequence, uint32_t status)
{
	struct smsc_slot *slot = &c->slots[sequence & c->slots_mask];
	struct smsc_sim *sim = c->sim;
	struct smsc_item *it;

	if (sequence == 0 || slot->sequence != sequence)
		return false;
	slot->sequence = 0;
	c->n_outstanding--;
	it = smsc_item(&sim->receipts, slot->item);
	if (temporary(status)) {
		try_again(sim, slot->item);
		return true;
	}
	if (it->mo)
		*(status ? &sim->stats.mo_refused : &sim->stats.mo_acked) += 1;
	else
		*(status ? &sim->stats.receipts_refused : &sim->stats.receipts_acked) += 1;
	smsc_receipts_free(&sim->receipts, slot->item);
	return true;
}

void smsc_deliver_timeouts(struct smsc_conn *c)
{
	for (uint32_t i = 0; c->n_outstanding > 0 && i <= c->slots_mask; i++) {
		struct smsc_slot *slot = &c->slots[i];

		if (!slot->sequence || c->sim->now_ms - slot->sent_ms < c->sim->opt.deliver_timeout_ms)
			continue;
		slot->sequence = 0;
		c->n_outstanding--;
		c->sim->stats.timeouts++;
		try_again(c->sim, slot->item);
	}
}

void smsc_deliver_lost(struct smsc_conn *c)
{
	for (uint32_t i = 0; i <= c->slots_mask; i++) {
		if (!c->slots[i].sequence)
			continue;
		c->slots[i].sequence = 0;
		/* Lost with the line, not refused: this try does not count. */
		smsc_item(&c->sim->receipts, c->slots[i].item)->tries--;
		smsc_receipts_ready(&c->sim->receipts, c->slots[i].item);
	}
	c->n_outstanding = 0;
}
