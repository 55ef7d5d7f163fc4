# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/report/stats.c src/report/stats.h
