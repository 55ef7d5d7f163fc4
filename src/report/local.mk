# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += src/report/stats.c src/report/stats.h
libposthorn_a_SOURCES += \
	src/report/webhook.c src/report/webhook.h src/report/webhook_impl.h \
	src/report/webhook_http.c src/report/webhook_http.h \
	src/report/webhook_json.c src/report/webhook_json.h \
	src/report/webhook_shard.c src/report/webhook_curl.c
