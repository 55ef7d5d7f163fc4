/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite.h -- what the files of the SQLite store share.  Nobody else includes it.
 *
 *     store_sqlite.c         the threads, the hand-over
 *     store_sqlite_commit.c  which operations go into a commit, and how
 *     store_sqlite_checkpoint.c  from the WAL back into the database
 *     store_sqlite_db.c      files, connections, schema, what is known at start
 *     store_sqlite_damage.c  a damaged database: found at start, remembered later
 *     store_file.c           the file and its log, before SQLite opens them and as it closes them
 *     store_sqlite_rows.c    rows of a commit that go down together
 *     store_sqlite_settle.c  operations that say what became of a part or message
 *     store_sqlite_inbound.c inbound messages and their parts
 *     store_sqlite_receipt.c receipts: found, parked, claimed, noted
 *     store_sqlite_idem.c    idempotency keys of messages: known or new; see store_sqlite_idem.h
 *     store_sqlite_idem_runs.c  where those are that memory does not hold
 *     store_sqlite_apply.c   all other operations
 *     store_sqlite_purge.c   retention: what is old goes, a little at a time
 *     store_sqlite_load.c    reads of the queue and the webhooks
 *     store_sqlite_view.c    reads of the API and of background work
 *     store_sqlite_total.c   how many messages there were, those that are gone among them
 *     store_sqlite_detail.c  one message with all that is known of it
 *
 * Who touches what: the loop thread owns the handles and the staged lists; the writer thread owns struct writer; a
 * reader thread owns its struct reader.  All else passes under store.mutex or is atomic.
 *
 * Inside the store results are SQLite's codes; they become -errno where they leave it.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

#include "queue/store.h"
#include "queue/store_sqlite_idem.h"

#define COMMIT_ROWS      5000  /* of a commit; on a disk that is slow to sync one for each microsecond of that … */
#define COMMIT_MOST      20000 /* … up to so many */
#define COMMIT_BULK_SHARE 5   /* bulk gets one of so many (on a slow disk half) for RECENT_NS after others came */
#define COMMIT_LATER_ROWS 1000 /* of what can wait, on top of these; first when it has waited for LATER_NS */
#define COMMIT_QUICK_ROWS 2000 /* while codes come in: within OTP_RECENT_NS of the last one */
#define COMMIT_OTP_ROWS  500  /* of these kept free for codes, however much there is to settle; bulk gets as many */
#define LATER_NS         UINT64_C(10000000) /* what can wait does so for others, no longer than this */
#define FIRST_AGAIN_NS   UINT64_C(1000000000) /* what others refer to is tried again by itself, if nothing else comes */
#define OTP_RECENT_NS    UINT64_C(10000000000)
#define RECENT_NS        UINT64_C(100000000)
#define LONG_BULK_ROWS   500  /* after so many bulk rows it is the others' turn … */
#define TURN             2    /* … for so many times what these took, and no longer than … */
#define TURN_MAX_NS      UINT64_C(50000000) /* … this: a disk that hangs for once does not keep clients waiting */
#define BACK_ROWS        16   /* who had so many in a commit … */
#define BACK_NS          UINT64_C(3000000) /* … may be back with what follows from it within this */
#define FEW_ROWS         8    /* after a commit with so few bulk rows at most, so few to settle wait … */
#define FRONT_MAX_NS     UINT64_C(1000000) /* … for the next of them, as long as a sync takes or this */
#define QUICK_ROW_NS     UINT64_C(10000) /* to the next bulk row while codes come in: 100,000 a second */
#define ID_BLOCK         65536
#define PAGE_ROWS        50000 /* a read examines no more … */
#define PAGE_OCTETS      ((size_t)1 << 20) /* … keeps no more: the loop makes an answer of it in one go … */
#define PAGE_US          50000 /* … and takes no longer */

/* ---- statements ------------------------------------------------------------------------------------------ */

