# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += \
	src/codec/utf8.c src/codec/utf8.h \
	src/codec/gsm7.c src/codec/gsm7.h src/codec/gsm7_tables.h \
	src/codec/ucs2.c src/codec/ucs2.h \
	src/codec/udh.c src/codec/udh.h \
	src/codec/unicode.c src/codec/unicode.h \
	src/codec/segment.c src/codec/segment.h \
	src/codec/msisdn.c src/codec/msisdn.h \
	src/codec/receipt.c src/codec/receipt.h src/codec/receipt_id.c src/codec/receipt_id.h
libposthorn_a_SOURCES += src/codec/smart.c src/codec/smart.h src/codec/smart_tables.h \
	src/codec/translit_rules.c src/codec/translit_rules.h

# The alphabets, from tables that a person can read and compare with the document.
GSM7_ALPHABETS = \
	$(srcdir)/src/codec/alphabets/00-default-extension.tsv \
	$(srcdir)/src/codec/alphabets/00-default.tsv \
	$(srcdir)/src/codec/alphabets/01-turkish-locking.tsv \
	$(srcdir)/src/codec/alphabets/01-turkish-single.tsv \
	$(srcdir)/src/codec/alphabets/02-spanish-single.tsv \
	$(srcdir)/src/codec/alphabets/03-portuguese-locking.tsv \
	$(srcdir)/src/codec/alphabets/03-portuguese-single.tsv \
	$(srcdir)/src/codec/alphabets/04-bengali-locking.tsv \
	$(srcdir)/src/codec/alphabets/04-bengali-single.tsv \
	$(srcdir)/src/codec/alphabets/05-gujarati-locking.tsv \
	$(srcdir)/src/codec/alphabets/05-gujarati-single.tsv \
	$(srcdir)/src/codec/alphabets/06-hindi-locking.tsv \
	$(srcdir)/src/codec/alphabets/06-hindi-single.tsv \
	$(srcdir)/src/codec/alphabets/07-kannada-locking.tsv \
	$(srcdir)/src/codec/alphabets/07-kannada-single.tsv \
	$(srcdir)/src/codec/alphabets/08-malayalam-locking.tsv \
	$(srcdir)/src/codec/alphabets/08-malayalam-single.tsv \
	$(srcdir)/src/codec/alphabets/09-oriya-locking.tsv \
	$(srcdir)/src/codec/alphabets/09-oriya-single.tsv \
	$(srcdir)/src/codec/alphabets/10-punjabi-locking.tsv \
	$(srcdir)/src/codec/alphabets/10-punjabi-single.tsv \
	$(srcdir)/src/codec/alphabets/11-tamil-locking.tsv \
	$(srcdir)/src/codec/alphabets/11-tamil-single.tsv \
	$(srcdir)/src/codec/alphabets/12-telugu-locking.tsv \
	$(srcdir)/src/codec/alphabets/12-telugu-single.tsv \
	$(srcdir)/src/codec/alphabets/13-urdu-locking.tsv \
	$(srcdir)/src/codec/alphabets/13-urdu-single.tsv
TABLES_AWK = $(srcdir)/src/codec/tables.awk
EXTRA_DIST += $(TABLES_AWK)
GSM7_MAKER = $(srcdir)/src/codec/alphabets/gsm7.awk
EXTRA_DIST += $(GSM7_ALPHABETS) $(GSM7_MAKER)
nodist_libposthorn_a_SOURCES = src/codec/gsm7_tables.c
CLEANFILES += src/codec/gsm7_tables.c
src/codec/gsm7_tables.c: $(GSM7_ALPHABETS) $(GSM7_MAKER) $(TABLES_AWK)
	$(AM_V_GEN)$(MKDIR_P) src/codec && \
	LC_ALL=C $(AWK) -f $(TABLES_AWK) -f $(GSM7_MAKER) $(GSM7_ALPHABETS) >$@.tmp && mv $@.tmp $@

# What TPDUs are made of.
libposthorn_a_SOURCES += \
	src/codec/dcs.c src/codec/dcs.h \
	src/codec/tpdu.c src/codec/tpdu.h src/codec/tpdu_put.c \
	src/codec/tpdu_address.c src/codec/tpdu_address.h \
	src/codec/tpdu_time.c src/codec/tpdu_time.h

libposthorn_a_SOURCES += \
	src/codec/data_coding.c src/codec/data_coding.h \
	src/codec/charset.c src/codec/charset.h \
	src/codec/facts.c src/codec/facts.h
# What smart replaces by what.
SMART_LIST = $(srcdir)/src/codec/smart.tsv
SMART_MAKER = $(srcdir)/src/codec/smart.awk
EXTRA_DIST += $(SMART_LIST) $(SMART_MAKER)
nodist_libposthorn_a_SOURCES += src/codec/smart_tables.c
CLEANFILES += src/codec/smart_tables.c
src/codec/smart_tables.c: $(SMART_LIST) $(SMART_MAKER) $(TABLES_AWK)
	$(AM_V_GEN)$(MKDIR_P) src/codec && \
	LC_ALL=C $(AWK) -f $(TABLES_AWK) -f $(SMART_MAKER) $(SMART_LIST) >$@.tmp && mv $@.tmp $@
