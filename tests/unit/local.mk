# SPDX-License-Identifier: Apache-2.0

if HAVE_CMOCKA
CODEC_TESTS = \
	tests/unit/codec_utf8 \
	tests/unit/codec_gsm7 \
	tests/unit/codec_ucs2 \
	tests/unit/codec_udh \
	tests/unit/codec_segment \
	tests/unit/codec_msisdn \
	tests/unit/codec_receipt tests/unit/codec_receipt_id
check_PROGRAMS += $(CODEC_TESTS)
UNIT_TESTS += $(CODEC_TESTS)
CODEC_TEST_LIBS = $(CODEC_LIBS) $(CMOCKA_LIBS)
tests_unit_codec_utf8_SOURCES = tests/unit/codec_utf8.c tests/unit/codec_hex.h
tests_unit_codec_utf8_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_gsm7_SOURCES = tests/unit/codec_gsm7.c tests/unit/codec_hex.h tests/unit/codec_tables.h
tests_unit_codec_gsm7_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_ucs2_SOURCES = tests/unit/codec_ucs2.c tests/unit/codec_hex.h
tests_unit_codec_ucs2_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_udh_SOURCES = tests/unit/codec_udh.c tests/unit/codec_hex.h
tests_unit_codec_udh_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_segment_SOURCES = tests/unit/codec_segment.c tests/unit/codec_hex.h
tests_unit_codec_segment_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_msisdn_SOURCES = tests/unit/codec_msisdn.c
tests_unit_codec_msisdn_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_receipt_SOURCES = tests/unit/codec_receipt.c tests/unit/codec_hex.h
tests_unit_codec_receipt_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_receipt_id_SOURCES = tests/unit/codec_receipt_id.c
tests_unit_codec_receipt_id_LDADD = $(CODEC_TEST_LIBS)
TEXT_TESTS = tests/unit/codec_smart tests/unit/codec_unicode
check_PROGRAMS += $(TEXT_TESTS)
UNIT_TESTS += $(TEXT_TESTS)
tests_unit_codec_smart_SOURCES = tests/unit/codec_smart.c
tests_unit_codec_smart_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_unicode_SOURCES = tests/unit/codec_unicode.c
tests_unit_codec_unicode_LDADD = $(CODEC_TEST_LIBS)
BASE_TESTS = tests/unit/conf_test tests/unit/log_test
check_PROGRAMS += $(BASE_TESTS)
UNIT_TESTS += $(BASE_TESTS)
tests_unit_conf_test_SOURCES = tests/unit/conf_test.c
tests_unit_conf_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_log_test_SOURCES = tests/unit/log_test.c
tests_unit_log_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
QUEUE_TESTS = tests/unit/queue_refs_test tests/unit/queue_test tests/unit/queue_faults_test tests/unit/queue_rows_test
check_PROGRAMS += $(QUEUE_TESTS)
UNIT_TESTS += $(QUEUE_TESTS)
QUEUE_WORLD = tests/unit/queue_world.c tests/unit/queue_world.h
# The clocks, the store's two doors, the size of the ring of receipts to come and the memory for marks of fresh messages
# are the test's: see queue_world.h.
QUEUE_WRAP = $(AM_LDFLAGS) -Wl,--wrap=clock_ms,--wrap=clock_mono_ms,--wrap=clock_mono_us \
	-Wl,--wrap=store_stage,--wrap=store_read,--wrap=sent_new,--wrap=fresh_set,--wrap=lane_get,--wrap=store_disk
