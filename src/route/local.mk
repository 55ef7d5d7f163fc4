# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/route/link.c src/route/link.h src/route/router.c src/route/router.h
