/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h -- the configuration as plain C: read whole, checked whole, then never written again.
 *
 * A file is either right and becomes a `struct conf`, or it is refused with one message that names file, line
 * and setting.  There is no half-loaded state, which is what makes a reload all or nothing: load the new one
 * beside the old, compare, swap, free the old.  What may be set, its type, range, default and help stand in
 * one table (conf_table.c); the parser, the comparison, the example file and the manual page all follow it.
 *
 * Fields are named as their settings.  Durations are given in seconds (decimals allowed) and kept in
 * milliseconds, which the field says: `timeout` becomes `timeout_ms`.  Strings are never NULL; "" means not
 * given.  Paths are complete: relative ones start from the folder of the configuration file.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sockaddr;

/* Order as the words in the table. */
enum conf_role { CONF_ROLE_CLIENT, CONF_ROLE_OPERATOR };
enum conf_class { CONF_CLASS_OTP, CONF_CLASS_SERVICE, CONF_CLASS_MARKETING };
enum conf_bind { CONF_BIND_TRANSCEIVER, CONF_BIND_TRANSMITTER, CONF_BIND_RECEIVER, CONF_BIND_SPLIT };
enum conf_host_order { CONF_HOST_ORDER_PRIMARY, CONF_HOST_ORDER_ROUND_ROBIN };
enum conf_alphabet {
	CONF_ALPHABET_GSM7_UNPACKED,
	CONF_ALPHABET_GSM7_PACKED,
	CONF_ALPHABET_LATIN1,
	CONF_ALPHABET_ASCII
};
enum conf_concat { CONF_CONCAT_UDH8, CONF_CONCAT_UDH16, CONF_CONCAT_SAR, CONF_CONCAT_PAYLOAD };
enum conf_receipts { CONF_RECEIPTS_EACH, CONF_RECEIPTS_ONE, CONF_RECEIPTS_NONE };
/* How a flash message is told: the class bit of data_coding, the class group of data_coding, dest_addr_subunit. */
enum conf_flash { CONF_FLASH_CLASS_BIT, CONF_FLASH_CLASS_GROUP, CONF_FLASH_SUBUNIT };
enum conf_query { CONF_QUERY_NO, CONF_QUERY_LATE };
enum conf_sender_alphabet { CONF_SENDER_LATIN1, CONF_SENDER_GSM7, CONF_SENDER_UTF8 };
enum conf_receipt_id { CONF_RECEIPT_ID_AUTO, CONF_RECEIPT_ID_TEXT, CONF_RECEIPT_ID_HEX, CONF_RECEIPT_ID_DEC };
enum conf_on_uncertain { CONF_ON_UNCERTAIN_RESEND, CONF_ON_UNCERTAIN_HOLD, CONF_ON_UNCERTAIN_FAIL };
enum conf_registered_delivery { CONF_DELIVERY_FINAL, CONF_DELIVERY_FAILURE, CONF_DELIVERY_SUCCESS };
enum conf_validity { CONF_VALIDITY_RELATIVE, CONF_VALIDITY_ABSOLUTE, CONF_VALIDITY_NONE };
enum conf_schedule { CONF_SCHEDULE_HERE, CONF_SCHEDULE_RELATIVE, CONF_SCHEDULE_ABSOLUTE };
/* Bits 1 and 0 of esm_class. */
enum conf_message_mode { CONF_MODE_DEFAULT, CONF_MODE_DATAGRAM, CONF_MODE_FORWARD, CONF_MODE_STORE_AND_FORWARD };
enum conf_tlv_type {
	CONF_TLV_STRING,
	CONF_TLV_CSTRING,
	CONF_TLV_INT8,
	CONF_TLV_INT16,
	CONF_TLV_INT32,
	CONF_TLV_HEX
};
/* Of one class; the first means as the link's own setting. */
enum conf_on_uncertain_of {
	CONF_ON_UNCERTAIN_OF_LINK, CONF_ON_UNCERTAIN_OF_RESEND, CONF_ON_UNCERTAIN_OF_HOLD, CONF_ON_UNCERTAIN_OF_FAIL
};
/* Which link of a route a message takes. */
enum conf_choose { CONF_CHOOSE_ORDER, CONF_CHOOSE_LOAD, CONF_CHOOSE_PRICE, CONF_CHOOSE_STICKY };
/* What the loopback driver answers and reports: as the final states, `none` is taken but never reported. */
enum conf_outcome {
	CONF_OUTCOME_DELIVERED,
	CONF_OUTCOME_UNDELIVERED,
	CONF_OUTCOME_REJECTED,
	CONF_OUTCOME_RETRY,
	CONF_OUTCOME_UNKNOWN,
	CONF_OUTCOME_NONE
};

