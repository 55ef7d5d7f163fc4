# SPDX-License-Identifier: Apache-2.0
# The command line: a client of the HTTP API that links no part of the server.
bin_PROGRAMS += posthorn
posthorn_SOURCES = \
	src/cli/api_client.c src/cli/api_client.h \
	src/cli/cli.c src/cli/cli.h \
	src/cli/cmd_key.c \
	src/cli/cmd_operate.c \
	src/cli/cmd_preview.c \
	src/cli/cmd_query.c \
	src/cli/cmd_send.c \
	src/cli/cmd_submit.c \
	src/cli/cmd_tail.c \
	src/cli/fields.c src/cli/fields.h \
	src/cli/input.c src/cli/input.h \
	src/cli/mark.c src/cli/mark.h \
	src/cli/message_opts.c src/cli/message_opts.h \
	src/cli/one_message.c src/cli/one_message.h \
	src/cli/posthorn.c \
	src/cli/preview_show.c src/cli/preview_show.h \
	src/cli/progress.c src/cli/progress.h \
	src/cli/row_stream.c src/cli/row_stream.h \
	src/cli/rows.c src/cli/rows.h \
	src/cli/settings.c src/cli/settings.h \
	src/cli/table.c src/cli/table.h \
	src/cli/text.c src/cli/text.h \
	src/cli/view.c src/cli/view.h \
	src/cli/when.c src/cli/when.h
# Of the base only what reads files.
posthorn_SOURCES += src/base/buf.c src/base/csv.c src/base/csv_rows.c src/base/fields.c
posthorn_LDADD = $(CURL_LIBS) $(JANSSON_LIBS) $(GNUTLS_LIBS)