tests_unit_queue_test_SOURCES = tests/unit/queue_test.c $(QUEUE_WORLD)
tests_unit_queue_test_LDFLAGS = $(QUEUE_WRAP) -Wl,--wrap=calloc
tests_unit_queue_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_queue_refs_test_SOURCES = tests/unit/queue_refs_test.c $(QUEUE_WORLD)
tests_unit_queue_refs_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_refs_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_queue_faults_test_SOURCES = tests/unit/queue_faults_test.c $(QUEUE_WORLD)
tests_unit_queue_faults_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_faults_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
QUEUE_TESTS += tests/unit/queue_clock_test
tests_unit_queue_clock_test_SOURCES = tests/unit/queue_clock_test.c $(QUEUE_WORLD)
tests_unit_queue_clock_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_clock_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_queue_rows_test_SOURCES = tests/unit/queue_rows_test.c $(QUEUE_WORLD)
tests_unit_queue_rows_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_rows_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
INTAKE_TESTS = tests/unit/stream_test tests/unit/http_test
check_PROGRAMS += $(INTAKE_TESTS)
UNIT_TESTS += $(INTAKE_TESTS)
tests_unit_stream_test_SOURCES = tests/unit/stream_test.c tests/unit/tls_pair.h
tests_unit_stream_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_SOURCES = tests/unit/http_test.c tests/unit/tls_pair.h
tests_unit_http_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/cli_csv_test
UNIT_TESTS += tests/unit/cli_csv_test
tests_unit_cli_csv_test_SOURCES = tests/unit/cli_csv_test.c src/cli/fields.c src/cli/input.c src/cli/mark.c \
	src/cli/progress.c src/cli/rows.c src/cli/table.c src/cli/text.c src/cli/when.c \
	src/base/buf.c src/base/csv.c src/base/csv_rows.c src/base/fields.c
tests_unit_cli_csv_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_cli_csv_test_LDADD = $(CMOCKA_LIBS) $(JANSSON_LIBS)
endif

if HAVE_CMOCKA
if HAVE_SMPP34
SMPP_TESTS = \
	tests/unit/smpp_pdu \
	tests/unit/smpp_status \
	tests/unit/smpp_text \
	tests/unit/smpp_window
check_PROGRAMS += $(SMPP_TESTS)
UNIT_TESTS += $(SMPP_TESTS)
tests_unit_smpp_pdu_SOURCES = tests/unit/smpp_pdu.c tests/unit/codec_hex.h
tests_unit_smpp_pdu_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_smpp_status_SOURCES = tests/unit/smpp_status.c
tests_unit_smpp_status_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_smpp_text_SOURCES = tests/unit/smpp_text.c tests/unit/codec_hex.h
tests_unit_smpp_text_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_smpp_window_SOURCES = tests/unit/smpp_window.c tests/unit/codec_hex.h
tests_unit_smpp_window_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
SMPP_SESSION_TESTS = tests/unit/smpp_hosts tests/unit/smpp_trace
check_PROGRAMS += $(SMPP_SESSION_TESTS)
UNIT_TESTS += $(SMPP_SESSION_TESTS)
tests_unit_smpp_hosts_SOURCES = tests/unit/smpp_hosts.c
tests_unit_smpp_hosts_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_smpp_trace_SOURCES = tests/unit/smpp_trace.c tests/unit/codec_hex.h
tests_unit_smpp_trace_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/smpp_fields
UNIT_TESTS += tests/unit/smpp_fields
tests_unit_smpp_fields_SOURCES = tests/unit/smpp_fields.c tests/unit/codec_hex.h
tests_unit_smpp_fields_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
API_TESTS = tests/unit/api_message tests/unit/api_lines tests/unit/api_gate tests/unit/api_lists tests/unit/api_docs
check_PROGRAMS += $(API_TESTS)
UNIT_TESTS += $(API_TESTS)
tests_unit_api_message_SOURCES = tests/unit/api_message.c
tests_unit_api_message_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_api_lines_SOURCES = tests/unit/api_lines.c
tests_unit_api_lines_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_api_gate_SOURCES = tests/unit/api_gate.c
tests_unit_api_gate_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_api_lists_SOURCES = tests/unit/api_lists.c
tests_unit_api_lists_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_read,--wrap=http_request_is_left,--wrap=api_refuse \
	-Wl,--wrap=http_request_may_answer,--wrap=http_request_most,--wrap=clock_mono_ms
tests_unit_api_lists_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_api_docs_SOURCES = tests/unit/api_docs.c
tests_unit_api_docs_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
STORE_TESTS = tests/unit/store_together tests/unit/store_settle tests/unit/store_ops tests/unit/store_reads \
	tests/unit/store_purge tests/unit/store_batch tests/unit/store_turns tests/unit/store_keys tests/unit/store_first