/* What a modem is asked for; auto: the best that it takes. */
enum conf_modem_reports {
	CONF_MODEM_REPORTS_AUTO,
	CONF_MODEM_REPORTS_DIRECT,
	CONF_MODEM_REPORTS_STORED,
	CONF_MODEM_REPORTS_NONE
};

struct conf_strings {
	char **item;
	size_t n;
};

/* What a command_status means on one link, where the table (smpp_status.def) says otherwise.  Order as there. */
enum conf_error_class {
	CONF_ERROR_PERMANENT,
	CONF_ERROR_RECIPIENT,
	CONF_ERROR_TEMPORARY,
	CONF_ERROR_THROTTLE,
	CONF_ERROR_LINK_FATAL,
	CONF_ERROR_DUPLICATE
};
struct conf_error {
	uint32_t first, last; /* of the codes */
	enum conf_error_class class;
};

/* A network: IPv4 as ::ffff:0:0/96, so that one comparison serves both families. */
struct conf_cidr {
	uint8_t addr[16];
	uint8_t n_bits;
};

struct conf_queue {
	int64_t max_waiting;
	int64_t max_campaigns;
	int64_t disk_reserve_mb;
	int64_t parked_max;
	int64_t parked_keep_ms;
	int64_t lane_window;
	int64_t max_resident;
};

struct conf_http_tls {
	char *cert; /* both or neither */
	char *key;
};

struct conf_http {
	char *listen;	    /* "127.0.0.1:8775" or "[::1]:8775" */
	char *admin_listen; /* "": none */
	int64_t max_body;
	int64_t max_held;
	int64_t max_connections;
	int64_t max_per_address;
	struct conf_http_tls tls;
};

struct conf_retention {
	int64_t body_days; /* 0: for ever */
	int64_t number_days;
	int64_t row_days;
};

struct conf_webhook {
	int64_t concurrency;
	int64_t max_events;
	int64_t timeout_ms;
	int64_t keep_hours;
	bool allow_private;
};

struct conf_client_webhook {
	char *url; /* "": no webhook */
	char *secret;
	int64_t batch;
};

#define CONF_TLVS_MAX  16   /* of a link, and of a client */
#define CONF_RULES_MAX 32
#define CONF_PRICES_MAX 256
#define CONF_POOL_MAX  64 /* links of a route that chooses among them */

/* A value for whatever link declares a TLV of this name. */
struct conf_client_tlv {
	char *name;
	char *value;
};

struct conf_client {
	char *name;
	enum conf_role role;
	char *key_sha256;
	uint8_t key_hash[32]; /* key_sha256 as octets */
	struct conf_strings allow;
	struct conf_cidr *networks; /* `allow`, parsed: allow.n of them */
	char *default_country;
	char *from;
	enum conf_class class;
	double tps;
	int64_t burst; /* 0: one second of tps */
	double requests_per_second;
	int64_t max_waiting;
	int64_t max_parts;
	bool smart;
	bool nfc;
	int64_t ttl_ms;
	struct conf_client_webhook webhook;
	struct conf_client_tlv *tlvs;
	size_t n_tlvs;
};

/* A TLV that goes with every part on a link, or may: with the link's value, or one of the client or message. */
struct conf_tlv {
	char *name; /* "": nobody but the link gives the value */
	int64_t tag;
	enum conf_tlv_type type;
	char *value; /* "": none of the link's */
	int64_t min, max; /* octets of the value, of strings and hex */
	bool required;
};

/* How senders appear on a link: the first rule that matches decides. */
struct conf_sender_rule {
	char *match; /* "any", "number", "short", "alphanumeric", or the digits that the sender begins with */
	struct conf_strings to; /* beginnings of recipients; none: all */
	char *rewrite; /* "": not replaced */
	char *strip, *add;
	int64_t ton, npi; /* -1: as without the rule */
};

/* How recipients appear on a link: the first rule that matches decides. */
struct conf_dest_rule {
	struct conf_strings prefix; /* none: all */
	char *strip, *add;
	int64_t ton, npi;
};

/* How much may leave over a link, or rather over its SIM, within calendar periods; 0: no bound. */
struct conf_quota {
	int64_t minute, hour, day, month; /* parts */
	int64_t recipients_day, recipients_month;
	int64_t reserve_otp; /* per cent of each for class otp */
	char *zone;
	int64_t month_day;
	char *day_at; /* "HH:MM" */
	int64_t day_at_minute; /* the same as a number */
};