#define WRITER_STATEMENTS(X)                                                                                           \
	X(W_BEGIN, "BEGIN IMMEDIATE")                                                                                  \
	X(W_COMMIT, "COMMIT")                                                                                          \
	X(W_META_SET, "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = excluded.v")                 \
	X(W_MESSAGES, "INSERT OR FAIL INTO message SELECT * FROM gathered") \
	X(W_BODIES, "INSERT OR FAIL INTO body SELECT c0, c1, c2 FROM gathered") \
	X(W_BOUND, "INSERT OR REPLACE INTO bound VALUES (?1, ?2, ?3, ?4, ?5)")                                         \
	X(W_BACKLOGS, "INSERT OR REPLACE INTO backlog SELECT c0, c1, c2, c3 FROM gathered") \
	X(W_BACKLOG_RANGE_DELETE, "DELETE FROM backlog WHERE lane = ?1 AND seq BETWEEN ?2 AND ?3") \
	X(W_BACKLOGS_GONE, "DELETE FROM backlog WHERE lane = ?1 AND seq IN (SELECT c0 FROM gathered)") \
	X(W_DUE, "INSERT OR REPLACE INTO due VALUES (?1, ?2, ?3, ?4, ?5)")                                             \
	X(W_DUE_DELETE, "DELETE FROM due WHERE at = ?1 AND key = ?2")                                                  \
	X(W_LEASES, "INSERT OR REPLACE INTO lease SELECT c0, c1, c2 FROM gathered") \
	X(W_LEASES_GONE, "DELETE FROM lease WHERE key IN (SELECT c0 FROM gathered)") \
	X(W_LEASE_DELETE, "DELETE FROM lease WHERE key = ?1")                                                          \
	X(W_LEASES_DELETE, "DELETE FROM lease WHERE key BETWEEN ?1 AND ?2")                                            \
	X(W_LEFT, "SELECT EXISTS (SELECT 1 FROM lease WHERE key BETWEEN ?1 AND ?2)"                                    \
		  " OR EXISTS (SELECT 1 FROM submit WHERE key BETWEEN ?1 AND ?2)")                                     \
	X(W_DOUBT, "SELECT EXISTS (SELECT 1 FROM attempt WHERE key BETWEEN ?1 AND ?2 AND outcome = ?3)")                    \
	X(W_SUBMITS, "INSERT OR FAIL INTO submit SELECT c0, c1, c2, c3, c4 FROM gathered") \
	X(W_SUBMIT, "INSERT INTO submit VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")                               \
	X(W_SUBMITTED_TO, "SELECT m.recipient, m.client, m.bits, coalesce(b.parts, 0), s.link = ?3 OR EXISTS"          \
			  " (SELECT 1 FROM attempt a WHERE a.key = ?1 AND a.link = ?3 AND a.outcome = 0),"              \
			  " min(m.created, s.at), s.at"                                                                      \
			  " FROM submit s JOIN message m ON m.id = ?2 LEFT JOIN bound b ON b.id = ?2"                  \
			  " WHERE s.key = ?1")                                                                         \
	X(W_ATTEMPT, "INSERT INTO attempt VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM attempt WHERE key = ?1),"   \
		     " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                                               \
	X(W_FINALS, "INSERT OR FAIL INTO final SELECT c0, c1, c2, c3, c4, c5, c6 FROM gathered") \
	X(W_FINAL, "INSERT INTO final VALUES (?1, ?2, ?3, ?4, ?5, ?7, ?6) ON CONFLICT DO NOTHING")                     \
	X(W_FINAL_STATE, "SELECT state, (SELECT max(state) FROM correction WHERE key = ?1) FROM final WHERE key = ?1") \
	X(W_FINAL_PARTS, "SELECT f.state, (SELECT c.state FROM correction c WHERE c.key = f.key ORDER BY c.n DESC"     \
			 " LIMIT 1) FROM final f WHERE f.key BETWEEN ?1 AND ?2")                                       \
	X(W_CORRECTION, "INSERT INTO correction VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM correction"           \
			" WHERE key = ?1), ?2, ?3, ?5, ?4)")                                                           \
	X(W_EVENTS, "INSERT OR FAIL INTO event SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 FROM gathered") \
	X(W_EVENTS_DELETE, "DELETE FROM event WHERE endpoint = ?1 AND shard = ?2 AND seq BETWEEN ?3 AND ?4")           \
	X(W_EVENTS_DEAD, "INSERT INTO dead SELECT endpoint, seq, shard, kind, key, state, at, parts_delivered, part,"  \
			 " error, ?5, ?6 FROM event WHERE endpoint = ?1 AND shard = ?2 AND seq BETWEEN ?3 AND ?4")     \
	X(W_DEAD, "SELECT seq, kind, key, state, at, parts_delivered, part, error FROM dead"                           \
		  " WHERE endpoint = ?1 AND at >= ?2 ORDER BY seq LIMIT ?3")                                           \
	X(W_DEAD_DELETE, "DELETE FROM dead WHERE endpoint = ?1 AND seq = ?2")                                          \
	X(W_WAITING, "INSERT OR IGNORE INTO waiting VALUES (?1, ?2)")                                                  \
	X(W_WAITING_FIND, "SELECT key FROM waiting WHERE hash = ?1 ORDER BY key DESC LIMIT 64")                        \
	X(W_PARKED, "INSERT INTO receipt_parked VALUES (?14, ?1, ?2, ?9, ?3, ?4, ?10, ?11, ?5, ?12, ?6, ?7, ?8, ?13," \
		    " ?15)")                                                                                           \
	X(W_PARKED_ID, "INSERT OR IGNORE INTO receipt_parked_id VALUES (?1, ?2, ?3)")                                  \
	X(W_PARKED_FIND, "SELECT p.n, p.link, p.recipient, p.other, p.state, p.at, i.form, p.stat, p.err, p.taken, p.why" \
			 " FROM receipt_parked_id i JOIN receipt_parked p ON p.n = i.n WHERE i.hash = ?1 ORDER BY i.n"  \
			 " DESC LIMIT 64")                                                                             \
	X(W_PARKED_IDS, "SELECT ids, hash FROM receipt_parked WHERE n = ?1")                                           \
	X(W_PARKED_ID_DELETE, "DELETE FROM receipt_parked_id WHERE hash = ?1 AND n = ?2")                              \
	X(W_PARKED_DELETE, "DELETE FROM receipt_parked WHERE n = ?1")                                                  \
	X(W_PARKED_OLDEST, "SELECT n FROM (SELECT n, at FROM receipt_parked ORDER BY n LIMIT ?2) WHERE at < ?1")      \
	X(W_NOTE, "INSERT INTO receipt SELECT ?1, (SELECT coalesce(max(n), 0) + 1 FROM receipt WHERE key = ?1),"       \
		  " ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM receipt WHERE key = ?1) < 16")                       \
	X(W_FORM_DELETE, "DELETE FROM receipt_form WHERE link = ?1")                                                   \
	X(W_FORM, "INSERT INTO receipt_form VALUES (?1, ?2, ?3)")                                                      \
	X(W_TAKEN_PARTS, "SELECT key FROM submit WHERE key BETWEEN ?1 AND ?2")                                         \
	X(W_RECEIVED_PART, "SELECT receipt FROM final WHERE key BETWEEN ?1 AND ?2 AND reason = ?3 AND state = ?4"      \
			   " AND receipt > 0 LIMIT 1")                                                                 \
	X(W_OPEN_PARTS, "SELECT s.key, s.link, s.smsc_id FROM submit s WHERE s.key BETWEEN ?1 AND ?2"                  \
			" AND NOT EXISTS (SELECT 1 FROM final f WHERE f.key = s.key)")                                 \
	X(W_KEYS, "INSERT OR FAIL INTO idem SELECT c0, c1, c2, c3, c4 FROM gathered")                                  \
	X(W_KEY, "SELECT client, khash, bhash, answer FROM idem WHERE n = ?1")                                         \
	X(W_KEYS_FROM, "SELECT n, client, khash FROM idem WHERE n >= ?1 ORDER BY n")                                   \
	X(W_KEY_OLDEST, "SELECT n FROM idem ORDER BY n LIMIT 1")                                                       \
	X(W_KEYS_DELETE, "DELETE FROM idem WHERE n < ?1")                                                              \
	X(W_RUN, "INSERT OR REPLACE INTO idem_run VALUES (?1, ?2, ?3)")                                                \
	X(W_RUNS, "SELECT level, n, whole FROM idem_run ORDER BY n DESC")                                              \
	X(W_RUN_DELETE, "DELETE FROM idem_run WHERE level = ?1 AND n = ?2")                                            \
	X(W_PART_KEYS, "INSERT OR REPLACE INTO idem_part VALUES (?1, ?2)")                                             \
	X(W_PART_FIND, "SELECT entries FROM idem_part WHERE k = ?1")                                                   \
	X(W_PARTS_OF, "SELECT k, entries FROM idem_part WHERE k >= ?1 AND k < ?2 ORDER BY k")                          \
	X(W_PART_NEXT, "SELECT k FROM idem_part WHERE k >= ?1 ORDER BY k LIMIT 1")                                     \
	X(W_PARTS_OLD, "DELETE FROM idem_part WHERE k >= ?1 AND k < ?2")                                               \
	X(W_FILTER, "INSERT OR REPLACE INTO idem_filter VALUES (?1, ?2)")                                              \
	X(W_FILTERS_OF, "SELECT k, bits FROM idem_filter WHERE k >= ?1 AND k < ?2 ORDER BY k")                         \
	X(W_FILTER_NEXT, "SELECT k FROM idem_filter WHERE k >= ?1 ORDER BY k LIMIT 1")                                 \
	X(W_FILTERS_OLD, "DELETE FROM idem_filter WHERE k >= ?1 AND k < ?2")                                           \
	X(W_OLD_KEY_FIND, "SELECT bhash, answer FROM idem_0 WHERE client = ?1 AND khash = ?2 UNION ALL"                \
			  " SELECT bhash, answer FROM idem_1 WHERE client = ?1 AND khash = ?2")                        \
	X(W_OLD_KEYS_DROP_0, "DELETE FROM idem_0")                                                                     \
	X(W_OLD_KEYS_DROP_1, "DELETE FROM idem_1")                                                                     \
	X(W_STREAM, "INSERT INTO stream VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET"             \
		    " at = excluded.at, rows = excluded.rows, accepted = excluded.accepted,"                           \
		    " rejected = excluded.rejected, digest = excluded.digest, done = excluded.done")                   \
	X(W_STREAM_FIND, "SELECT rows, accepted, rejected, digest, done FROM stream WHERE client = ?1 AND name = ?2")  \
	X(W_STREAMS_DROP, "DELETE FROM stream WHERE at < ?1")                                                          \
	X(W_CANCEL, "INSERT INTO cancel VALUES (NULL, ?1, ?2, ?3, ?4)")                                                \
	X(W_CANCEL_DELETE, "DELETE FROM cancel WHERE n = ?1")                                                          \
	X(W_INBOUND, "INSERT INTO inbound VALUES (?13, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"             \
		     " ON CONFLICT (digest) WHERE digest IS NOT NULL DO NOTHING")                                      \
	X(W_SET, "INSERT INTO inbound_set VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 0, 1, 0)")                 \
	X(W_SET_FIND, "SELECT n, have, joined FROM inbound_set WHERE link = ?1 AND sender = ?2 AND recipient = ?3"     \
		      " AND wide = ?4 AND ref = ?5 AND total = ?6 AND current = 1")                                    \
	X(W_SET_STATE, "SELECT joined, have, current, until, at FROM inbound_set WHERE n = ?1")                        \
	X(W_SET_GROW, "UPDATE inbound_set SET have = have + 1, due = iif(have + 1 = total, 0, due) WHERE n = ?1")      \
	X(W_SET_REPLACED, "UPDATE inbound_set SET current = 0, due = 0 WHERE n = ?1")                                  \
	X(W_SET_FIRST, "SELECT n FROM inbound_set WHERE joined = 0 AND due > 0 ORDER BY due LIMIT 1")                  \
	X(W_SET_DUE, "UPDATE inbound_set SET due = 0 WHERE n = ?1")                                                    \
	X(W_SET_JOINED, "UPDATE inbound_set SET joined = ?2, due = ?3 WHERE n = ?1")                                   \
	X(W_SET_DELETE, "DELETE FROM inbound_set WHERE n = ?1")                                                        \
	X(W_PART, "INSERT INTO inbound_part VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                      \
	X(W_PART_DIGEST, "SELECT digest FROM inbound_part WHERE set_n = ?1 AND seq = ?2")                              \
	X(W_PARTS_EMPTY, "UPDATE inbound_part SET text = '', raw = x'' WHERE set_n = ?1")                              \
	X(W_PARTS_DELETE, "DELETE FROM inbound_part WHERE set_n = ?1")                                                 \
	X(W_OLD_SETS, "SELECT n FROM inbound_set WHERE joined <> 0 AND due <= ?1 ORDER BY due LIMIT ?2")               \
	X(W_NAME, "INSERT OR IGNORE INTO name VALUES (?1, ?2, ?3)")                                                    \
	X(W_LANE, "INSERT OR REPLACE INTO lane VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                       \
	X(W_LOOKUPS, "INSERT OR IGNORE INTO lookup SELECT c0, c1, c2 FROM gathered") \
	X(W_MESSAGE_AT, "SELECT id, created FROM message WHERE id >= ?1 ORDER BY id LIMIT 1")                          \
	X(W_MESSAGE_TOP, "SELECT coalesce(max(id), 0) FROM message")                                                   \
	X(W_IS_FINAL, "SELECT at FROM final WHERE key = ?1")                                                           \
	X(W_OLD_BODIES, "SELECT id FROM body WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3")                         \
	X(W_OLD_MESSAGES, "SELECT id FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3")                    \
	X(W_OLD_NUMBERS, "SELECT id, recipient FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3")          \
	X(W_SCRUB_NUMBER, "UPDATE message SET recipient = ?2 WHERE id = ?1")                                           \
	X(W_SCRUB_LOOKUP, "DELETE FROM lookup WHERE run = ?1 AND hash = ?2 AND id = ?3")                               \
	X(W_OLD_INBOUND, "SELECT n, at FROM inbound WHERE n > ?1 ORDER BY n LIMIT ?2")                                 \
	X(W_SCRUB_TEXT, "UPDATE inbound SET text = '', raw = x'' WHERE n = ?1")                                        \
	X(W_SCRUB_SENDER, "UPDATE inbound SET sender = '' WHERE n = ?1")                                               \
	X(W_PURGE_BODY, "DELETE FROM body WHERE id = ?1")                                                              \
	X(W_TOTAL, "INSERT INTO total SELECT created / 86400000, client, campaign, iif(?4, coalesce(tag, ''), ''), bits & 3," \
		   " coalesce((SELECT link FROM submit WHERE key BETWEEN ?2 AND ?3 LIMIT 1), 0),"                      \
		   " (SELECT coalesce((SELECT max(state) FROM correction WHERE key = ?2), state) FROM final"           \
		   " WHERE key = ?2), 1, coalesce((SELECT parts FROM bound WHERE id = ?1), bits >> 16 & 255),"         \
		   " (SELECT count(*) FROM submit WHERE key BETWEEN ?2 AND ?3) FROM message WHERE id = ?1"             \
		   " ON CONFLICT DO UPDATE SET messages = messages + 1, parts = parts + excluded.parts,"               \
		   " taken = taken + excluded.taken")                                                                  \
	X(W_TOTAL_TAGS, "SELECT count(*) FROM (SELECT 1 FROM total WHERE day = ?1 AND tag <> '' LIMIT ?2)")            \
	X(W_PURGE_MESSAGE, "DELETE FROM message WHERE id = ?1")                                                        \
	X(W_PURGE_BOUND, "DELETE FROM bound WHERE id = ?1")                                                            \
	X(W_PURGE_SUBMIT, "DELETE FROM submit WHERE key BETWEEN ?1 AND ?2")                                            \
	X(W_PURGE_ATTEMPT, "DELETE FROM attempt WHERE key BETWEEN ?1 AND ?2")                                          \
	X(W_PURGE_FINAL, "DELETE FROM final WHERE key BETWEEN ?1 AND ?2")                                              \
	X(W_PURGE_CORRECTION, "DELETE FROM correction WHERE key BETWEEN ?1 AND ?2")                                    \
	X(W_PURGE_NOTE, "DELETE FROM receipt WHERE key BETWEEN ?1 AND ?2")                                             \
	X(W_PURGE_LOOKUP, "DELETE FROM lookup WHERE (run, hash, id) IN"                                                \
			  " (SELECT run, hash, id FROM lookup WHERE run < ?1 LIMIT ?2)")                               \
	X(W_PURGE_INBOUND, "DELETE FROM inbound WHERE at < ?1 AND n IN (SELECT n FROM inbound ORDER BY n LIMIT ?2)")   \
	X(W_PURGE_DEAD, "DELETE FROM dead WHERE (endpoint, seq) IN"                                                    \
			" (SELECT endpoint, seq FROM dead WHERE died < ?1 ORDER BY died LIMIT ?2)")                    \
	X(W_OLD_WAITING, "SELECT hash, key FROM waiting WHERE (hash, key) > (?1, ?2) ORDER BY hash, key LIMIT ?3")     \
	X(W_PURGE_WAITING, "DELETE FROM waiting WHERE hash = ?1 AND key = ?2")                                         \
	X(W_QUOTA, "INSERT INTO quota VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET start = excluded.start,"    \
		   " end = excluded.end, n = excluded.n")                                                              \
	X(W_QUOTA_RECIPIENT, "INSERT OR IGNORE INTO quota_recipient VALUES (?1, ?2, ?3, ?4)")                          \
	X(W_PURGE_QUOTA, "DELETE FROM quota WHERE end < ?1")                                                           \
	X(W_PURGE_QUOTA_RECIPIENT, "DELETE FROM quota_recipient WHERE (end, account, kind, hash) IN (SELECT end,"      \
		   " account, kind, hash FROM quota_recipient WHERE end < ?1 LIMIT 1000)")                             \
	X(W_PAGES, "PRAGMA page_count")                                                                                \
	X(W_PAGES_FREE, "PRAGMA freelist_count")                                                                       \
	X(W_VACUUM, "PRAGMA incremental_vacuum(64)")

/* What take_message() reads; no id: no such message.  Statements that read many join them: a look-up of its own costs
 * several times what the row does.  What is not wanted of a row is asked for under the id NULL, so that it is not
 * searched for. */
#define MESSAGE_COLUMNS                                                                                                \
	"m.id, m.client, m.route, m.campaign, m.bits, m.recipient, m.created, m.send_at, m.ttl_end, m.sender, m.ref,"  \
	" m.tag, t.text, t.tlvs"

#define READER_STATEMENTS(X)                                                                                           \
	X(R_BEGIN, "BEGIN")                                                                                            \
	X(R_END, "COMMIT")                                                                                             \
	X(R_MESSAGE, "SELECT " MESSAGE_COLUMNS " FROM message m LEFT JOIN body t ON t.id = iif(?2, m.id, NULL)"    \
		     " WHERE m.id = ?1")                                                                               \
	X(R_BOUND, "SELECT id, link, ref, parts, cut FROM bound WHERE id >= ?1 AND id < ?2 ORDER BY id")               \
	X(R_LEASES, "SELECT key, link, at FROM lease WHERE key >= ?1 AND key < ?2 ORDER BY key")                       \
	X(R_SUBMITS, "SELECT key, link, at, smsc_id, sender FROM submit WHERE key >= ?1 AND key < ?2 ORDER BY key") \
	X(R_FINALS, "SELECT key, state, at, reason, part, error, receipt FROM final WHERE key >= ?1 AND key < ?2"     \
		    " ORDER BY key")                                                                                   \
	X(R_TRIES, "SELECT key, outcome, coalesce(next_at, 0), link FROM attempt WHERE key >= ?1 AND key < ?2"            \
		   " ORDER BY key, n")                                                                                 \
	X(R_IS_DUE, "SELECT 1 FROM due WHERE at = ?1 AND key = ?2")                                                    \
	X(R_ATTEMPTS, "SELECT key, n, at, coalesce(next_at, 0), link, code, outcome, reason, text, smsc_id"            \
		      " FROM attempt WHERE key >= ?1 AND key < ?2 ORDER BY key, n")                                    \
	X(R_CORRECTIONS, "SELECT key, state, at, error, receipt FROM correction WHERE key >= ?1 AND key < ?2"          \
			 " ORDER BY key, n")                                                                           \
	X(R_NOTES, "SELECT key, at, link, state, receipt, error FROM receipt WHERE key >= ?1 AND key < ?2"             \
		   " ORDER BY key, n")                                                                                 \
	X(R_BACKLOG, "SELECT seq, b.id, end, " MESSAGE_COLUMNS " FROM backlog b"                                       \
		     " LEFT JOIN message m ON m.id = iif(end <= ?3, b.id, NULL)"                                       \
		     " LEFT JOIN body t ON t.id = iif(?4, m.id, NULL) WHERE lane = ?1 AND seq > ?2 ORDER BY seq")      \
	X(R_BACKLOG_ENDS, "SELECT end FROM backlog WHERE lane = ?1 AND seq > ?2 AND seq < ?3")                         \
	X(R_BACKLOG_FRESH, "SELECT b.id FROM lane l JOIN backlog b ON b.lane = l.id WHERE b.seq >= ?1")                \
	X(R_DUE, "SELECT at, key, reason, tries, skip, " MESSAGE_COLUMNS " FROM due"                                   \
		 " LEFT JOIN message m ON m.id = iif(?3 IN (reason, 0), key >> 8, NULL)"                               \
		 " LEFT JOIN body t ON t.id = iif(?4, m.id, NULL) WHERE (at, key) > (?1, ?2) ORDER BY at, key")        \
	X(R_ATTEMPT_LINK, "SELECT link FROM attempt WHERE key = ?1 AND next_at = ?2 ORDER BY n DESC LIMIT 1")          \
	X(R_DUE_FRESH, "SELECT key FROM due")                                                                          \
	X(R_IDS, "SELECT id FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id")                                      \
	X(R_IDS_DOWN, "SELECT id, client, campaign, recipient, ref, tag, created FROM message"                         \
		      " WHERE id >= ?1 AND id < ?2 ORDER BY id DESC")                                                  \
	X(R_CREATED_AT, "SELECT id, created FROM message WHERE id >= ?1 ORDER BY id LIMIT 1")                          \
	X(R_TOP, "SELECT coalesce(max(id), 0) FROM message")                                                           \
	X(R_BOTTOM, "SELECT coalesce(min(id), 0) FROM message")                                                        \
	X(R_IDS_TAGGED, "SELECT id, client, tag FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id")                  \
	X(R_LOOKUP_UP, "SELECT id FROM lookup WHERE run = ?1 AND hash = ?2 AND id >= ?3 ORDER BY id")                  \
	X(R_LOOKUP_DOWN, "SELECT id FROM lookup WHERE run = ?1 AND hash = ?2 AND id < ?3 ORDER BY id DESC")            \
	X(R_RUN, "SELECT id, client, recipient, ref, tag FROM message WHERE id >= ?1 AND id < ?2")                     \
	X(R_META, "SELECT v FROM meta WHERE k = ?1")                                                                   \
	X(R_EVENTS, "SELECT seq, kind, key, state, at, parts_delivered, part, error, m.recipient, m.ref,"              \
		    " coalesce(b.parts, m.bits >> 16 & 255, 1) FROM event"                                             \
		    " LEFT JOIN message m ON m.id = iif(kind <> ?5, key >> 8, NULL) LEFT JOIN bound b ON b.id = m.id"  \
		    " WHERE endpoint = ?1 AND shard = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4")                          \
	X(R_EVENT_INBOUND, "SELECT sender, recipient, text, lower(hex(raw)), coalesce(missing, ''), link, dcs,"        \
			   " esm_class, parts FROM inbound WHERE n = ?1")                                              \
	X(R_EVENTS_COUNT, "SELECT count(*) FROM event WHERE endpoint = ?1")                                            \
	X(R_EVENTS_OLDEST, "SELECT at FROM event WHERE endpoint = ?1 AND shard = ?2 ORDER BY seq LIMIT 1")             \
	X(R_DEAD_COUNT, "SELECT count(*) FROM dead WHERE endpoint = ?1")                                               \
	X(R_STREAM, "SELECT rows, accepted, rejected, digest, done FROM stream WHERE client = ?1 AND name = ?2")       \
	X(R_INBOUND, "SELECT n, at, link, client, sender, recipient, text, lower(hex(raw)), dcs, esm_class, parts,"    \
		     " missing FROM inbound WHERE n < ?1 ORDER BY n DESC")                                             \
	X(R_SET, "SELECT link, sender, recipient, total FROM inbound_set WHERE n = ?1 AND joined = 0")                 \
	X(R_SET_PARTS, "SELECT seq, dcs, esm_class, text, raw FROM inbound_part WHERE set_n = ?1 ORDER BY seq")        \
	X(R_SETS_DUE, "SELECT n FROM inbound_set WHERE joined = 0 AND due <= ?1 ORDER BY due LIMIT ?2")                \
	X(R_TOTAL_DAY, "SELECT day FROM total WHERE day BETWEEN ?1 AND ?2 ORDER BY day LIMIT 1")                       \
	X(R_TOTAL, "SELECT client, campaign, tag, class, link, state, messages, parts, taken FROM total"               \
		" WHERE day = ?1 AND (client, campaign) >= (?2, ?3) AND client <= ?4 ORDER BY client, campaign")        \
	X(R_SUMS, "SELECT id, client, campaign, tag, created, bits FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id") \
	X(R_SUM, "SELECT coalesce((SELECT link FROM submit WHERE key BETWEEN ?1 AND ?2 LIMIT 1), 0),"                  \
		 " (SELECT coalesce((SELECT max(state) FROM correction WHERE key = ?1), state) FROM final"             \
		 " WHERE key = ?1), (SELECT parts FROM bound WHERE id = ?3),"                                          \
		 " (SELECT count(*) FROM submit WHERE key BETWEEN ?1 AND ?2)")                                         \
	X(R_PARKED, "SELECT n, link, recipient, other, at, state, why, tlv, smsc_id, smsc_id2, stat, err, taken"       \
		    " FROM receipt_parked WHERE n < ?1 ORDER BY n DESC")                                               \
	X(R_CANCELLED, "SELECT EXISTS (SELECT 1 FROM cancel WHERE client = ?1 AND tag = ?2 AND upto_id >= ?3)")

#define STATEMENT_ENUM(name, sql) name,
enum { WRITER_STATEMENTS(STATEMENT_ENUM) W_N };
enum { READER_STATEMENTS(STATEMENT_ENUM) R_N };
#undef STATEMENT_ENUM

/* Bind integers to the first parameters. */
#define BIND(st, ...) \
	bind_ints(st, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static inline void bind_ints(sqlite3_stmt *st, const int64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sqlite3_bind_int64(st, (int)i + 1, v[i]);
}

/* Lent until the statement is reset; every statement is, before the row that owns the text goes. */
static inline void bind_text(sqlite3_stmt *st, int at, const char *s)
{
	sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

static inline void bind_text_or_null(sqlite3_stmt *st, int at, const char *s)
{
	if (s && *s)
		bind_text(st, at, s);
	else
		sqlite3_bind_null(st, at);
}

static inline int64_t column(sqlite3_stmt *st, int i)
{
	return sqlite3_column_int64(st, i);
}

/* What went wrong: the connection may not have heard of it. */
const char *db_text(sqlite3 *db, int rc);
/* sqlite3_step(), and the texts of the row are there: without memory sqlite3_column_text() has none, tells nobody,
 * and a sender, an id or an answer would be empty. */
int step_row(sqlite3_stmt *st);
void column_copy(sqlite3_stmt *st, int i, char *to, size_t n); /* cut to n - 1 octets */

/* Where sqlite3_column_blob() had NULL and no blob of ours is empty: for want of memory, or it is not one of ours. */
static inline int no_blob(sqlite3_stmt *st)
{
	return sqlite3_errcode(sqlite3_db_handle(st)) == SQLITE_NOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
}

/* Run a statement that yields nothing, or of whose result only the first row was wanted. */
static inline int run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);
	int rc2 = sqlite3_reset(st);

	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc2 ? rc2 : rc;
}

/* The first column of the first row; SQLITE_DONE: there is none. */
static inline int first_column(sqlite3_stmt *st, int64_t *ret)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		*ret = column(st, 0);
	sqlite3_reset(st);
	return rc;
}