check_PROGRAMS += $(STORE_TESTS)
UNIT_TESTS += $(STORE_TESTS)
tests_unit_store_together_SOURCES = tests/unit/store_together.c tests/unit/store_fixture.h
tests_unit_store_together_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_keys_SOURCES = tests/unit/store_keys.c tests/unit/store_fixture.h src/queue/store_sqlite_care_keys.c
tests_unit_store_keys_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
tests_unit_store_keys_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_settle_SOURCES = tests/unit/store_settle.c tests/unit/store_fixture.h
tests_unit_store_settle_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_ops_SOURCES = tests/unit/store_ops.c tests/unit/store_fixture.h
tests_unit_store_ops_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_purge_SOURCES = tests/unit/store_purge.c tests/unit/store_fixture.h
tests_unit_store_purge_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_turns_SOURCES = tests/unit/store_turns.c
tests_unit_store_turns_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_first_SOURCES = tests/unit/store_first.c tests/unit/store_fixture.h
tests_unit_store_first_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_batch_SOURCES = tests/unit/store_batch.c
tests_unit_store_batch_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_reads_SOURCES = tests/unit/store_reads.c tests/unit/store_fixture.h
tests_unit_store_reads_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/webhook_test
UNIT_TESTS += tests/unit/webhook_test
tests_unit_webhook_test_SOURCES = tests/unit/webhook_test.c
tests_unit_webhook_test_CPPFLAGS = $(AM_CPPFLAGS) -DPYTHON3='"$(PYTHON3)"' \
	-DSINK='"$(abs_top_srcdir)/tests/peers/hook_sink.py"'
tests_unit_webhook_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
EXTRA_DIST += tests/peers/hook_sink.py

if HAVE_CMOCKA
ROUTING_TESTS = tests/unit/sent_test tests/unit/fresh_test tests/unit/router_test
check_PROGRAMS += $(ROUTING_TESTS)
UNIT_TESTS += $(ROUTING_TESTS)
tests_unit_sent_test_SOURCES = tests/unit/sent_test.c
tests_unit_sent_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_fresh_test_SOURCES = tests/unit/fresh_test.c
tests_unit_fresh_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_router_test_SOURCES = tests/unit/router_test.c
tests_unit_router_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif

UNIT_TESTS += tests/unit/idform_test
check_PROGRAMS += tests/unit/idform_test
tests_unit_idform_test_SOURCES = tests/unit/idform_test.c
tests_unit_idform_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/queue_receipt_test
check_PROGRAMS += tests/unit/queue_receipt_test
tests_unit_queue_receipt_test_SOURCES = tests/unit/queue_receipt_test.c $(QUEUE_WORLD)
tests_unit_queue_receipt_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_receipt_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
# Plans against a search of all of them.
if HAVE_CMOCKA
PLAN_TESTS = tests/unit/codec_plans
check_PROGRAMS += $(PLAN_TESTS)
UNIT_TESTS += $(PLAN_TESTS)
tests_unit_codec_plans_SOURCES = tests/unit/codec_plans.c tests/unit/codec_hex.h tests/unit/codec_tables.h
tests_unit_codec_plans_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
endif

# What is taken from the heap is counted.
if HAVE_CMOCKA
HEAP_TESTS = tests/unit/codec_heap
check_PROGRAMS += $(HEAP_TESTS)
UNIT_TESTS += $(HEAP_TESTS)
tests_unit_codec_heap_SOURCES = tests/unit/codec_heap.c
tests_unit_codec_heap_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_unit_codec_heap_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
TPDU_TESTS = tests/unit/codec_dcs tests/unit/codec_tpdu
check_PROGRAMS += $(TPDU_TESTS)
UNIT_TESTS += $(TPDU_TESTS)
tests_unit_codec_dcs_SOURCES = tests/unit/codec_dcs.c
tests_unit_codec_dcs_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_tpdu_SOURCES = tests/unit/codec_tpdu.c tests/unit/codec_hex.h
tests_unit_codec_tpdu_LDADD = $(CODEC_TEST_LIBS)
endif

