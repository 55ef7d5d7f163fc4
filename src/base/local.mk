# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/base/buf.c src/base/buf.h src/base/stream.c src/base/stream.h \
	src/base/stream_tls.c src/base/stream_tls.h
