# SPDX-License-Identifier: Apache-2.0

if HAVE_CMOCKA
CONTRACT = tests/contract/drivers
if HAVE_SMPP34
CONTRACT += tests/contract/smpp_wire
endif
check_PROGRAMS += $(CONTRACT)
CONTRACT_TESTS += $(CONTRACT)
tests_contract_drivers_SOURCES = tests/contract/drivers.c tests/contract/core.c tests/contract/core.h
tests_contract_drivers_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
if HAVE_SMPP34
tests_contract_smpp_wire_SOURCES = tests/contract/smpp_wire.c tests/contract/core.c tests/contract/core.h
tests_contract_smpp_wire_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
endif

# What a PDU costs.
if HAVE_CMOCKA
if HAVE_SMPP34
check_PROGRAMS += tests/contract/smpp_cost
CONTRACT_TESTS += tests/contract/smpp_cost
tests_contract_smpp_cost_SOURCES = tests/contract/smpp_cost.c tests/contract/core.c tests/contract/core.h
tests_contract_smpp_cost_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_contract_smpp_cost_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	-Wl,--wrap=uv_try_write,--wrap=uv_write
endif
endif

# Dialogues with modems.
MODEM_VECTORS = huawei-e173 qualcomm quectel-ec25 siemens-mc35 simcom-7600 simcom-800 standard standard-odd-times standard-ussd-unasked \
	telit-ge910 wavecom-900e zte-mf190
EXTRA_DIST += tests/vectors/from_trace.py tests/vectors/modem/README $(MODEM_VECTORS:%=tests/vectors/modem/%.txt)
if HAVE_CMOCKA
check_PROGRAMS += tests/contract/modem_vectors
CONTRACT_TESTS += tests/contract/modem_vectors
tests_contract_modem_vectors_SOURCES = tests/contract/modem_vectors.c tests/contract/core.c tests/contract/core.h \
	tests/unit/modem_wire.h
tests_contract_modem_vectors_CPPFLAGS = $(AM_CPPFLAGS) -DVECTORS='"$(abs_top_srcdir)/tests/vectors/modem"' \
	-DMAKES='"$(abs_top_srcdir)/conf"'
tests_contract_modem_vectors_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