/* When a link that fails too often is set aside; `failures` 0: never, the default of all links but modems. */
#define CONF_GUARD_MODEM 0.5
#define CONF_GUARD_SILENCE_MODEM 20 /* likewise of `silence` */
struct conf_guard {
	double failures; /* share of the last parts that failed */
	int64_t of;
	int64_t minutes;
	int64_t probe_minutes;
	int64_t silence; /* recipients without a report; 0: never */
};

/* What is asked for by USSD, and what may be left; `ussd` "": nothing. */
struct conf_balance {
	char *ussd;
	char *pattern; /* extended regular expression; the first group is the number */
	int64_t every_hours;
	double alarm_below;
};

/* What a part costs to numbers that begin so. */
struct conf_price {
	char *prefix;
	double price;
};

/* Where a setting of a link was given. */
struct conf_origin {
	const char *setting; /* the table's name of it */
	char *file;
	unsigned line;
};

struct conf_link {
	char *name;
	char *driver;
	double tps;
	int64_t burst; /* 0: a twentieth of tps */
	int64_t window;
	int64_t response_timeout_ms;
	int64_t connect_timeout_ms;
	int64_t reconnect_min_ms;
	int64_t reconnect_max_ms;
	int64_t reconnect_refused_ms;
	enum conf_alphabet alphabet;
	enum conf_concat concat;
	struct conf_strings languages;
	int64_t receipt_timeout_ms;
	int64_t inbound_wait_ms;
	enum conf_on_uncertain on_uncertain;
	enum conf_on_uncertain_of on_uncertain_otp, on_uncertain_service, on_uncertain_marketing;
	int64_t max_attempts;
	int64_t retry_min_ms;
	int64_t retry_max_ms;
	/* smpp */
	char *host; /* or hosts */
	struct conf_strings hosts;
	enum conf_host_order host_order;
	int64_t host_return_ms;
	int64_t port; /* of those that have none */
	char *system_id;
	char *password;
	char *system_type;
	enum conf_bind bind;
	int64_t binds;
	int64_t enquire_link_ms;
	bool tls;
	bool tls_verify;
	char *tls_ca; /* "": the system's */
	char *tls_cert; /* both or neither */
	char *tls_key;
	char *tls_server_name; /* "": the host */
	char *source_address;  /* "": any */
	int64_t tcp_keepalive_ms;
	enum conf_receipt_id receipt_id;
	enum conf_receipts receipts;
	int64_t receipt_match_alarm; /* per cent */
	bool untyped_receipts;
	enum conf_query query;
	int64_t query_after_ms;
	double query_tps;
	int64_t data_coding_gsm7, data_coding_ucs2, data_coding_binary; /* -1: from the encoding */
	enum conf_flash flash;
	int64_t source_ton, source_npi, dest_ton, dest_npi; /* -1: from the address */
	enum conf_sender_alphabet sender_alphabet;
	char *service_type;
	int64_t interface_version;
	char *outbind_listen;
	struct conf_strings outbind_from;
	char *outbind_system_id;
	char *outbind_password;
	char *address_range;
	struct conf_strings errors;
	struct conf_error *error; /* `errors`, parsed: errors.n of them, the first that fits decides */
	enum conf_registered_delivery registered_delivery;
	bool intermediate;
	int64_t protocol_id;
	int64_t priority_otp, priority_service, priority_marketing;
	bool replace_if_present;
	enum conf_validity validity;
	int64_t validity_max_ms;
	enum conf_schedule schedule;
	enum conf_message_mode message_mode;
	bool user_message_reference;
	struct conf_tlv *tlvs;
	size_t n_tlvs;
	struct conf_sender_rule *sender_rules;
	size_t n_sender_rules;
	struct conf_dest_rule *dest_rules;
	size_t n_dest_rules;
	/* modem */
	char *device;
	int64_t baud;  /* 0: tried out */
	bool rtscts;
	char *pin;
	char *smsc;
	struct conf_strings init;
	struct conf_strings memories;
	enum conf_modem_reports reports;
	struct conf_strings cms_errors;
	struct conf_error *cms_error;      /* `cms_errors`, parsed */
	struct conf_strings power_command; /* a program and its arguments */
	int64_t restart_time_ms;           /* until a modem that starts must answer */
	bool hang_up_calls;
	/* loopback */
	int64_t delay_ms;
	enum conf_outcome outcome;
	char *sim;  /* "": it tells none */
	char *ussd; /* "": the code */
	const struct conf_strings *modem_ports; /* those of the whole configuration */
	const char *data_dir;                   /* likewise */
	struct conf_quota quota;
	struct conf_guard guard;
	struct conf_balance balance;
	double price;
	struct conf_price *prices;
	size_t n_prices;
	double weight;
	struct conf_makes *makes;               /* likewise; NULL where no link is a modem (conf_make.h) */
	/* carriers/NAME.conf, whose settings stand where the link has none of its own */
	char *profile;
	struct conf_origin *origins; /* of what is not at its default */
	size_t n_origins;
};

