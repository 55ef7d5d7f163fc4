# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += \
	src/base/clock.c src/base/clock.h \
	src/base/conf.c src/base/conf.h \
	src/base/conf_check.c \
	src/base/conf_diff.c \
	src/base/conf_form.c src/base/conf_form.h \
	src/base/conf_int.h \
	src/base/conf_print.c \
	src/base/conf_table.c src/base/conf_table.h \
	src/base/conf_use.c \
	src/base/smpp_status.def \
	src/base/log.c src/base/log.h \
	src/base/secret.c src/base/secret.h
libposthorn_a_SOURCES += src/base/buf.c src/base/buf.h src/base/stream.c src/base/stream.h \
	src/base/stream_int.h src/base/stream_open.c src/base/stream_tls.c src/base/stream_tls.h
libposthorn_a_SOURCES += src/base/hash.h src/base/text.h src/base/period.c src/base/period.h src/base/notify.c src/base/notify.h
libposthorn_a_SOURCES += src/base/csv.c src/base/csv.h src/base/csv_rows.c src/base/csv_rows.h src/base/fields.c \
	src/base/fields.h
libposthorn_a_SOURCES += src/base/conf_links.c src/base/conf_origin.c src/base/conf_profile.c
libposthorn_a_SOURCES += src/base/conf_make.h src/base/conf_make.c src/base/conf_parse.c src/base/oom.c src/base/oom.h src/base/trim.c src/base/trim.h
