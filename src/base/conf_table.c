/* SPDX-License-Identifier: Apache-2.0 */
/* conf_table.c -- see conf_table.h.
 *
 * Order is the order of the example file.  Bounds are there to catch slips and to keep memory and protocol
 * fields safe; they are not advice.
 */
#include <config.h>

#include "base/conf_table.h"

#include <string.h>

/* One setting, one entry, as it reads best: */
/* clang-format off */
#define GROUP(parent_, field, type) \
	.parent = parent_, .offset = offsetof(type, field), .size = sizeof(((type *)NULL)->field)
/* A list of groups inside a group. */
#define SUBLIST(parent_, type, field, max) \
	.parent = parent_, .offset = offsetof(type, field), .size = sizeof(*((type *)NULL)->field), \
	.is_list = true, .count_offset = offsetof(type, n_##field), .max_items = max
#define LIST(field, max) \
	.parent = CONF_TOP, .offset = offsetof(struct conf, field), .size = sizeof(*((struct conf *)NULL)->field), \
	.is_list = true, .count_offset = offsetof(struct conf, n_##field), .max_items = max

const struct conf_section_info conf_sections[CONF_N_SECTIONS] = {
	[CONF_TOP] = { .name = "", .help = "The process", .size = sizeof(struct conf) },
	[CONF_QUEUE] = { .name = "queue", .help = "How much may wait; beyond it nothing is accepted (503)",
		GROUP(CONF_TOP, queue, struct conf) },
	[CONF_HTTP] = { .name = "http", .help = "The HTTP interface", GROUP(CONF_TOP, http, struct conf) },
	[CONF_HTTP_TLS] = { .name = "tls", .help = "HTTPS on http.listen; both or neither",
		GROUP(CONF_HTTP, tls, struct conf_http) },
	[CONF_RETENTION] = { .name = "retention", .help = "How long what is finished is kept",
		GROUP(CONF_TOP, retention, struct conf) },
	[CONF_WEBHOOK] = { .name = "webhook", .help = "Delivery of events to the webhooks of all clients",
		GROUP(CONF_TOP, webhook, struct conf) },
	[CONF_CLIENT] = { .name = "clients", .help = "Who may use the HTTP interface", LIST(clients, 4096),
		.has_name = true },
	[CONF_CLIENT_WEBHOOK] = { .name = "webhook", .help = "Where the client wants its events",
		GROUP(CONF_CLIENT, webhook, struct conf_client) },
	[CONF_CLIENT_TLV] = { .name = "tlvs", .help = "Values of TLVs for the links that declare them, by name",
		SUBLIST(CONF_CLIENT, struct conf_client, tlvs, CONF_TLVS_MAX) },
	[CONF_LINK] = { .name = "links", .help = "Connections to carriers, and modems", LIST(links, 1024),
		.has_name = true },
	[CONF_LINK_TLV] = { .name = "tlvs", .help = "TLVs of every part; named ones may be given by clients and messages",
		SUBLIST(CONF_LINK, struct conf_link, tlvs, CONF_TLVS_MAX), .driver = "smpp" },
	[CONF_LINK_SENDER] = { .name = "sender_rules", .help = "How senders go out: the first matching rule",
		SUBLIST(CONF_LINK, struct conf_link, sender_rules, CONF_RULES_MAX), .driver = "smpp" },
	[CONF_LINK_DEST] = { .name = "dest_rules", .help = "How recipients go out: the first matching rule",
		SUBLIST(CONF_LINK, struct conf_link, dest_rules, CONF_RULES_MAX), .driver = "smpp" },
	[CONF_LINK_QUOTA] = { .name = "quota", .help = "How much may leave over the SIM of the link, or the link; 0 is no bound",
		GROUP(CONF_LINK, quota, struct conf_link) },
	[CONF_LINK_GUARD] = { .name = "guard", .help = "When a link that fails is set aside, and tried again by one message",
		GROUP(CONF_LINK, guard, struct conf_link) },
	[CONF_LINK_BALANCE] = { .name = "balance", .help = "What is left on the SIM, asked for by USSD",
		GROUP(CONF_LINK, balance, struct conf_link) },
	[CONF_LINK_PRICE] = { .name = "prices", .help = "What a part costs by recipient: the longest beginning that fits",
		SUBLIST(CONF_LINK, struct conf_link, prices, CONF_PRICES_MAX) },
	[CONF_ROUTE] = { .name = "routes", .help = "Which links a message may take: the first matching rule decides",
		LIST(routes, 4096), .has_name = true },
	[CONF_INBOUND] = { .name = "inbound", .help = "Which client gets an inbound message: the first matching rule",
		LIST(inbound, 4096) },
};

#define CLASS_WORDS "otp|service|marketing"
#define SENDER_WORDS "alphanumeric|number|short"
/* The national languages of 3GPP TS 23.038, 6.2.1.2.4, by ISO 639-1. */
#define LANGUAGE_WORDS "tr|es|pt|bn|gu|hi|kn|ml|or|pa|ta|te|ur"

#define DAY 86400
#define MB  1048576

/* Section, name, type, and the field; what follows is by name. */
#define S(section, struct_, name, type)       section, #name, type, offsetof(struct_, name)
#define DURATION(section, struct_, name)      section, #name, CONF_DURATION, offsetof(struct_, name##_ms)
#define RANGE(default_, min_, max_)           .def = default_, .min = min_, .max = max_
#define WORDS(default_, words_)               .def = default_, .words = words_, .max = 32
#define TEXT(default_, max_)                  .def = default_, .max = max_

#define TOP(name, type)       S(CONF_TOP, struct conf, name, type)
#define QUEUE(name)           S(CONF_QUEUE, struct conf_queue, name, CONF_INT)
#define HTTP(name, type)      S(CONF_HTTP, struct conf_http, name, type)
#define TLS(name)             S(CONF_HTTP_TLS, struct conf_http_tls, name, CONF_STRING)
#define RETENTION(name)       S(CONF_RETENTION, struct conf_retention, name, CONF_INT)
#define WEBHOOK(name, type)   S(CONF_WEBHOOK, struct conf_webhook, name, type)
#define CLIENT(name, type)    S(CONF_CLIENT, struct conf_client, name, type)
#define CLIENT_WEBHOOK(name, type) S(CONF_CLIENT_WEBHOOK, struct conf_client_webhook, name, type)
#define LINK(name, type)      S(CONF_LINK, struct conf_link, name, type)
#define LINK_DURATION(name)   DURATION(CONF_LINK, struct conf_link, name)
#define CLIENT_TLV(name)      S(CONF_CLIENT_TLV, struct conf_client_tlv, name, CONF_STRING)
#define LINK_TLV(name, type)  S(CONF_LINK_TLV, struct conf_tlv, name, type)
#define LINK_SENDER(name, type) S(CONF_LINK_SENDER, struct conf_sender_rule, name, type)
#define LINK_DEST(name, type) S(CONF_LINK_DEST, struct conf_dest_rule, name, type)
#define LINK_QUOTA(name, type) S(CONF_LINK_QUOTA, struct conf_quota, name, type)
#define LINK_GUARD(name, type) S(CONF_LINK_GUARD, struct conf_guard, name, type)
#define LINK_BALANCE(name, type) S(CONF_LINK_BALANCE, struct conf_balance, name, type)
#define LINK_PRICE(name, type) S(CONF_LINK_PRICE, struct conf_price, name, type)
#define ROUTE(name, type)     S(CONF_ROUTE, struct conf_route, name, type)
#define INBOUND(name)         S(CONF_INBOUND, struct conf_inbound, name, CONF_STRING)

#define RESTART   .apply = CONF_APPLY_RESTART
#define RELINK    .apply = CONF_APPLY_LINK
#define SMPP      .driver = "smpp", RELINK
#define MODEM     .driver = "modem", RELINK
#define LOOPBACK  .driver = "loopback", RELINK

const struct conf_setting conf_settings[] = {
	{ TOP(data_dir, CONF_STRING), TEXT("/var/lib/posthorn", 4000), .form = CONF_FORM_PATH, RESTART,
		.help = "Folder of the database; one process at a time." },
	{ DURATION(CONF_TOP, struct conf, stop_timeout), RANGE("15", 0, 3600), .unit = "seconds",
		.help = "How long an orderly stop may take to drain what is in flight." },
	{ TOP(node, CONF_INT), RANGE("0", 0, 63), RESTART,
		.help = "Number of this gateway among several; part of every message id." },
	{ TOP(log_level, CONF_ENUM), WORDS("info", "error|warn|info|debug"),
		.help = "What is logged; message texts and full numbers only at debug." },
	{ TOP(modem_ports, CONF_STRINGS), TEXT("/dev/ttyUSB* /dev/ttyACM*", 4000),
		.help = "Globs of the ports where modems named by IMEI, ICCID or IMSI are looked for." },

	{ QUEUE(max_waiting), RANGE("50000000", 1, 10e9), .unit = "messages",
		.help = "Messages of all clients that may wait." },
	{ QUEUE(max_campaigns), RANGE("100000", 1, 10e6), .unit = "campaigns",
		.help = "Names of campaigns that may be known; they are never forgotten. Half of what is left for one client." },
	{ QUEUE(disk_reserve_mb), RANGE("512", 1, 10e6), .unit = "megabytes",
		.help = "Free space below which nothing is accepted; sending stops at a quarter of it." },
	{ QUEUE(parked_max), RANGE("100000", 1, 10e6), .unit = "receipts",
		.help = "Receipts that may wait for a message they fit; beyond it the oldest go." },
	{ DURATION(CONF_QUEUE, struct conf_queue, parked_keep), RANGE("259200", 60, 366.0 * DAY), .unit = "seconds",
		.help = "How long such a receipt waits." },
	{ QUEUE(lane_window), RANGE("1000", 16, 1e6), .unit = "messages", RESTART,
		.help = "Messages of one lane that are held in memory; the rest waits on disk." },
	{ QUEUE(max_resident), RANGE("16384", 1024, 10e6), .unit = "messages", RESTART,
		.help = "Messages of all lanes that are held in memory." },

	{ HTTP(listen, CONF_STRING), TEXT("127.0.0.1:8775", 64), .form = CONF_FORM_LISTEN, RESTART,
		.flags = CONF_REQUIRED, .help = "Address and port of the interface for clients." },
	{ HTTP(admin_listen, CONF_STRING), TEXT("127.0.0.1:8776", 64), .form = CONF_FORM_LISTEN, RESTART,
		.help = "Address and port of health and metrics, without a key; \"\" for none." },
	{ HTTP(max_body, CONF_INT), RANGE("8388608", 1024, 1024.0 * MB), .unit = "octets", RESTART,
		.help = "Largest body of a request; streams (NDJSON) have no such bound." },
	{ HTTP(max_held, CONF_INT), RANGE("134217728", 16.0 * MB, 64.0 * 1024 * MB), .unit = "octets", RESTART,
		.help = "Large bodies, streams and unread answers of all connections; half for one client, 503 beyond." },
	{ HTTP(max_connections, CONF_INT), RANGE("4096", 1, 1e6), .unit = "connections", RESTART,
		.help = "Connections at a time." },
	{ HTTP(max_per_address, CONF_INT), RANGE("1024", 1, 1e6), .unit = "connections", RESTART,
		.help = "Connections at a time from one address." },
	{ TLS(cert), TEXT("", 4000), .form = CONF_FORM_PATH, RESTART,
		.help = "File with the certificate and its chain, PEM." },
	{ TLS(key), TEXT("", 4000), .form = CONF_FORM_PATH, RESTART,
		.help = "File with the private key, PEM." },

	{ RETENTION(body_days), RANGE("30", 0, 36500), .unit = "days",
		.help = "Texts of finished messages, and of inbound ones, are scrubbed after this; 0 keeps them." },
	{ RETENTION(number_days), RANGE("0", 0, 36500), .unit = "days",
		.help = "Of numbers of people only the first four digits are kept after this; 0: as long as their rows." },
	{ RETENTION(row_days), RANGE("180", 0, 36500), .unit = "days",
		.help = "Finished messages are deleted after this; 0 keeps them." },

	{ WEBHOOK(concurrency, CONF_INT), RANGE("4", 1, 16), .unit = "requests", RESTART,
		.help = "Requests at a time to one endpoint; events of one message stay in order." },
	{ WEBHOOK(max_events, CONF_INT), RANGE("1000000", 1000, 100e6), .unit = "events",
		.help = "Events kept for one endpoint; beyond it the oldest become dead letters." },
	{ DURATION(CONF_WEBHOOK, struct conf_webhook, timeout), RANGE("10", 0.1, 300), .unit = "seconds",
		.help = "How long an endpoint may take to answer." },
	{ WEBHOOK(keep_hours, CONF_INT), RANGE("72", 1, 8760), .unit = "hours",
		.help = "How long an event is tried before it becomes a dead letter." },
	{ WEBHOOK(allow_private, CONF_BOOL), .def = "true",
		.help = "Whether endpoints may lie in private and loopback networks." },

	{ CLIENT(name, CONF_STRING), TEXT("", 64), .form = CONF_FORM_NAME, .flags = CONF_REQUIRED, .example = "shop",
		.help = "Name in logs, lists and metrics; messages belong to it for good." },
	{ CLIENT(role, CONF_ENUM), WORDS("client", "client|operator"),
		.help = "A client sees what is its own, an operator everything." },
	{ CLIENT(key_sha256, CONF_STRING), .def = "", .min = 64, .max = 64, .form = CONF_FORM_HEX,
		.flags = CONF_REQUIRED | CONF_HIDDEN,
		.example = "62af8704764faf8ea82fc61ce9c4c3908b6cb97d463a634e9e587d7c885db0ef",
		.help = "SHA-256 of the API key, as printed by \"posthorn key new\"." },
	{ CLIENT(allow, CONF_STRINGS), TEXT("", 64), .form = CONF_FORM_CIDR,
		.help = "Networks it may come from, such as \"192.0.2.0/24\"; none: from everywhere." },
	{ CLIENT(default_country, CONF_STRING), .def = "", .min = 2, .max = 2, .form = CONF_FORM_COUNTRY,
		.help = "Country (ISO 3166, two letters) whose national numbers are understood." },
	{ CLIENT(from, CONF_STRING), TEXT("", 44),
		.help = "Sender when a message names none." },
	{ CLIENT(class, CONF_ENUM), WORDS("service", CLASS_WORDS),
		.help = "Class when a message names none." },
	{ CLIENT(tps, CONF_DOUBLE), RANGE("0.0", 0, 1e6), .unit = "parts per second",
		.help = "Shapes how fast its messages are sent; 0 is no limit." },
	{ CLIENT(burst, CONF_INT), RANGE("0", 0, 1e6), .unit = "parts",
		.help = "What may go at once after a pause; 0 is one second of tps." },
	{ CLIENT(requests_per_second, CONF_DOUBLE), RANGE("0.0", 0, 1e6), .unit = "requests per second",
		.help = "Beyond it requests are refused with 429; 0 is no limit." },
	{ CLIENT(max_waiting, CONF_INT), RANGE("0", 0, 10e9), .unit = "messages",
		.help = "Beyond it messages are refused with 429; 0 is no limit of its own." },
	{ CLIENT(max_parts, CONF_INT), RANGE("10", 1, 64), .unit = "parts",
		.help = "Longer messages are refused." },
	{ CLIENT(smart, CONF_BOOL), .def = "false",
		.help = "Replace look-alike characters where that saves parts." },
	{ CLIENT(nfc, CONF_BOOL), .def = "false",
		.help = "Compose letters and their accents (Unicode NFC) in every text." },
	{ DURATION(CONF_CLIENT, struct conf_client, ttl), RANGE("86400", 1, 31.0 * DAY), .unit = "seconds",
		.help = "How long a message may wait when it does not say." },
	{ CLIENT_WEBHOOK(url, CONF_STRING), TEXT("", 2000), .form = CONF_FORM_URL,
		.help = "Events are posted here; none: they are not kept." },
	{ CLIENT_WEBHOOK(secret, CONF_STRING), TEXT("", 256), .flags = CONF_SECRET,
		.help = "Key of the signature in Posthorn-Signature; none: not signed." },
	{ CLIENT_WEBHOOK(batch, CONF_INT), RANGE("100", 1, 1000), .unit = "events",
		.help = "Events in one request." },

	{ LINK(name, CONF_STRING), TEXT("", 64), .form = CONF_FORM_NAME, .flags = CONF_REQUIRED, .example = "acme",
		.help = "Name in routes, logs, lists and metrics." },
	{ LINK(driver, CONF_STRING), TEXT("", 32), .form = CONF_FORM_NAME, .flags = CONF_REQUIRED, .example = "smpp",
		RELINK, .help = "Kind of link: smpp, modem, loopback." },
	{ LINK(tps, CONF_DOUBLE), RANGE("0.0", 0, 1e6), .unit = "parts per second",
		.help = "Fastest the carrier takes; no second ever sees more; 0 is no limit." },
	{ LINK(burst, CONF_INT), RANGE("0", 0, 1e6), .unit = "parts",
		.help = "How tps is spread: so much may go at once, and is missing later in its second; 0 is a twentieth." },
	{ LINK(window, CONF_INT), RANGE("50", 1, 1000), .unit = "parts", RELINK,
		.help = "Parts per bind that may be without an answer." },
	{ LINK_DURATION(response_timeout), RANGE("10", 0.1, 600), .unit = "seconds", RELINK,
		.help = "How long an answer may take." },
	{ LINK_DURATION(connect_timeout), RANGE("10", 0.1, 600), .unit = "seconds", RELINK,
		.help = "How long connecting may take." },
	{ LINK_DURATION(reconnect_min), RANGE("1", 0.01, 3600), .unit = "seconds", RELINK,
		.help = "First pause before a lost connection is tried again; doubles each time." },
	{ LINK_DURATION(reconnect_max), RANGE("60", 0.01, 86400), .unit = "seconds", RELINK,
		.help = "Longest such pause." },
	{ LINK(alphabet, CONF_ENUM), WORDS("gsm7-unpacked", "gsm7-unpacked|gsm7-packed|latin1|ascii"), RELINK,
		.help = "What texts of the GSM alphabet go as, and what data_coding 0 of the carrier means." },
	{ LINK(concat, CONF_ENUM), WORDS("udh8", "udh8|udh16|sar|payload"),
		.help = "How long messages are split: header with 8- or 16-bit reference, SAR or payload TLV." },
	{ LINK(languages, CONF_STRINGS), WORDS("", LANGUAGE_WORDS),
		.help = "National language tables that this link understands." },
	{ LINK_DURATION(receipt_timeout), RANGE("172800", 1, 31.0 * DAY), .unit = "seconds",
		.help = "Without a receipt for so long a message ends as unconfirmed." },
	{ LINK_DURATION(inbound_wait), RANGE("3600", 10, 7.0 * DAY), .unit = "seconds",
		.help = "How long an inbound message in several parts waits for the rest; then it is shown with gaps." },
	{ LINK(on_uncertain, CONF_ENUM), WORDS("resend", "resend|hold|fail"),
		.help = "What happens to a part whose answer was lost with the connection." },
	{ LINK(on_uncertain_otp, CONF_ENUM), WORDS("link", "link|resend|hold|fail"),
		.help = "The same for messages of class otp; link is as on_uncertain says." },
	{ LINK(on_uncertain_service, CONF_ENUM), WORDS("link", "link|resend|hold|fail"),
		.help = "The same for messages of class service." },
	{ LINK(on_uncertain_marketing, CONF_ENUM), WORDS("link", "link|resend|hold|fail"),
		.help = "The same for messages of class marketing." },
	{ LINK(max_attempts, CONF_INT), RANGE("5", 1, 100), .unit = "attempts",
		.help = "Attempts of one part before it is rejected." },
	{ LINK_DURATION(retry_min), RANGE("5", 0.01, 3600), .unit = "seconds",
		.help = "First pause before a part is tried again; doubles each time." },
	{ LINK_DURATION(retry_max), RANGE("600", 0.01, 86400), .unit = "seconds",
		.help = "Longest such pause." },

	{ LINK(host, CONF_STRING), TEXT("", 255), .form = CONF_FORM_HOST, SMPP,
		.example = "smsc.example", .help = "Name or address of the SMSC; required, or hosts." },
	{ LINK(hosts, CONF_STRINGS), TEXT("", 263), .form = CONF_FORM_HOST_PORT, SMPP,
		.help = "Several instead of one, up to 8, as \"HOST\" or \"HOST:PORT\"; an IPv6 address in brackets." },
	{ LINK(host_order, CONF_ENUM), WORDS("primary", "primary|round_robin"), SMPP,
		.help = "The first host that answers for all binds, or binds spread over hosts." },
	{ LINK_DURATION(host_return), RANGE("300", 0, 86400), .unit = "seconds", SMPP,
		.help = "How often a bind that is not at its own host looks whether that is back; 0 never." },
	{ LINK(port, CONF_INT), RANGE("2775", 1, 65535), SMPP,
		.help = "TCP port of the SMSC." },
	/* Bounds of these strings: SMPP 3.4, 4.1.1, less the final NUL. */
	{ LINK(system_id, CONF_STRING), TEXT("", 15), SMPP,
		.help = "Who we are to the SMSC." },
	{ LINK(password, CONF_STRING), TEXT("", 8), SMPP, .flags = CONF_SECRET,
		.help = "Password that goes with it." },
	{ LINK(system_type, CONF_STRING), TEXT("", 12), SMPP,
		.help = "System type, where the carrier asks for one." },
	{ LINK(bind, CONF_ENUM), WORDS("transceiver", "transceiver|transmitter|receiver|split"), SMPP,
		.help = "Kind of bind; split is a transmitter and a receiver." },
	{ LINK(binds, CONF_INT), RANGE("1", 1, 32), .unit = "binds", SMPP,
		.help = "Binds at a time; of split, so many of each." },
	{ LINK_DURATION(enquire_link), RANGE("30", 0, 3600), .unit = "seconds", SMPP,
		.help = "Silence after which the SMSC is asked whether it is there; 0 never asks." },
	{ LINK_DURATION(reconnect_refused), RANGE("60", 0.01, 86400), .unit = "seconds", SMPP,
		.help = "First pause after the SMSC refused who we are; doubles up to ten times this." },
	{ LINK(tls, CONF_BOOL), .def = "false", SMPP,
		.help = "Connect with TLS." },
	{ LINK(tls_verify, CONF_BOOL), .def = "true", SMPP,
		.help = "Check certificate and host name." },
	{ LINK(tls_ca, CONF_STRING), TEXT("", 4000), .form = CONF_FORM_PATH, SMPP,
		.help = "File with the authorities to trust, PEM; none: the system's." },
	{ LINK(tls_cert, CONF_STRING), TEXT("", 4000), .form = CONF_FORM_PATH, SMPP,
		.help = "File with our certificate, PEM, where the carrier asks for one." },
	{ LINK(tls_key, CONF_STRING), TEXT("", 4000), .form = CONF_FORM_PATH, SMPP,
		.help = "File with the private key that goes with it, PEM." },
	{ LINK(tls_server_name, CONF_STRING), TEXT("", 255), .form = CONF_FORM_HOST, SMPP,
		.help = "Name that the certificate must have, and that is asked for; none: the host's." },
	{ LINK(source_address, CONF_STRING), TEXT("", 45), .form = CONF_FORM_ADDRESS, SMPP,
		.help = "Own address to connect from; none: the system's choice." },
	{ LINK_DURATION(tcp_keepalive), RANGE("60", 0, 7200), .unit = "seconds", SMPP,
		.help = "Silence after which TCP itself asks whether the other end lives; 0 never asks." },
	{ LINK(receipt_id, CONF_ENUM), WORDS("auto", "auto|text|hex|dec"), .driver = "smpp",
		.help = "How receipts spell message ids; auto learns from hits." },
	{ LINK(receipts, CONF_ENUM), WORDS("each", "each|one|none"), .driver = "smpp",
		.help = "Whether the carrier gives a receipt for each part, one for all parts, or none." },
	{ LINK(receipt_match_alarm, CONF_INT), RANGE("90", 0, 100), .unit = "per cent",
		.help = "An alarm when fewer receipts than this find their part; 0 is never." },
	{ LINK(untyped_receipts, CONF_BOOL), .def = "false", .driver = "smpp",
		.help = "Take a text that looks like a receipt as one, also without its esm_class." },
	{ LINK(query, CONF_ENUM), WORDS("no", "no|late"), .driver = "smpp",
		.help = "Ask the carrier by query_sm how a part stands whose receipt is late." },
	{ LINK_DURATION(query_after), RANGE("900", 1, 7.0 * DAY), .unit = "seconds", .driver = "smpp",
		.help = "When it is late; asked again with pauses that double, up to receipt_timeout." },
	{ LINK(query_tps, CONF_DOUBLE), RANGE("5", 0.1, 1000), .unit = "questions per second", .driver = "smpp",
		.help = "Most such questions a second; they count for tps too." },
	{ LINK(data_coding_gsm7, CONF_INT), RANGE("-1", -1, 255), SMPP,
		.help = "data_coding of texts of the GSM alphabet; -1 is 0, of latin1 3, of ascii 1." },
	{ LINK(data_coding_ucs2, CONF_INT), RANGE("-1", -1, 255), SMPP,
		.help = "data_coding of texts in UCS-2, such as 0x18 or 0x19; -1 is 8." },
	{ LINK(data_coding_binary, CONF_INT), RANGE("-1", -1, 255), SMPP,
		.help = "data_coding of binary messages, such as 0xf5; -1 is 4." },
	{ LINK(flash, CONF_ENUM), WORDS("0x10", "0x10|0xf0|subunit"), SMPP,
		.help = "How flash messages are told: data_coding 0x10, 0x14, 0x18 or 0xf0, 0xf4, 0x18, or dest_addr_subunit." },
	{ LINK(source_ton, CONF_INT), RANGE("-1", -1, 7), SMPP,
		.help = "Type of number of senders; -1 is from the sender." },
	{ LINK(source_npi, CONF_INT), RANGE("-1", -1, 18), SMPP,
		.help = "Numbering plan of senders; -1 is from the sender." },
	{ LINK(dest_ton, CONF_INT), RANGE("-1", -1, 7), SMPP,
		.help = "Type of number of recipients; -1 is from the number." },
	{ LINK(dest_npi, CONF_INT), RANGE("-1", -1, 18), SMPP,
		.help = "Numbering plan of recipients; -1 is from the number." },
	{ LINK(sender_alphabet, CONF_ENUM), WORDS("latin1", "latin1|gsm7|utf8"), SMPP,
		.help = "How senders of letters are written; only latin1 and utf8 write ASCII as it is." },
	{ LINK(service_type, CONF_STRING), TEXT("", 5), SMPP,
		.help = "Service type, where the carrier asks for one." },
	{ LINK(interface_version, CONF_INT), RANGE("0x34", 0, 255), SMPP,
		.help = "SMPP version: 0x33 or less (3.3), 0x34 (3.4) or 0x50 (5.0)." },
	{ LINK(outbind_listen, CONF_STRING), TEXT("", 64), .form = CONF_FORM_LISTEN, SMPP,
		.help = "Address and port where the SMSC may call (outbind), to be answered by bind_receiver." },
	{ LINK(outbind_from, CONF_STRINGS), TEXT("", 64), .form = CONF_FORM_CIDR, SMPP,
		.help = "Networks it may call from; none: from everywhere." },
	{ LINK(outbind_system_id, CONF_STRING), TEXT("", 15), SMPP,
		.help = "Who the SMSC says it is when it calls." },
	{ LINK(outbind_password, CONF_STRING), TEXT("", 8), SMPP, .flags = CONF_SECRET,
		.help = "Password that it says with it." },
	{ LINK(address_range, CONF_STRING), TEXT("", 40), SMPP,
		.help = "Own addresses told when binding." },
	{ LINK(errors, CONF_STRINGS), TEXT("", 80), .min = 1, .form = CONF_FORM_ERROR, .driver = "smpp",
		.help = "What a status means on this link, CODE:CLASS each; the first that fits decides." },

	{ LINK(registered_delivery, CONF_ENUM), WORDS("final", "final|failure|success"), SMPP,
		.help = "Outcomes that receipts are asked for; see also receipts." },
	{ LINK(intermediate, CONF_BOOL), .def = "false", SMPP,
		.help = "Ask for intermediate notifications, too." },
	{ LINK(protocol_id, CONF_INT), RANGE("0", 0, 255), SMPP,
		.help = "protocol_id of every part, as TP-PID: 0x41 to 0x47 replace an earlier message on the handset." },
	/* SMPP 3.4, 5.2.14 */
	{ LINK(priority_otp, CONF_INT), RANGE("0", 0, 3), SMPP,
		.help = "priority_flag of one-time codes; 3 is the highest." },
	{ LINK(priority_service, CONF_INT), RANGE("0", 0, 3), SMPP,
		.help = "priority_flag of service messages." },
	{ LINK(priority_marketing, CONF_INT), RANGE("0", 0, 3), SMPP,
		.help = "priority_flag of marketing." },
	{ LINK(replace_if_present, CONF_BOOL), .def = "false", SMPP,
		.help = "Let a message of one part replace one from the same sender that the SMSC still holds." },
	{ LINK(validity, CONF_ENUM), WORDS("relative", "relative|absolute|none"), SMPP,
		.help = "How the SMSC is told what is left of the ttl; none leaves it to the SMSC." },
	{ LINK_DURATION(validity_max), RANGE("5443200", 1, 366.0 * DAY), .unit = "seconds", SMPP,
		.help = "Longest validity that is told; the default is 63 days, what a TP-VP can say." },
	{ LINK(schedule, CONF_ENUM), WORDS("here", "here|relative|absolute"), SMPP,
		.help = "Where messages for later wait: here, or at the SMSC, which is told the time in one of two forms." },
	{ LINK(message_mode, CONF_ENUM), WORDS("default", "default|datagram|forward|store-and-forward"), SMPP,
		.help = "Messaging mode, bits 1 and 0 of esm_class." },
	{ LINK(user_message_reference, CONF_BOOL), .def = "false", SMPP,
		.help = "Number every part with this TLV, the same when it is sent again." },

	{ LINK(device, CONF_STRING), TEXT("", 255), .form = CONF_FORM_DEVICE, MODEM, .flags = CONF_REQUIRED,
		.example = "/dev/serial/by-id/usb-modem-if00-port0",
		.help = "Port, or imei:NUMBER, iccid:NUMBER, imsi:NUMBER, tcp:HOST:PORT." },
	{ LINK(baud, CONF_INT), RANGE("0", 0, 4000000), .unit = "bits per second", MODEM,
		.help = "Speed of a serial line; 0 tries the usual ones. USB modems take any." },
	{ LINK(rtscts, CONF_BOOL), .def = "false", MODEM,
		.help = "Hardware flow control of a serial line." },
	/* 3GPP TS 31.101, 9.5.1: four to eight digits. */
	{ LINK(pin, CONF_STRING), .def = "", .min = 4, .max = 8, .form = CONF_FORM_DIGITS, MODEM,
		.flags = CONF_SECRET, .help = "PIN of the SIM; tried once." },
	{ LINK(smsc, CONF_STRING), TEXT("", 21), .form = CONF_FORM_PHONE, MODEM,
		.help = "Number of the service centre; none: the SIM's." },
	{ LINK(init, CONF_STRINGS), TEXT("", 200), MODEM,
		.help = "AT commands to send at the start of each session, after those of the modem's make." },
	{ LINK(memories, CONF_STRINGS), .def = "", .words = "SM|ME|SR|MT|BM", .max = 2, MODEM,
		.help = "Memories that are read and emptied; none: all that the modem names." },
	{ LINK(reports, CONF_ENUM), WORDS("auto", "auto|direct|stored|none"), MODEM,
		.help = "How status reports come, sent on or stored; auto is the best that the modem takes." },
	{ LINK(cms_errors, CONF_STRINGS), TEXT("", 80), .min = 1, .form = CONF_FORM_ERROR, .driver = "modem",
		.help = "What a +CMS ERROR means on this link, CODE:CLASS each; the first that fits decides." },
	{ LINK(power_command, CONF_STRINGS), TEXT("", 4000), MODEM,
		.help = "Program and arguments that switch the modem off and on, run without a shell when nothing else helps." },
	{ LINK_DURATION(restart_time), RANGE("60", 1, 600), .unit = "seconds", MODEM,
		.help = "How long the modem may stay silent when its port came back, before it is helped again." },
	{ LINK(hang_up_calls, CONF_BOOL), .def = "false", MODEM,
		.help = "Refuse incoming calls." },

	{ LINK(delay_ms, CONF_INT), RANGE("0", 0, 3600000), .unit = "milliseconds", LOOPBACK,
		.help = "Pause before a receipt." },
	{ LINK(outcome, CONF_ENUM), WORDS("delivered", "delivered|undelivered|rejected|retry|unknown|none"), LOOPBACK,
		.help = "How every part ends; none is taken and never reported." },
	{ LINK(sim, CONF_STRING), TEXT("", 32), .form = CONF_FORM_NAME, LOOPBACK,
		.help = "Identity that it tells, as a modem tells that of its SIM; none: it has none." },
	{ LINK(ussd, CONF_STRING), TEXT("", 182), LOOPBACK,
		.help = "What it answers to a USSD code; none: the code." },

	{ LINK(price, CONF_DOUBLE), RANGE("0.0", 0, 1e6),
		.help = "Price of a part where prices say nothing; see choose of routes." },
	{ LINK(weight, CONF_DOUBLE), RANGE("1.0", 0.01, 100),
		.help = "How much of the load it takes beside others, for its window; see choose of routes." },

	{ LINK(profile, CONF_STRING), TEXT("", 64), .form = CONF_FORM_NAME,
		.help = "Take what is not given here from carriers/NAME.conf, beside this file or as installed." },

	{ LINK_TLV(name, CONF_STRING), TEXT("", 32), .form = CONF_FORM_NAME, RELINK, .example = "pe_id",
		.help = "Name by which clients and messages give the value; none: only the link does." },
	{ LINK_TLV(tag, CONF_INT), RANGE("0x1400", 1, 65535), RELINK, .flags = CONF_REQUIRED, .example = "0x1400",
		.help = "Tag; not one that Posthorn writes itself." },
	{ LINK_TLV(type, CONF_ENUM), WORDS("string", "string|cstring|int8|int16|int32|hex"), RELINK,
		.help = "What the value is: octets, octets and a NUL, a whole number, octets in hexadecimal." },
	{ LINK_TLV(value, CONF_STRING), TEXT("", 510), RELINK, .example = "1101234567890123456",
		.help = "Value when neither message nor client gives one; none: then the TLV does not go." },
	{ LINK_TLV(min, CONF_INT), RANGE("0", 0, 255), .unit = "octets", RELINK,
		.help = "Fewest octets of a string or hex value." },
	{ LINK_TLV(max, CONF_INT), RANGE("255", 1, 255), .unit = "octets", RELINK,
		.help = "Most of them; the NUL of a cstring counts." },
	{ LINK_TLV(required, CONF_BOOL), .def = "false", RELINK,
		.help = "Refuse messages for which nobody gives a value." },

	{ LINK_SENDER(match, CONF_STRING), TEXT("any", 32), .min = 1, RELINK,
		.help = "Which senders: any, number, short, alphanumeric, or the digits they begin with." },
	{ LINK_SENDER(to, CONF_STRINGS), TEXT("", 15), .min = 1, .form = CONF_FORM_DIGITS, RELINK,
		.help = "Beginnings of the recipients that the rule is for; none: all." },
	{ LINK_SENDER(rewrite, CONF_STRING), TEXT("", 22), .form = CONF_FORM_SENDER, RELINK,
		.help = "Sender that goes out instead; none: the same." },
	{ LINK_SENDER(strip, CONF_STRING), TEXT("", 15), .form = CONF_FORM_DIGITS, RELINK,
		.help = "Digits taken from the beginning of a sender that begins with them." },
	{ LINK_SENDER(add, CONF_STRING), TEXT("", 5), .form = CONF_FORM_DIGITS, RELINK,
		.help = "Digits put before what is left." },
	{ LINK_SENDER(ton, CONF_INT), RANGE("-1", -1, 7), RELINK,
		.help = "Type of number; -1 is source_ton, or from the sender." },
	{ LINK_SENDER(npi, CONF_INT), RANGE("-1", -1, 18), RELINK,
		.help = "Numbering plan; -1 is source_npi, or from the sender." },

	{ LINK_DEST(prefix, CONF_STRINGS), TEXT("", 15), .min = 1, .form = CONF_FORM_DIGITS, RELINK,
		.help = "Beginnings of recipients, digits with country code; none: all." },
	{ LINK_DEST(strip, CONF_STRING), TEXT("", 15), .form = CONF_FORM_DIGITS, RELINK,
		.help = "Digits taken from the beginning of a recipient that begins with them." },
	{ LINK_DEST(add, CONF_STRING), TEXT("", 5), .form = CONF_FORM_DIGITS, RELINK,
		.help = "Digits put before what is left." },
	{ LINK_DEST(ton, CONF_INT), RANGE("-1", -1, 7), RELINK,
		.help = "Type of number; -1 is dest_ton, or international." },
	{ LINK_DEST(npi, CONF_INT), RANGE("-1", -1, 18), RELINK,
		.help = "Numbering plan; -1 is dest_npi, or ISDN." },

	{ LINK_QUOTA(minute, CONF_INT), RANGE("0", 0, 1e9), .unit = "parts",
		.help = "Parts in a minute." },
	{ LINK_QUOTA(hour, CONF_INT), RANGE("0", 0, 1e9), .unit = "parts",
		.help = "Parts in an hour." },
	{ LINK_QUOTA(day, CONF_INT), RANGE("0", 0, 1e9), .unit = "parts",
		.help = "Parts in a day, which begins at day_at." },
	{ LINK_QUOTA(month, CONF_INT), RANGE("0", 0, 1e9), .unit = "parts",
		.help = "Parts in a month, which begins on month_day at day_at." },
	{ LINK_QUOTA(recipients_day, CONF_INT), RANGE("0", 0, 1e6), .unit = "recipients",
		.help = "Different recipients in a day; those that had a part already go on." },
	{ LINK_QUOTA(recipients_month, CONF_INT), RANGE("0", 0, 1e6), .unit = "recipients",
		.help = "Different recipients in a month." },
	{ LINK_QUOTA(reserve_otp, CONF_INT), RANGE("0", 0, 100), .unit = "per cent",
		.help = "Share of each bound on parts that only one-time codes may use." },
	{ LINK_QUOTA(zone, CONF_STRING), TEXT("UTC", 64), .form = CONF_FORM_ZONE,
		.help = "Time zone of the calendar, such as \"Europe/Berlin\"." },
	{ LINK_QUOTA(month_day, CONF_INT), RANGE("1", 1, 28),
		.help = "Day of the month on which a month begins." },
	{ LINK_QUOTA(day_at, CONF_STRING), TEXT("00:00", 5), .form = CONF_FORM_CLOCK,
		.help = "Time of day at which a day begins." },

	{ LINK_GUARD(failures, CONF_DOUBLE), RANGE("0.0", 0, 1),
		.help = "So large a share of failed parts sets the link aside; 0 is never. A modem's default is 0.5." },
	{ LINK_GUARD(of, CONF_INT), RANGE("20", 1, 1000), .unit = "parts",
		.help = "Fewest parts from which that is judged." },
	{ LINK_GUARD(minutes, CONF_INT), RANGE("30", 1, 1440), .unit = "minutes",
		.help = "How long a part counts." },
	{ LINK_GUARD(probe_minutes, CONF_INT), RANGE("15", 1, 1440), .unit = "minutes",
		.help = "After this one message is let through; when it is taken the link is back." },
	{ LINK_GUARD(silence, CONF_INT), RANGE("0", 0, 100), .unit = "recipients",
		.help = "So many without a report after many with one set it aside; 0 is never. A modem's default is 20." },

	{ LINK_BALANCE(ussd, CONF_STRING), TEXT("", 182),
		.help = "Code that asks for it, such as \"*100#\"; none: it is not asked for." },
	{ LINK_BALANCE(pattern, CONF_STRING), TEXT("([0-9]+[.,]?[0-9]*)", 200), .form = CONF_FORM_PATTERN,
		.help = "Where the number stands in the answer: a POSIX extended regular expression with one group." },
	{ LINK_BALANCE(every_hours, CONF_INT), RANGE("24", 1, 720), .unit = "hours",
		.help = "How often it is asked for." },
	{ LINK_BALANCE(alarm_below, CONF_DOUBLE), RANGE("0.0", -1e9, 1e9),
		.help = "An alarm when less is left." },

	{ LINK_PRICE(prefix, CONF_STRING), TEXT("", 15), .min = 1, .form = CONF_FORM_DIGITS, .flags = CONF_REQUIRED,
		.example = "7", .help = "Beginning of the recipient, digits with country code." },
	{ LINK_PRICE(price, CONF_DOUBLE), RANGE("0.0", 0, 1e6), .flags = CONF_REQUIRED, .example = "0.02",
		.help = "Price of a part." },

	{ CLIENT_TLV(name), TEXT("", 32), .form = CONF_FORM_NAME, .flags = CONF_REQUIRED, .example = "pe_id",
		.help = "Name of a TLV, as a link declares it." },
	{ CLIENT_TLV(value), TEXT("", 510), .flags = CONF_REQUIRED, .example = "1101234567890123456",
		.help = "Value of messages that give none." },

	{ ROUTE(name, CONF_STRING), TEXT("", 64), .form = CONF_FORM_NAME,
		.help = "Name in logs and previews; none: routeN, counted from 1." },
	{ ROUTE(prefix, CONF_STRINGS), TEXT("", 15), .min = 1, .form = CONF_FORM_DIGITS,
		.help = "Beginnings of recipients, digits with country code; none: all." },
	{ ROUTE(class, CONF_STRINGS), WORDS("", CLASS_WORDS),
		.help = "Classes; none: all." },
	{ ROUTE(client, CONF_STRINGS), TEXT("", 64), .form = CONF_FORM_NAME,
		.help = "Names of clients; none: all." },
	{ ROUTE(sender, CONF_STRINGS), TEXT("", 44), .min = 1,
		.help = "Senders; none: all." },
	{ ROUTE(links, CONF_STRINGS), TEXT("", 64), .form = CONF_FORM_NAME, .flags = CONF_REQUIRED, .example = "acme",
		.help = "Names of links, the best first." },
	{ ROUTE(choose, CONF_ENUM), WORDS("order", "order|load|price|sticky"),
		.help = "Which of them: the first, the least busy, the cheapest, or always the same for a recipient." },
	{ ROUTE(from, CONF_STRING), TEXT("", 20), .form = CONF_FORM_SENDER,
		.help = "Sender of all messages of the route, whatever they say; none: theirs." },
	{ ROUTE(from_fallback, CONF_STRING), TEXT("", 20), .form = CONF_FORM_SENDER,
		.help = "Sender of messages that have none, or one that is not allowed here." },
	{ ROUTE(from_allowed, CONF_STRINGS), WORDS("", SENDER_WORDS),
		.help = "Kinds of senders that are allowed; none: all." },

	{ INBOUND(to), TEXT("", 44), .help = "Number or short code that the message came to; none: all." },
	{ INBOUND(from), TEXT("", 44), .help = "Number that it came from; none: all." },
	{ INBOUND(keyword), TEXT("", 64), .help = "First word of the text, in any case and alphabet; none: all." },
	{ INBOUND(link), TEXT("", 64), .form = CONF_FORM_NAME, .help = "Link that it came in by; none: all." },
	{ INBOUND(client), TEXT("", 64), .form = CONF_FORM_NAME, .flags = CONF_REQUIRED, .example = "shop",
		.help = "Client that gets it." },
};

/* clang-format on */

const size_t conf_n_settings = sizeof(conf_settings) / sizeof(conf_settings[0]);

const char *conf_word(const char *words, size_t i, size_t *ret_n)
{
	const char *end;

	while (words != NULL) {
		end = strchrnul(words, '|');
		if (i-- == 0) {
			*ret_n = (size_t)(end - words);
			return words;
		}
		words = *end != '\0' ? end + 1 : NULL;
	}
	return NULL;
}

ptrdiff_t conf_word_index(const char *words, const char *word)
{
	const char *w;
	size_t n;

	for (size_t i = 0; (w = conf_word(words, i, &n)) != NULL; i++) {
		if (strlen(word) == n && memcmp(w, word, n) == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}
