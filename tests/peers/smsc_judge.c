/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_judge.c -- apply a script: which rule strikes now, and what becomes of a message.
 *
 * Called for every PDU, so it walks a short array and allocates nothing.  Nothing here is random: counters
 * and a hash of the destination decide, so that a failed test fails again.
 */
#include <string.h>

#include "smsc_script.h"
#include "smsc_stats.h"

/* `*` at the end stands for any rest, `?` for one character; an empty pattern matches all. */
static bool matches(const char *pattern, struct smsc_str s)
{
	size_t i = 0;

	if (!*pattern)
		return true;
	for (; *pattern; pattern++, i++) {
		if (pattern[0] == '*' && pattern[1] == 0)
			return true;
		if (i == s.n || (*pattern != '?' && *pattern != s.s[i]))
			return false;
	}
	return i == s.n;
}

void smsc_script_judge(struct smsc_script *s, enum smsc_event ev, struct smsc_str from, struct smsc_str to,
	struct smsc_verdict *ret)
{
	*ret = (struct smsc_verdict){.answer = ACTION_NONE};
	for (unsigned i = 0; i < s->n_rules; i++) {
		struct smsc_rule *u = &s->rules[i];
		bool hit;

		if (u->event != ev || !matches(u->to, to) || !matches(u->from, from))
			continue;
		u->n_seen++;
		hit = u->every ? !s->calm && u->n_seen % u->every == 0 : u->n_seen >= u->first && u->n_seen <= u->last;
		if (!hit)
			continue;
		if (u->action == ACTION_MO) {
			ret->mo = u;
		} else if (u->after) {
			ret->after = u->action;
		} else if (ret->answer == ACTION_NONE) {
			ret->answer = u->action;
			ret->status = u->status;
		}
	}
}

unsigned smsc_script_outcome(const struct smsc_script *s, struct smsc_str to)
{
	unsigned pick;

	for (unsigned i = 0; i < s->n_outcomes; i++)
		if (s->outcomes[i].to[0] && matches(s->outcomes[i].to, to))
			return i;
	if (s->n_outcomes == 1)
		return 0;
	pick = (unsigned)(smsc_hash(to.s, to.n, 0) % s->total_weight);
	for (unsigned i = 0; i < s->n_outcomes; i++) {
		if (pick < s->outcomes[i].weight)
			return i;
		pick -= s->outcomes[i].weight;
	}
	return 0;
}
