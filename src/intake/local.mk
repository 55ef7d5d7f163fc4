# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/intake/http.c src/intake/http.h src/intake/http_answer.c src/intake/http_head.c \
	src/intake/http_head.h src/intake/http_int.h src/intake/http_peers.c src/intake/http_peers.h \
	src/intake/http_request.c src/intake/http_server.c
libposthorn_a_SOURCES += src/intake/http_held.c src/intake/http_room.c src/intake/http_room.h
libposthorn_a_SOURCES += src/intake/api.c src/intake/api.h src/intake/api_impl.h src/intake/api_admin.c \
	src/intake/api_control.c src/intake/api_error.c src/intake/api_error.h src/intake/api_preview.c \
	src/intake/api_read.c src/intake/api_route.c src/intake/api_route.h src/intake/api_rows.c src/intake/api_submit.c \
	src/intake/auth.c src/intake/auth.h src/intake/inbound.c src/intake/inbound.h src/intake/json_lines.c \
	src/intake/json_lines.h src/intake/json_load.c src/intake/json_load.h src/intake/json_message.c src/intake/json_message.h src/intake/json_out.c \
	src/intake/json_out.h src/intake/json_text.c src/intake/json_text.h
libposthorn_a_SOURCES += src/intake/api_body.c src/intake/api_rows_chunk.c src/intake/api_rows_impl.h \
	src/intake/row_source.c src/intake/row_source.h
libposthorn_a_SOURCES += src/intake/preview_row.c src/intake/preview_row.h src/intake/preview_total.c \
	src/intake/preview_total.h
libposthorn_a_SOURCES += src/intake/json_tlvs.c src/intake/json_tlvs.h
libposthorn_a_SOURCES += src/intake/api_turns.c src/intake/api_totals.c src/intake/api_lists.c
libposthorn_a_SOURCES += src/intake/inbound_int.h src/intake/inbound_join.c src/intake/inbound_join.h \
	src/intake/inbound_parts.c
libposthorn_a_SOURCES += src/intake/api_links.c src/intake/api_links.h src/intake/api_ports.c