/* ---- lists ----------------------------------------------------------------------------------------------- */

struct op_list {
	struct store_op *head, *tail;
};

static inline void op_list_add(struct op_list *l, struct store_op *op)
{
	op->next = NULL;
	if (l->tail)
		l->tail->next = op;
	else
		l->head = op;
	l->tail = op;
}

static inline void op_list_splice(struct op_list *to, struct op_list *from)
{
	if (!from->head)
		return;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	*from = (struct op_list){0};
}

/* ---- the writer's side ----------------------------------------------------------------------------------- */

struct wake {
	uint32_t endpoint, shard;
};

struct wakes {
	struct wake *items;
	size_t n, cap;
};

#define WAKE_SLOTS 256

/* store_sqlite_rows.c: rows that go down together, and rows that go. */
#define ROWS_MOST  256
#define DROPS_MOST 2048

enum rows_table {
	ROWS_MESSAGE, ROWS_BODY, ROWS_BACKLOG, ROWS_LEASE, ROWS_SUBMIT, ROWS_FINAL, ROWS_EVENT, ROWS_LOOKUP,
	ROWS_KEY,
	ROWS_TABLES
};
enum drops { DROP_LEASE, DROP_BACKLOG, DROPS };

/* A value; texts and blobs are lent until the commit. */
struct cell {
	union {
		int64_t v;
		const void *p;
	};
	uint32_t n;
	uint8_t type; /* SQLITE_INTEGER, SQLITE_TEXT, SQLITE_BLOB; 0: NULL */
};

