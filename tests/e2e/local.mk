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
