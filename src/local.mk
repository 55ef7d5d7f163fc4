# SPDX-License-Identifier: Apache-2.0
sbin_PROGRAMS += posthornd
posthornd_SOURCES = src/main.c
posthornd_LDADD = $(POSTHORN_LIBS)
