/* SPDX-License-Identifier: Apache-2.0 */
/* chat_line.h -- what a line of a modem looks like, for chat.c to decide whose it is.  Pure. */
#ifndef MODEM_CHAT_LINE_H
#define MODEM_CHAT_LINE_H

#include <stdbool.h>
#include <stddef.h>

bool line_begins_with(const char *line, const char *const *list, size_t n);
/* One that modems of any make say unasked. */
bool line_is_urc(const char *line);
bool line_is_hex(const char *s);
/* +CMT, +CDS, +CBM: one more line belongs to it. */
bool line_wants_pdu(const char *line);
size_t line_name_length(const char *s);
/* Where no prefix is known: may the line be of that command's answer? */
bool line_may_answer(const char *line, const char *command);
/* A +CUSD whose text goes on in the next line. */
bool line_is_open_ussd(const char *line);

#endif
