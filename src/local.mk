# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/message.c src/message.h
