# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += \
	src/codec/utf8.h \
	src/codec/gsm7.h \
	src/codec/ucs2.h \
	src/codec/udh.h \
	src/codec/segment.h \
	src/codec/msisdn.h \
	src/codec/receipt.h