struct rows {
	struct cell *cells[ROWS_TABLES]; /* row by row */
	unsigned n[ROWS_TABLES];
	enum rows_table reading; /* ROWS_TABLES: what goes, from `going` on */
	const struct drop *going;
	unsigned n_going;
	struct drop {
		uint64_t key;
		uint32_t lane;
	} drops[DROPS][DROPS_MOST];
	unsigned n_drops[DROPS];
	char errors[2 * ROWS_MOST][40];
	unsigned n_errors;
};

struct writer {
	struct store *store;
	sqlite3 *db;
	sqlite3_stmt *st[W_N];
	uint64_t node;
	unsigned shards;
	int64_t now;             /* of this batch */
	int64_t sync_us;         /* what the last COMMIT took */
	int64_t aside_told;      /* a read of keys or old rows that the disk refused */
	int64_t locked_us;       /* another program holds the write lock since then; 0: none does */
	uint64_t batch;          /* a number for each try of a batch */
	struct wakes wakes;
	struct rows rows;
	struct idem_keys keys;
	bool of_keys;            /* what failed is of keys or of streams: only whoever named one is refused */
	bool plain;              /* the rows that this operation writes may wait (prepare() in store_sqlite_commit.c) */
	unsigned careful;        /* so many batches no final or submit row waits: one was there already */
	/* Which (endpoint, shard) this batch woke last, by a hash of both: repeats are kept out of wakes cheaply. */
	struct { struct wake w; uint64_t batch; } woken[WAKE_SLOTS];
	/* What a rollback takes back. */
	struct writer_marks {
		uint64_t seq;        /* last event */
		uint64_t n_parked, n_parked_expired, n_parked_dropped;
		/* SQLite would number the next row as one that has gone, which may still be meant. */
		uint64_t last_parked, last_inbound;
		uint64_t n_inbound_open;
		uint64_t next_block; /* counter, next to be reserved */
		int64_t idem_at;     /* when the current generation of keys began … */
		uint64_t key_gen;    /* … and with which key; all are numbered */
		uint64_t key_from, key_next; /* keys below have aged; the next one's number */
		unsigned idem, old_keys; /* of before version 10: current generation; tables not empty, as bits */
		size_t n_wakes;
		uint64_t purge_body, purge_message, purge_hash, purge_key; /* cursors of retention */
		uint64_t numbers_upto;             /* every message below has no number any more */
		uint64_t texts_upto, senders_upto; /* of inbound, up to this n */
	} m, saved;
	bool count_tags;         /* of what this step of retention deletes */
};

