# SPDX-License-Identifier: Apache-2.0
# End-to-end scripts, numbered so that the simplest failure shows first.
E2E_TESTS += \
	tests/e2e/0100-start-stop.py \
	tests/e2e/0110-one-message.py \
	tests/e2e/0120-many.py \
	tests/e2e/0130-bad-input.py \
	tests/e2e/0140-later-and-never.py \
	tests/e2e/0150-idempotency.py \
	tests/e2e/0160-openapi.py
EXTRA_DIST += tests/e2e/harness.py $(E2E_TESTS)
# Faults.
FAULT_TESTS = \
	tests/e2e/0300-carrier-away.py \
	tests/e2e/0310-receipts.py \
	tests/e2e/0320-refusals.py \
	tests/e2e/0400-two-links.py \
	tests/e2e/0410-rates.py \
	tests/e2e/0420-throttled.py \
	tests/e2e/0421-refused-for-now.py \
	tests/e2e/0430-live-change.py \
	tests/e2e/0500-cut-streams.py \
	tests/e2e/0510-full.py \
	tests/e2e/0511-overload.py \
	tests/e2e/0520-stop-and-reload.py \
	tests/e2e/0530-inbound.py \
	tests/e2e/0710-interrupted-and-rare.py \
	tests/e2e/0600-other-peers.py
E2E_TESTS += $(FAULT_TESTS)
EXTRA_DIST += tests/e2e/faults.py $(FAULT_TESTS) \
	tests/e2e/node/npmrc tests/e2e/node/package.json tests/e2e/node/package-lock.json tests/e2e/node/smpp_carrier.mjs
# Receipts in all their forms.
RECEIPT_TESTS = tests/e2e/0311-receipt-forms.py
E2E_TESTS += $(RECEIPT_TESTS)
EXTRA_DIST += $(RECEIPT_TESTS)
# The command line.
CLI_TESTS = tests/e2e/0700-command-line.py
E2E_TESTS += $(CLI_TESTS)
EXTRA_DIST += $(CLI_TESTS)
# Sessions with carriers.
SESSION_TESTS = \
	tests/e2e/0330-tls.py \
	tests/e2e/0331-sessions.py \
	tests/e2e/0332-bad-wires.py \
	tests/e2e/0333-orders.py
E2E_TESTS += $(SESSION_TESTS)
EXTRA_DIST += $(SESSION_TESTS) tests/e2e/carriers.py tests/e2e/relay.py tests/e2e/perl/net_smpp_carrier.pl
# Octets in words.
DECODE_TESTS = tests/e2e/0720-decode-encode.py
E2E_TESTS += $(DECODE_TESTS)
EXTRA_DIST += $(DECODE_TESTS)
# Alphabets on the wire.
WIRE_TESTS = tests/e2e/0820-wire-alphabets.py
E2E_TESTS += $(WIRE_TESTS)
EXTRA_DIST += tests/e2e/witnesses.py $(WIRE_TESTS)
# Texts.
TEXT_E2E = tests/e2e/0800-text.py
E2E_TESTS += $(TEXT_E2E)
EXTRA_DIST += $(TEXT_E2E)
# The page that explains them.
PAGE_TESTS = tests/e2e/0830-encoding-page.py
E2E_TESTS += $(PAGE_TESTS)
EXTRA_DIST += $(PAGE_TESTS)
# What it would cost.
PREVIEW_TESTS = tests/e2e/0810-preview.py
E2E_TESTS += $(PREVIEW_TESTS)
EXTRA_DIST += $(PREVIEW_TESTS)
# Profiles of carriers.
PROFILE_TESTS = tests/e2e/0840-profiles.py
E2E_TESTS += $(PROFILE_TESTS)
EXTRA_DIST += $(PROFILE_TESTS)
# Answers and receipts that are lost.
UNCERTAIN_E2E = tests/e2e/0340-uncertain.py tests/e2e/0345-query.py
E2E_TESTS += $(UNCERTAIN_E2E)
EXTRA_DIST += $(UNCERTAIN_E2E)
# The database looked after from outside.
CARE_TESTS = tests/e2e/0750-check-and-backup.py
E2E_TESTS += $(CARE_TESTS)
EXTRA_DIST += $(CARE_TESTS)
# Inbound messages in parts.
PART_TESTS = tests/e2e/0535-inbound-parts.py
E2E_TESTS += $(PART_TESTS)
EXTRA_DIST += tests/e2e/carrier.py $(PART_TESTS)
# What links tell of themselves; SIM accounts.
SIM_TESTS = tests/e2e/0850-link-facts.py tests/e2e/0860-quotas.py tests/e2e/0870-totals.py
E2E_TESTS += $(SIM_TESTS)
EXTRA_DIST += $(SIM_TESTS)
# Modems.
if HAVE_SERIALPORT
E2E_TESTS += tests/e2e/0900-modem-start.py tests/e2e/0901-modem-noise.py
endif
EXTRA_DIST += tests/e2e/modems.py tests/e2e/0900-modem-start.py tests/e2e/0901-modem-noise.py
# Messages through modems.
if HAVE_SERIALPORT
MODEM_MESSAGE_TESTS = tests/e2e/0905-modem-messages.py tests/e2e/0910-modem-faults.py tests/e2e/0915-modem-ladder.py
E2E_TESTS += $(MODEM_MESSAGE_TESTS)
endif
EXTRA_DIST += tests/e2e/0905-modem-messages.py tests/e2e/0910-modem-faults.py tests/e2e/0915-modem-ladder.py
EXTRA_DIST += tests/e2e/0905-modem-messages.py
# Modems and their ports.
MODEM_PORT_E2E = tests/e2e/0960-modem-ports.py
if HAVE_SERIALPORT
E2E_TESTS += $(MODEM_PORT_E2E)
endif
EXTRA_DIST += $(MODEM_PORT_E2E)