if HAVE_CMOCKA
FACTS_TESTS = tests/unit/codec_facts
check_PROGRAMS += $(FACTS_TESTS)
UNIT_TESTS += $(FACTS_TESTS)
tests_unit_codec_facts_SOURCES = tests/unit/codec_facts.c tests/unit/codec_hex.h
tests_unit_codec_facts_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/preview_row_test
UNIT_TESTS += tests/unit/preview_row_test
tests_unit_preview_row_test_SOURCES = tests/unit/preview_row_test.c
tests_unit_preview_row_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
# Grapheme clusters.
if HAVE_CMOCKA
CLUSTER_TESTS = tests/unit/codec_clusters
check_PROGRAMS += $(CLUSTER_TESTS)
UNIT_TESTS += $(CLUSTER_TESTS)
tests_unit_codec_clusters_SOURCES = tests/unit/codec_clusters.c
tests_unit_codec_clusters_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
endif

# Parts without an answer, and the evidence for them.
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/uncertain_test
check_PROGRAMS += tests/unit/uncertain_test
tests_unit_uncertain_test_SOURCES = tests/unit/uncertain_test.c $(QUEUE_WORLD)
tests_unit_uncertain_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_uncertain_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif

# Parts without a receipt.
if HAVE_CMOCKA
UNIT_TESTS += tests/unit/ask_test
check_PROGRAMS += tests/unit/ask_test
tests_unit_ask_test_SOURCES = tests/unit/ask_test.c $(QUEUE_WORLD)
tests_unit_ask_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_ask_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
FLOW_TESTS = tests/unit/pace_test tests/unit/adapt_test tests/unit/adapt_carriers_test
check_PROGRAMS += $(FLOW_TESTS)
UNIT_TESTS += $(FLOW_TESTS)
tests_unit_pace_test_SOURCES = tests/unit/pace_test.c
tests_unit_pace_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_adapt_test_SOURCES = tests/unit/adapt_test.c
tests_unit_adapt_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_adapt_carriers_test_SOURCES = tests/unit/adapt_carriers_test.c
tests_unit_adapt_carriers_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/queue_flow_test
UNIT_TESTS += tests/unit/queue_flow_test
tests_unit_queue_flow_test_SOURCES = tests/unit/queue_flow_test.c $(QUEUE_WORLD)
tests_unit_queue_flow_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_flow_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/silence_test
UNIT_TESTS += tests/unit/silence_test
tests_unit_silence_test_SOURCES = tests/unit/silence_test.c $(QUEUE_WORLD)
tests_unit_silence_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_silence_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/taken_test
UNIT_TESTS += tests/unit/taken_test
tests_unit_taken_test_SOURCES = tests/unit/taken_test.c $(QUEUE_WORLD)
tests_unit_taken_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_taken_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
INBOUND_TESTS = tests/unit/store_inbound tests/unit/inbound_join_test tests/unit/inbound_test
check_PROGRAMS += $(INBOUND_TESTS)
UNIT_TESTS += $(INBOUND_TESTS)
tests_unit_store_inbound_SOURCES = tests/unit/store_inbound.c tests/unit/store_fixture.h
tests_unit_store_inbound_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_inbound_join_test_SOURCES = tests/unit/inbound_join_test.c
tests_unit_inbound_join_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_inbound_test_SOURCES = tests/unit/inbound_test.c tests/unit/store_fixture.h
tests_unit_inbound_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_stage,--wrap=link_ack,--wrap=link_id \
	-Wl,--wrap=link_name,--wrap=link_conf,--wrap=link_decode
tests_unit_inbound_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/text_test
UNIT_TESTS += tests/unit/text_test
tests_unit_text_test_SOURCES = tests/unit/text_test.c
tests_unit_text_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/trim_test
UNIT_TESTS += tests/unit/trim_test
tests_unit_trim_test_SOURCES = tests/unit/trim_test.c
tests_unit_trim_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
# Quotas, routes that choose, and what graphs are given.
POOL_TESTS = tests/unit/period_test tests/unit/queue_quota_test tests/unit/queue_choice_test tests/unit/stats_test
POOL_TESTS += tests/unit/queue_pool_test
check_PROGRAMS += $(POOL_TESTS)
UNIT_TESTS += $(POOL_TESTS)
tests_unit_period_test_SOURCES = tests/unit/period_test.c
tests_unit_period_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_stats_test_SOURCES = tests/unit/stats_test.c
tests_unit_stats_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_queue_quota_test_SOURCES = tests/unit/queue_quota_test.c $(QUEUE_WORLD)
tests_unit_queue_quota_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_quota_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_queue_choice_test_SOURCES = tests/unit/queue_choice_test.c $(QUEUE_WORLD)
tests_unit_queue_choice_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_choice_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_queue_pool_test_SOURCES = tests/unit/queue_pool_test.c $(QUEUE_WORLD)
tests_unit_queue_pool_test_LDFLAGS = $(QUEUE_WRAP)
tests_unit_queue_pool_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif

