# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/queue/fresh.c src/queue/fresh.h src/queue/sent.c src/queue/sent.h \
	src/queue/queue.c src/queue/queue.h src/queue/queue_impl.h src/queue/lane.c src/queue/dispatch.c \
	src/queue/settle.c src/queue/refill.c src/queue/cancel.c src/queue/sweep.c
