/* SPDX-License-Identifier: Apache-2.0 */
/* quirks.h -- how the modem at hand differs from the standard: base/conf_make.h, chosen by what it tells of itself. */
#ifndef MODEM_QUIRKS_H
#define MODEM_QUIRKS_H

struct modem;
struct conf_make;

/* Maker, model and firmware are known: choose, and tell those that must know at once. */
void quirks_choose(struct modem *m);
/* Never NULL. */
const struct conf_make *quirks(const struct modem *m);

#endif
