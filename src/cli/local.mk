# SPDX-License-Identifier: Apache-2.0
# The command line: a client of the HTTP API that links nothing of the server but the codec, for decode and encode.
bin_PROGRAMS += posthorn
posthorn_SOURCES = \
	src/cli/api_client.c src/cli/api_client.h \
	src/cli/cli.c src/cli/cli.h \
	src/cli/cmd_key.c \
	src/cli/cmd_modems.c \
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
posthorn_LDADD = $(CODEC_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(GNUTLS_LIBS)
# A database file, without the store.
posthorn_SOURCES += src/cli/cmd_care.c src/queue/care.h src/queue/store_schema.h src/queue/store_sqlite_care.c \
	src/queue/store_sqlite_care_keys.c src/queue/store_file.c src/queue/store_file.h src/queue/idem.c src/queue/idem.h
posthorn_LDADD += $(SQLITE_LIBS)
# Octets taken apart.  The names of command_status are the driver's table, also where the driver is not built.
posthorn_SOURCES += \
	drivers/smpp/status.c drivers/smpp/status.h \
	src/cli/cmd_decode.c src/cli/cmd_decode.h \
	src/cli/cmd_decode_at.c src/cli/cmd_decode_at.h drivers/modem/at.c drivers/modem/at_error.c \
	src/cli/cmd_decode_pdu.c \
	src/cli/cmd_decode_tpdu.c \
	src/cli/cmd_encode.c \
	src/cli/hex_input.c src/cli/hex_input.h \
	src/cli/sheet.c src/cli/sheet.h \
	src/cli/words.c src/cli/words.h
# Of the base only what reads files.
posthorn_SOURCES += src/base/buf.c src/base/csv.c src/base/csv_rows.c src/base/fields.c