typedef int apply_fn(struct writer *w, struct store_op *op);
apply_fn apply_accept, apply_lease, apply_unlease, apply_due_fire, apply_backlog_delete, apply_spill, apply_cancel,
	apply_cancel_done, apply_inbound, apply_inbound_part, apply_events_done, apply_events_dead,
	apply_events_replay, apply_stream,
	apply_name, apply_lane, apply_meta, apply_lookup, apply_idem_rotate, apply_reserve;
apply_fn apply_submit, apply_attempt, apply_final, apply_receipt, apply_receipt_note, apply_receipt_form;
apply_fn apply_quota;
apply_fn apply_purge;

/* Sets joined long enough ago; ret_n: how many. */
int inbound_sets_purge(struct writer *w, unsigned limit, unsigned *ret_n);

int meta_set(struct writer *w, const char *k, int64_t v);

static inline struct cell cell_int(int64_t v)
{
	return (struct cell){.v = v, .type = SQLITE_INTEGER};
}

/* NULL gives NULL. */
static inline struct cell cell_text(const char *s, size_t n)
{
	return (struct cell){.p = s, .n = (uint32_t)n, .type = s ? SQLITE_TEXT : 0};
}

static inline struct cell cell_string(const char *s)
{
	return cell_text(s, s ? strlen(s) : 0);
}

