-- SPDX-License-Identifier: Apache-2.0
-- The store, version 10 (kept in user_version).  Insert-only where it is hot: nothing wide is ever updated, and no index
-- stands on random values.  Keys are integers: id = node << 49 | counter, key = id << 8 | part, part 0 is the message itself.
-- Times are Unix milliseconds.  Executed as it stands on an empty database; later versions migrate (store_sqlite.c).

-- Names of clients, campaigns, routes, links; append-only.  kind: enum name_kind.
CREATE TABLE name (kind INTEGER NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;

-- One row: counters and marks that must survive.  low_water: see queue.h.
CREATE TABLE meta (k TEXT PRIMARY KEY, v) WITHOUT ROWID;

CREATE TABLE message (
	id        INTEGER PRIMARY KEY,
	client    INTEGER NOT NULL,
	route     INTEGER NOT NULL,
	campaign  INTEGER NOT NULL,
	bits      INTEGER NOT NULL,  -- class, report, flags, encoding, wish, parts: store_bits() in store_sqlite.c
	recipient INTEGER NOT NULL,
	created   INTEGER NOT NULL,
	send_at   INTEGER,           -- NULL: at once
	ttl_end   INTEGER NOT NULL,
	sender    TEXT NOT NULL,
	ref       TEXT,
	tag       TEXT
);
-- The text apart, so that it can be scrubbed at its own age; with it values of TLVs, NULL as a rule (message.h).
CREATE TABLE body (id INTEGER PRIMARY KEY, text NOT NULL, tlvs BLOB);

-- From the first lease of a message of several parts on: link, segmentation and reference are fixed.  ref: refs.h,
-- cut: segment_cut() in codec/segment.h.  Also one part has a row where message.bits, or an older row, says more.
CREATE TABLE bound (id INTEGER PRIMARY KEY, link INTEGER NOT NULL, ref INTEGER NOT NULL, parts INTEGER NOT NULL,
	cut INTEGER NOT NULL DEFAULT 0);

-- Before the first octet of a part is written; gone when the attempt is settled.  What is here at start is uncertain.
CREATE TABLE lease (key INTEGER PRIMARY KEY, link INTEGER NOT NULL, at INTEGER NOT NULL);

-- Once per part that a carrier took.  sender: what went out, NULL = the message's.
CREATE TABLE submit (key INTEGER PRIMARY KEY, at INTEGER NOT NULL, link INTEGER NOT NULL, smsc_id TEXT NOT NULL,
	sender TEXT);

-- Failed and uncertain attempts, and second acceptances.  next_at: when it is tried again, NULL = not.
CREATE TABLE attempt (
	key INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, link INTEGER NOT NULL,
	outcome INTEGER NOT NULL, code INTEGER NOT NULL, text TEXT, smsc_id TEXT, next_at INTEGER, reason INTEGER NOT NULL,
	PRIMARY KEY (key, n)
) WITHOUT ROWID;

-- The final state of a message (part 0) and of each part of a message of several parts.
CREATE TABLE final (
	key INTEGER PRIMARY KEY, state INTEGER NOT NULL, at INTEGER NOT NULL, reason INTEGER NOT NULL,
	part INTEGER NOT NULL,       -- part 0 only: the part that decided, 0 = none; else 0
	error TEXT,                  -- raw state and code as the carrier gave them
	receipt INTEGER NOT NULL DEFAULT 0 -- how the receipt that said so found it: receipt_mark() in store.h
);
CREATE TABLE correction (key INTEGER NOT NULL, n INTEGER NOT NULL, state INTEGER NOT NULL, at INTEGER NOT NULL,
	error TEXT, receipt INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (key, n)) WITHOUT ROWID;
-- Receipts that changed nothing, for the timeline: intermediate ones, and those that contradict what stands.
CREATE TABLE receipt (key INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, link INTEGER NOT NULL,
	state INTEGER NOT NULL, receipt INTEGER NOT NULL, error TEXT NOT NULL, PRIMARY KEY (key, n)) WITHOUT ROWID;

-- What did not fit its lane's memory window, or came back from due: until it is final, due or in waiting.
-- seq is the order of service; a number of the id counter.  end: ttl end in minutes, rounded up.
CREATE TABLE backlog (lane INTEGER NOT NULL, seq INTEGER NOT NULL, id INTEGER NOT NULL, end INTEGER NOT NULL,
	PRIMARY KEY (lane, seq)) WITHOUT ROWID;
-- Lane = (class, client, campaign, route, skip): skip = how many links of the route are passed over.
CREATE TABLE lane (id INTEGER PRIMARY KEY, class INTEGER NOT NULL, client INTEGER NOT NULL, campaign INTEGER NOT NULL,
	route INTEGER NOT NULL, skip INTEGER NOT NULL);

-- All that waits for a time: schedule, retry, hold, the receipt deadline of a spilled part.
CREATE TABLE due (at INTEGER NOT NULL, key INTEGER NOT NULL, reason INTEGER NOT NULL, tries INTEGER NOT NULL,
	skip INTEGER NOT NULL, PRIMARY KEY (at, key)) WITHOUT ROWID;

-- Receipts to come for what the memory table had to let go, and for final parts that a receipt may still correct; hash
-- of (link, key of the smsc_id).
CREATE TABLE waiting (hash INTEGER NOT NULL, key INTEGER NOT NULL, PRIMARY KEY (hash, key)) WITHOUT ROWID;
-- Receipts that matched nothing yet.  ids: the rows of receipt_parked_id, nine octets each.
CREATE TABLE receipt_parked (
	n INTEGER PRIMARY KEY, hash INTEGER NOT NULL, link INTEGER NOT NULL, smsc_id TEXT NOT NULL, recipient INTEGER NOT NULL,
	state INTEGER NOT NULL, stat TEXT NOT NULL, err TEXT NOT NULL, at INTEGER NOT NULL,
	smsc_id2 TEXT NOT NULL DEFAULT '', tlv INTEGER NOT NULL DEFAULT 0, other INTEGER NOT NULL DEFAULT 0,
	why INTEGER NOT NULL DEFAULT 0, ids BLOB NOT NULL DEFAULT x'',
	taken INTEGER NOT NULL DEFAULT 0 -- when the carrier says that it took the part; 0: it does not
);
-- What a parked receipt's id may mean: one row for each form (idform.h) that gives another hash.
CREATE TABLE receipt_parked_id (hash INTEGER NOT NULL, n INTEGER NOT NULL, form INTEGER NOT NULL,
	PRIMARY KEY (hash, n)) WITHOUT ROWID;
-- How the receipts of a link spell ids, as learned: hits by form.
CREATE TABLE receipt_form (link INTEGER NOT NULL, form INTEGER NOT NULL, hits INTEGER NOT NULL,
	PRIMARY KEY (link, form)) WITHOUT ROWID;

-- Webhook outbox.  One endpoint per client; shard = id mod webhook.concurrency; seq rises within the database.
CREATE TABLE event (
	endpoint INTEGER NOT NULL, shard INTEGER NOT NULL, seq INTEGER NOT NULL,
	kind INTEGER NOT NULL,       -- enum event_kind
	key INTEGER NOT NULL,        -- message or part; inbound: inbound.n
	state INTEGER NOT NULL, at INTEGER NOT NULL, parts_delivered INTEGER NOT NULL, part INTEGER NOT NULL, error TEXT,
	PRIMARY KEY (endpoint, shard, seq)
) WITHOUT ROWID;
CREATE TABLE dead (
	endpoint INTEGER NOT NULL, seq INTEGER NOT NULL, shard INTEGER NOT NULL, kind INTEGER NOT NULL, key INTEGER NOT NULL,
	state INTEGER NOT NULL, at INTEGER NOT NULL, parts_delivered INTEGER NOT NULL, part INTEGER NOT NULL, error TEXT,
	why TEXT NOT NULL, died INTEGER NOT NULL,
	PRIMARY KEY (endpoint, seq)
) WITHOUT ROWID;
CREATE INDEX dead_died ON dead (died); -- for retention

-- client: who gets it, 0 = nobody yet (kept and listed for operators).  missing: "2,5", parts that never came.  digest:
-- of what a modem may give a second time.
CREATE TABLE inbound (
	n INTEGER PRIMARY KEY, at INTEGER NOT NULL, link INTEGER NOT NULL, client INTEGER NOT NULL,
	sender TEXT NOT NULL, recipient TEXT NOT NULL, text TEXT NOT NULL, raw BLOB NOT NULL, dcs INTEGER NOT NULL,
	esm_class INTEGER NOT NULL, parts INTEGER NOT NULL DEFAULT 1, missing TEXT, digest INTEGER
);
CREATE UNIQUE INDEX inbound_digest ON inbound (digest) WHERE digest IS NOT NULL;
-- Inbound messages in parts, see op_inbound_part.  joined: inbound.n, 0 = open.  current: it takes parts.  have: how
-- many are there.  due: open ones are joined then (0: now), joined ones go then.  A number never comes again, as an
-- operation under way may mean the old one.
CREATE TABLE inbound_set (
	n INTEGER PRIMARY KEY AUTOINCREMENT, link INTEGER NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
	wide INTEGER NOT NULL, ref INTEGER NOT NULL, total INTEGER NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL,
	due INTEGER NOT NULL, have INTEGER NOT NULL, current INTEGER NOT NULL, joined INTEGER NOT NULL
);
CREATE UNIQUE INDEX inbound_set_key ON inbound_set (link, sender, recipient, ref, total, wide) WHERE current = 1;
CREATE INDEX inbound_set_open ON inbound_set (due) WHERE joined = 0;
CREATE INDEX inbound_set_joined ON inbound_set (due) WHERE joined <> 0;
-- digest: of the octets; text and raw are empty when the set is joined.
CREATE TABLE inbound_part (
	set_n INTEGER NOT NULL, seq INTEGER NOT NULL, digest INTEGER NOT NULL, dcs INTEGER NOT NULL,
	esm_class INTEGER NOT NULL, text TEXT NOT NULL, raw BLOB NOT NULL, PRIMARY KEY (set_n, seq)
) WITHOUT ROWID;

-- Idempotency keys of messages, numbered as they come (store_sqlite_idem.c); those below meta's idem_from have aged.
CREATE TABLE idem (n INTEGER PRIMARY KEY, client INTEGER NOT NULL, khash BLOB NOT NULL, bhash BLOB NOT NULL,
	answer TEXT NOT NULL);
-- Where the keys of each run are (idem.h): entries of a part, and the filter of a unit.  whole: it is all there.
CREATE TABLE idem_run (level INTEGER NOT NULL, n INTEGER NOT NULL, whole INTEGER NOT NULL,
	PRIMARY KEY (level, n)) WITHOUT ROWID;
CREATE TABLE idem_part (k INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE idem_filter (k INTEGER PRIMARY KEY, bits BLOB NOT NULL);
-- Keys of before version 10, in two generations; empty two days after it came.
CREATE TABLE idem_0 (client INTEGER NOT NULL, khash BLOB NOT NULL, bhash BLOB NOT NULL, answer TEXT NOT NULL,
	PRIMARY KEY (client, khash)) WITHOUT ROWID;
CREATE TABLE idem_1 (client INTEGER NOT NULL, khash BLOB NOT NULL, bhash BLOB NOT NULL, answer TEXT NOT NULL,
	PRIMARY KEY (client, khash)) WITHOUT ROWID;
-- Progress of streams and arrays under their idempotency key; digest covers the rows done.
CREATE TABLE stream (client INTEGER NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, rows INTEGER NOT NULL,
	accepted INTEGER NOT NULL, rejected INTEGER NOT NULL, digest BLOB NOT NULL, done INTEGER NOT NULL,
	PRIMARY KEY (client, name)) WITHOUT ROWID;

-- What accounts (SIMs, or links without one) have used of the periods of their quotas; kind: enum quota_kind.
CREATE TABLE quota (account INTEGER NOT NULL, kind INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
	n INTEGER NOT NULL, PRIMARY KEY (account, kind)) WITHOUT ROWID;
-- Different recipients of a period, by hash; they go when it has ended.
CREATE TABLE quota_recipient (end INTEGER NOT NULL, account INTEGER NOT NULL, kind INTEGER NOT NULL,
	hash INTEGER NOT NULL, PRIMARY KEY (end, account, kind, hash)) WITHOUT ROWID;

-- Everything of this client with this tag and an id up to upto_id is cancelled unless a part of it had left.  The row
-- goes when all of that has become final.
CREATE TABLE cancel (n INTEGER PRIMARY KEY, client INTEGER NOT NULL, tag TEXT NOT NULL, upto_id INTEGER NOT NULL,
	at INTEGER NOT NULL);

-- ref, tag and recipient, indexed behind the hot path in sorted runs of 65,536 ids (run = counter >> 16).
CREATE TABLE lookup (run INTEGER NOT NULL, hash INTEGER NOT NULL, id INTEGER NOT NULL,
	PRIMARY KEY (run, hash, id)) WITHOUT ROWID;

-- Messages that retention has deleted, counted, so that a report of last year still has its sums.  day: of their
-- creation, since 1970 in UTC; tag: '' = none, or one of too many (store_sqlite_purge.c); link: that took the first
-- part, 0 = none did; state: the final one.  parts: as cut; taken: parts that a carrier took.
CREATE TABLE total (
	day INTEGER NOT NULL, client INTEGER NOT NULL, campaign INTEGER NOT NULL, tag TEXT NOT NULL, class INTEGER NOT NULL,
	link INTEGER NOT NULL, state INTEGER NOT NULL,
	messages INTEGER NOT NULL, parts INTEGER NOT NULL, taken INTEGER NOT NULL,
	PRIMARY KEY (day, client, campaign, tag, class, link, state)
) WITHOUT ROWID;
