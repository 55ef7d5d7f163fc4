# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += \
	src/route/link.c \
	src/route/link.h \
	src/route/link_int.h \
	src/route/link_told.c \
	src/route/link_ussd.c \
	src/route/router.c \
	src/route/router.h