# What modems say.
VIRTUAL_TIMER = tests/unit/virtual_timer.c tests/unit/virtual_timer.h
VIRTUAL_TIMER_WRAP = $(AM_LDFLAGS) -Wl,--wrap=uv_timer_init,--wrap=uv_timer_start,--wrap=uv_timer_stop,--wrap=uv_close,--wrap=uv_now \
	-Wl,--wrap=uv_is_active,--wrap=uv_timer_get_due_in
if HAVE_CMOCKA
MODEM_TESTS = tests/unit/modem_at tests/unit/modem_chat
check_PROGRAMS += $(MODEM_TESTS)
UNIT_TESTS += $(MODEM_TESTS)
tests_unit_modem_at_SOURCES = tests/unit/modem_at.c
tests_unit_modem_at_LDADD = libposthorn.a $(CMOCKA_LIBS)
tests_unit_modem_chat_SOURCES = tests/unit/modem_chat.c $(VIRTUAL_TIMER)
tests_unit_modem_chat_LDFLAGS = $(VIRTUAL_TIMER_WRAP)
tests_unit_modem_chat_LDADD = libposthorn.a $(UV_LIBS) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
if HAVE_SERIALPORT
MODEM_PORT_TESTS = tests/unit/modem_port tests/unit/modem_port_serial tests/unit/modem_finder
check_PROGRAMS += $(MODEM_PORT_TESTS)
UNIT_TESTS += $(MODEM_PORT_TESTS)
tests_unit_modem_port_SOURCES = tests/unit/modem_port.c tests/unit/modem_wire.h
tests_unit_modem_port_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_modem_port_serial_SOURCES = tests/unit/modem_port_serial.c tests/unit/modem_wire.h
# libserialport is the test's.
tests_unit_modem_port_serial_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sp_get_port_by_name,--wrap=sp_open,--wrap=sp_close \
	-Wl,--wrap=sp_free_port,--wrap=sp_get_port_handle,--wrap=sp_set_baudrate,--wrap=sp_set_bits \
	-Wl,--wrap=sp_set_parity,--wrap=sp_set_stopbits,--wrap=sp_set_flowcontrol
tests_unit_modem_port_serial_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_modem_finder_SOURCES = tests/unit/modem_finder.c tests/unit/modem_wire.h
tests_unit_modem_finder_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
endif

if HAVE_CMOCKA
if HAVE_SERIALPORT
check_PROGRAMS += tests/unit/modem_ussd
UNIT_TESTS += tests/unit/modem_ussd
tests_unit_modem_ussd_SOURCES = tests/unit/modem_ussd.c
tests_unit_modem_ussd_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
endif

# What is believed of a modem that sends.
if HAVE_CMOCKA
if HAVE_SERIALPORT
check_PROGRAMS += tests/unit/modem_outgoing
UNIT_TESTS += tests/unit/modem_outgoing
tests_unit_modem_outgoing_SOURCES = tests/unit/modem_outgoing.c
tests_unit_modem_outgoing_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=uv_timer_start,--wrap=uv_timer_stop
tests_unit_modem_outgoing_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
endif

# How a modem comes up and is helped when it is stuck.
if HAVE_CMOCKA
if HAVE_SERIALPORT
check_PROGRAMS += tests/unit/modem_life
UNIT_TESTS += tests/unit/modem_life
tests_unit_modem_life_SOURCES = tests/unit/modem_life.c $(VIRTUAL_TIMER)
tests_unit_modem_life_LDFLAGS = $(VIRTUAL_TIMER_WRAP) -Wl,--wrap=uv_spawn,--wrap=uv_process_kill
tests_unit_modem_life_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
endif
