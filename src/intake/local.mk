# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/intake/http.c src/intake/http.h src/intake/http_answer.c src/intake/http_head.c \
	src/intake/http_head.h src/intake/http_int.h src/intake/http_peers.c src/intake/http_peers.h \
	src/intake/http_request.c