/* An empty list matches everything. */
struct conf_route {
	char *name; /* "routeN", counted from 1, when not given */
	struct conf_strings prefix;
	struct conf_strings class;
	struct conf_strings client;
	struct conf_strings sender;
	struct conf_strings links;
	enum conf_choose choose;
	char *from; /* "": the message's */
	char *from_fallback;
	struct conf_strings from_allowed; /* kinds of senders; none: all */
	unsigned class_mask;	       /* 1u << enum conf_class; all bits when `class` is empty */
	unsigned from_mask;	       /* 1u << enum sender_kind (codec/msisdn.h); all bits when all are allowed */
	const struct conf_link **link; /* `links`, resolved: links.n of them, in order of preference */
};

/* An empty string matches everything. */
struct conf_inbound {
	char *to;
	char *from;
	char *keyword;
	char *link;
	char *client;
};

struct conf_makes;

struct conf {
	char *data_dir;
	struct conf_makes *makes;
	int64_t stop_timeout_ms;
	int64_t node;
	enum log_level log_level;
	struct conf_strings modem_ports;
	struct conf_queue queue;
	struct conf_http http;
	struct conf_retention retention;
	struct conf_webhook webhook;
	struct conf_client *clients;
	size_t n_clients;
	struct conf_link *links;
	size_t n_links;
	struct conf_route *routes;
	size_t n_routes;
	struct conf_inbound *inbound;
	size_t n_inbound;
};

/* Read and check `path`.  On failure `err` (of `n_err` octets) holds one line, "FILE:LINE: links[0].windw:
 * unknown setting; did you mean "window"?", and the result is -EINVAL (the file is wrong), -ENOMEM, or why it
 * cannot be read. */
int conf_load(const char *path, struct conf **ret, char *err, size_t n_err);
/* The same from memory, for tests and for what comes over a pipe; `name` stands for FILE, and its folder is
 * where relative paths start. */
int conf_load_string(const char *text, const char *name, struct conf **ret, char *err, size_t n_err);
/* Wipes the secrets.  NULL is fine. */
void conf_free(struct conf *c);

const struct conf_client *conf_find_client(const struct conf *c, const char *name);
const struct conf_link *conf_find_link(const struct conf *c, const char *name);

/* Whether `allow` lets this peer in: an empty list lets everybody in. */
/* Is it in one of them?  IPv4 also as ::ffff:0:0/96. */
bool conf_in_networks(const struct conf_cidr *networks, size_t n, const struct sockaddr *peer);
bool conf_client_allows(const struct conf_client *cl, const struct sockaddr *peer);

/* What a change needs to take effect, in rising order. */
enum conf_apply {
	CONF_APPLY_RELOAD, /* taken over while running */
	CONF_APPLY_LINK,   /* the link must be stopped and started again */
	CONF_APPLY_RESTART /* only a restart of the process; a reload refuses or leaves it */
};

struct conf_change {
	const char *text; /* "links.acme.tps: 100 -> 50", "links.b: added"; secrets: "changed" */
	enum conf_apply apply;
	const char *link; /* the link's name when a link changed, came or went, else NULL */
};

typedef void (*conf_change_cb)(void *arg, const struct conf_change *change);

/* Tell every difference between two configurations; returns how many.  `change` is lent for the call.
 * Clients, links and named routes are compared by name, so moving one in the file is no change (for routes
 * the order is one). */
size_t conf_diff(const struct conf *old, const struct conf *new, conf_change_cb cb, void *arg);

/* Tell each setting of each link, "links.acme.window = 10 (from carriers/x.conf:12)", also those at their default.
 * Returns how many.  `line` is lent for the call. */
size_t conf_origins(const struct conf *c, void (*each)(void *arg, const char *link, const char *line), void *arg);

/* Write the whole table as an example file: every setting commented out at its default, with help, range and
 * unit. Settings begin with "#" directly, prose with "# ", so that uncommenting gives a file that loads. */
void conf_print_settings(FILE *f);

#endif
