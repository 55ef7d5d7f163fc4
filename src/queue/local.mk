# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/queue/fresh.c src/queue/fresh.h src/queue/sent.c src/queue/sent.h \
	src/queue/queue.c src/queue/queue.h src/queue/accept.c src/queue/views.c src/queue/queue_impl.h \
	src/queue/lane.c src/queue/serve.c src/queue/dispatch.c \
	src/queue/refs.c src/queue/refs.h src/queue/idform.c src/queue/idform.h \
	src/queue/pace.c src/queue/pace.h src/queue/adapt.c src/queue/adapt.h \
	src/queue/settle.c src/queue/refused.c src/queue/receipt.c src/queue/refill.c src/queue/due.c \
	src/queue/cancel.c src/queue/sweep.c
libposthorn_a_SOURCES += \
	src/queue/names.c src/queue/names.h \
	src/queue/store.h src/queue/store_read.h src/queue/store_sqlite.h src/queue/store_schema.h \
	src/queue/store_sqlite.c src/queue/store_sqlite_commit.c src/queue/store_sqlite_apply.c src/queue/store_sqlite_db.c src/queue/store_sqlite_detail.c \
	src/queue/store_sqlite_load.c src/queue/store_sqlite_purge.c src/queue/store_sqlite_settle.c \
	src/queue/store_sqlite_receipt.c src/queue/store_sqlite_view.c src/queue/store_sqlite_total.c
libposthorn_a_SOURCES += src/queue/store_sqlite_inbound.c
libposthorn_a_SOURCES += src/queue/recur.c src/queue/taken.c src/queue/taken.h
libposthorn_a_SOURCES += src/queue/store_sqlite_inbound.c src/queue/store_sqlite_rows.c src/queue/store_sqlite_checkpoint.c
libposthorn_a_SOURCES += src/queue/store_sqlite_damage.c src/queue/store_file.c src/queue/store_file.h
libposthorn_a_SOURCES += src/queue/quota.c src/queue/choice.c src/queue/guard.c src/queue/guard.h
libposthorn_a_SOURCES += src/queue/idem.c src/queue/idem.h \
	src/queue/store_sqlite_idem.c src/queue/store_sqlite_idem_runs.c src/queue/store_sqlite_idem.h
libposthorn_a_SOURCES += src/queue/silence.c src/queue/silence.h

libposthorn_a_SOURCES += src/queue/evidence.c src/queue/evidence.h src/queue/uncertain.c src/queue/ask.c

# The schema as one C string.
EXTRA_DIST += src/queue/schema.sql
BUILT_SOURCES += src/queue/schema_sql.h
CLEANFILES += src/queue/schema_sql.h
src/queue/schema_sql.h: src/queue/schema.sql
	$(AM_V_GEN)mkdir -p src/queue && { \
	echo '/* Made from schema.sql. */'; echo 'static const char schema_sql[] ='; \
	$(SED) -e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' $(srcdir)/src/queue/schema.sql; echo ';'; } > $@.tmp && \
	mv $@.tmp $@
src/queue/store_sqlite_db.$(OBJEXT): src/queue/schema_sql.h