int rows_open(struct writer *w);
void rows_close(struct writer *w);
/* One row, of as many cells as the table has columns. */
int rows_put(struct writer *w, enum rows_table t, const struct cell *row);
#define ROW(...) ((const struct cell[]){__VA_ARGS__})
const char *rows_keep_error(struct writer *w, const char *error); /* NULL when there is nothing in it */
int rows_drop_backlog(struct writer *w, uint32_t lane, uint64_t seq);
int rows_drop_lease(struct writer *w, const struct store_msg *m, unsigned part); /* 0: of all parts */
int rows_take_away(struct writer *w, enum drops what);
/* All that was gathered goes to its tables; afterwards it can be read. */
int rows_flush(struct writer *w);
void rows_forget(struct writer *w);

#define PLAIN_RECEIPT "DELIVRD:000"

/* What is said of a part (or of a message: part 0), and what that made of them. */
struct verdict {
	unsigned part;
	int64_t at;
	enum msg_state state;
	enum msg_reason reason;
	const char *error;
	uint16_t receipt;        /* receipt_mark() */
};

struct verdict_result {
	bool new, correction;
	int8_t msg_state;
};

/* store_sqlite_settle.c */
int settle_verdict(struct writer *w, const struct store_msg *m, const struct verdict *v, struct verdict_result *ret);
/* A receipt of this hash may still come: by its row in `waiting` it finds the part. */
int wait_for(struct writer *w, uint64_t hash, uint64_t key);
/* The state that holds now; *ret_state < 0: not final. */
int final_state(struct writer *w, uint64_t key, int *ret_state);
int note_receipt(struct writer *w, const struct op_receipt_note *o);

