/* SPDX-License-Identifier: Apache-2.0 */
/* status.h -- what each command_status means for the message and for the session. */
#ifndef SMPP_STATUS_H
#define SMPP_STATUS_H

#include <stddef.h>
#include <stdint.h>

/* SMPP 3.4, 5.1.3: those that this driver itself names. */
#define ESME_OK              0x00000000u
#define ESME_BAD_MSG_LEN     0x00000001u
#define ESME_BAD_CMD_LEN     0x00000002u
#define ESME_BAD_CMD_ID      0x00000003u
#define ESME_BAD_BIND_STATE  0x00000004u
#define ESME_ALREADY_BOUND   0x00000005u
#define ESME_BAD_SOURCE      0x0000000au
#define ESME_BAD_DEST        0x0000000bu
#define ESME_BAD_MSG_ID      0x0000000cu
#define ESME_BIND_FAILED     0x0000000du
#define ESME_BAD_PASSWORD    0x0000000eu
#define ESME_BAD_SYSTEM_ID   0x0000000fu
#define ESME_QUEUE_FULL      0x00000014u
#define ESME_BAD_SERVICE     0x00000015u
#define ESME_BAD_SYSTEM_TYPE 0x00000053u
#define ESME_BAD_SCHEDULE    0x00000061u
#define ESME_BAD_EXPIRY      0x00000062u
#define ESME_TEMPORARY       0x00000064u
#define ESME_PROHIBITED      0x00000101u

enum status_class {
	STATUS_OK,
	/* As base/smpp_status.def explains them. */
	STATUS_PERMANENT,
	STATUS_RECIPIENT,
	STATUS_TEMPORARY,
	STATUS_THROTTLE,
	STATUS_LINK_FATAL,
	STATUS_DUPLICATE,
};

/* Codes that no table knows are temporary: the attempts are bounded above, and nothing is lost by a vendor's
 * invention. */
enum status_class status_class(uint32_t status);

/* "ESME_RTHROTTLED"; "" for a code without a name. */
const char *status_name(uint32_t status);

/* The name, or "command_status 0x00000461" written into `buf`. */
const char *status_text(uint32_t status, char *buf, size_t n_buf);

#endif
