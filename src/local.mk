# SPDX-License-Identifier: Apache-2.0
sbin_PROGRAMS += posthornd
posthornd_SOURCES = src/main.c
posthornd_LDADD = $(POSTHORN_LIBS)
libposthorn_a_SOURCES += src/message.c src/message.h