/* store_sqlite_receipt.c */
int look_in_parked(struct writer *w, struct op_submit *o);
int forget_parked(struct writer *w, uint64_t n);
int is_parked(struct writer *w, uint64_t n, bool *ret);

struct store_event_row {
	uint8_t kind, state;
	uint64_t key;
	int64_t at;
	unsigned parts_delivered, part;
	const char *error;
};
int add_event(struct writer *w, uint32_t endpoint, unsigned shard, const struct store_event_row *e);

static inline unsigned msg_bits(const struct message *m)
{
	return m->class | m->report << 2 | m->flags << 4 | m->encoding << 8 | m->wish << 12 | m->n_parts << 16;
}

static inline unsigned bits_report(unsigned bits)
{
	return bits >> 2 & 3;
}

static inline unsigned bits_parts(unsigned bits)
{
	return bits >> 16 & 0xff;
}

static inline uint32_t end_minute(int64_t ttl_end_ms)
{
	return (ttl_end_ms + 59999) / 60000;
}

static inline uint32_t lookup_run(uint64_t id)
{
	return (id & ((UINT64_C(1) << MSG_COUNTER_BITS) - 1)) >> 16;
}

/* ---- the readers' side ----------------------------------------------------------------------------------- */

struct bitmap;

struct reader {
	struct store *store;
	uv_thread_t thread;
	uv_cond_t work;          /* with store.mutex */
	struct store_query *head, *tail;
	sqlite3 *db;
	sqlite3_stmt *st[R_N];
	uint64_t fresh_from, fresh_upto; /* as the store was when it was opened */
	struct bitmap *waiting;  /* Q_FRESH: ids in backlog or due when the scan began */
	struct bitmap *parts_due; /* ids whose first part is due: waiting, if there is only one */
	uint64_t n_examined;
	size_t n_octets; /* of rows that wait in memory for their answer */
	int64_t until_us;
	unsigned n_textless;     /* messages without the text that they should have */
};

typedef int read_fn(struct reader *r, struct store_query *q);
read_fn read_backlog, read_due, read_leases, read_fresh, read_expired, read_lane_count, read_load, read_events;
read_fn read_message, read_list, read_stream, read_webhooks, read_inbound, read_parked, read_totals,
	read_tagged, read_index;
read_fn read_inbound_set, read_inbound_due;

/* Count a row; true when the page must end. */
bool page_over(struct reader *r);
/* The first id created at or after `at`. */
int first_created(struct reader *r, int64_t at, uint64_t *ret);
void free_totals(struct q_totals *q);
void waiting_free(struct reader *r);

struct message *load_message(struct reader *r, uint64_t id, bool body, int *ret_rc);
int load_one(struct reader *r, uint64_t id, bool body, struct store_loaded *ret);
/* SQLITE_OK, or SQLITE_DONE: no such message. */
int load_detail(struct reader *r, uint64_t id, bool attempts, struct store_detail *ret);
void free_detail(struct store_detail *d);
void free_loaded(struct store_loaded *rows, unsigned n);
void free_load(struct q_load *q);
void free_events(struct q_events *q);
void free_view(struct store_query *q);
void free_inbound_set(struct q_inbound_set *q);
void free_inbound(struct q_inbound *q);
bool text_is(sqlite3_stmt *st, int i, const char *want);
/* inbound.missing, "2,5": others take it apart, and trust that it is one. */
bool is_list_of_parts(const char *s);

int db_errno(int rc);

/* ---- damage (store_sqlite_damage.c) ---------------------------------------------------------------------- */

