# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += docs/openapi.yaml
EXTRA_DIST += docs/architecture.md
EXTRA_DIST += docs/driver-howto.md docs/quirks.md docs/durability.md docs/encoding.md docs/faults.md
EXTRA_DIST += docs/modems.md docs/modem-faults.md
EXTRA_DIST += docs/performance.md
