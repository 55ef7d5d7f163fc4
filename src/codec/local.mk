# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += \
	src/codec/utf8.c src/codec/utf8.h \
	src/codec/gsm7.c src/codec/gsm7.h \
	src/codec/ucs2.c src/codec/ucs2.h \
	src/codec/udh.c src/codec/udh.h \
	src/codec/segment.c src/codec/segment.h \
	src/codec/msisdn.c src/codec/msisdn.h \
	src/codec/receipt.c src/codec/receipt.h