bool is_damage(int rc);
/* What an operator can do about it. */
const char *db_mend(int rc);
/* The root and both edges of each table and index, by the writer's connection. */
int damage_at_edges(struct store *s, char *err, size_t n_err);
/* Any thread: remember it, and say it if nobody has. */
void damage_met(struct store *s, enum store_damage by, int rc);

/* Of a statement that ended: a row, or none, is no error. */
static inline int to_errno(int rc)
{
	return rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_errno(rc);
}

/* Make room for one more item of `size` octets in an array that holds n. */
int grow(void *array, unsigned n, size_t size);

/* ---- the store ------------------------------------------------------------------------------------------- */

#define LATENCY_BUCKETS 64 /* four for each doubling of microseconds */

enum checkpoint_state { CHECKPOINT_IDLE, CHECKPOINT_ASKED, CHECKPOINT_DONE };

struct checkpoint {
	uv_thread_t thread;
	sqlite3 *db;
	uv_cond_t work, done;          /* under store.mutex, as is … */
	enum checkpoint_state state;
	bool much_left;                /* … and this */
	int pages, next;               /* the writer's: the WAL now, and when it asks again */
	bool failing;                  /* whose turn it is to copy: told, and not mended yet */
};

struct store {
	uv_loop_t *loop;
	char *path, *vfs;
	bool no_sync;
	unsigned shards, max_inbound_sets;
	unsigned idem_bits;
	uint64_t idem_filter_octets;
	uint64_t node;
	int lock_fd;
	void (*on_events)(void *arg, uint32_t endpoint, unsigned shard);
	void *arg;

	/* loop thread */
	uv_prepare_t prepare;
	uv_idle_t idle;          /* runs while something is staged, so that the loop does not sleep on it */
	uv_async_t async;
	struct op_list staged[STORE_LISTS];
	bool any_staged;
	uint64_t turn;           /* hand-overs so far */
	size_t pending[STORE_LISTS], n_pending; /* n_pending: operations and queries */
	void (*closed)(void *arg);
	void *closed_arg;
	bool closing, stopping;
	unsigned n_handles;

	/* under mutex */
	uv_mutex_t mutex;
	uv_cond_t work;          /* the writer's */
	struct op_list inbox[STORE_LISTS], outbox;
	struct wakes out_wakes;
	struct store_query *read_head, *read_tail; /* answered */
	bool stop;
	unsigned n_threads;

	uv_thread_t writer_thread;
	struct writer writer;
	struct reader readers[2];
	struct checkpoint checkpoint;

	/* written by the writer thread, read by anybody */
	_Atomic uint64_t commits, rows, busy_us, wal_octets, db_octets, free_octets, inbound_open;
	_Atomic uint32_t latency[LATENCY_BUCKETS];
	_Atomic int last_error;
	_Atomic int damage;      /* enum store_damage; rises only, and readers write it as well */
	_Atomic bool last_try; /* the loop's: the store is being closed, and what cannot be stored is not tried again */
	_Atomic uint64_t parked, parked_expired, parked_dropped;
};

/* ---- the commit (store_sqlite_commit.c) ------------------------------------------------------------------ */

/* The operations of a commit; the writer thread keeps one and fills it again and again. */
struct batch {
	struct store_op *ops[COMMIT_MOST];
	size_t n, n_first;     /* the first of them are of STORE_FIRST: each transaction begins with them … */
	bool first_stored;     /* … until one has gone well */
	bool given_up;         /* on them, at the end: nothing goes down any more */
	unsigned rows, bulk_rows, urgent_rows; /* all of these, of bulk, of what settles and codes */
	bool alone;        /* codes without bulk */
	uint64_t otp_ns;   /* when there was last one; 0: never */
	uint64_t until_ns; /* while codes come in, bulk is left alone until then */
	uint64_t urgent_ns; /* when there was last something to settle, or a code; 0: never */
	uint64_t turn_ns;  /* until then it is the turn of those … */
	uint64_t back_ns;  /* … if there are some, or by then */
	uint64_t front_ns; /* until then clients that post one by one may be back */
	uint64_t later_ns; /* what can wait has waited since then; 0: there is nothing */
	uint64_t first_ns; /* what others refer to is not tried by itself before; 0: there is nothing */
	uint64_t sync_us;  /* what the disk takes for a commit, however small */
	int disk;          /* the disk itself failed: SQLite's code */
};

/* How long there is nothing to commit, if nothing else comes; 0: there is, UINT64_MAX: for ever. */
uint64_t batch_wait_ns(struct batch *b, const struct op_list waiting[STORE_LISTS], uint64_t now);
/* Take from the lists what the next commit is of; none while all of it has to wait. */
void batch_gather(struct batch *b, struct op_list waiting[STORE_LISTS], uint64_t now);
/* Whose turn it is after a commit that took so long without its sync, which all share; batch_commit() ends with it. */
void batch_committed(struct batch *b, uint64_t took_ns, uint64_t now);
/* Commit it.  Each operation has its outcome then, on disk or refused; but those of STORE_FIRST that could not be
 * stored go back to their list with batch_keep_first(), or are refused with all that comes, if it was the last try. */
void batch_commit(struct store *s, struct batch *b);
void batch_keep_first(struct batch *b, bool last_try, struct op_list waiting[STORE_LISTS], uint64_t now);
/* At start: how long another program's lock is waited for. */
void batch_locks(struct writer *w);
/* Nothing is to be committed: is a lock gone that was in the way? */
void batch_try_lock(struct store *s);

/* ---- what the threads share ------------------------------------------------------------------------------ */

/* store_sqlite.c: the last that a thread other than the writer does. */
void store_thread_ended(struct store *s);

/* store_sqlite_checkpoint.c */
int checkpoint_open(struct store *s); /* after the writer; sqlite3_close(checkpoint.db) when there will be no thread */
int checkpoint_start(struct store *s);
void checkpoint_after_commit(struct store *s);

/* store_sqlite_db.c */
int db_lock(struct store *s, char *err, size_t n_err);
int64_t db_written_ms(const struct store *s); /* 0: there is nothing */
void db_unlock(struct store *s);
int db_open_writer(struct store *s, struct store_boot *ret_boot, char *err, size_t n_err);
int db_open_reader(struct store *s, sqlite3 **ret_db);
int db_prepare_reader(struct reader *r);
void db_close_writer(struct writer *w);
void db_close_reader(struct reader *r);

#endif
