# SPDX-License-Identifier: Apache-2.0
# The targets that people expect.  The lists of tests come from the other local.mk files:
#   UNIT_TESTS CONTRACT_TESTS FUZZ_TARGETS  programs      E2E_TESTS CRASH_TESTS PEER_TESTS  scripts, or programs
#   BENCHES                                 programs of EXTRA_PROGRAMS that run without arguments

EXTRA_DIST += tests/run.py tests/coverage.py tests/form.py

RUN_TESTS = $(PYTHON3) $(srcdir)/tests/run.py
RUN_FLAGS =

# What tests/run.py reads: "GROUP PROGRAM" lines.
CLEANFILES += tests.list
.PHONY: check-list
check-list:
	@{ for t in $(UNIT_TESTS); do echo "unit $$t"; done; \
	for t in $(PEER_TESTS); do echo "peers $$t"; done; \
	for t in $(CONTRACT_TESTS); do echo "contract $$t"; done; \
	for t in $(FUZZ_TARGETS); do echo "fuzz $$t"; done; \
	for t in $(E2E_TESTS); do echo "e2e $$t"; done; \
	for t in $(CRASH_TESTS); do echo "crash $$t"; done; } > tests.list

# What is tested and what tests it, without running anything.  One after the other: "all" is a make of its own, and two
# that build the same library at a time would trip over each other.
.PHONY: build-tests
build-tests:
	$(MAKE) all
	$(MAKE) $(check_PROGRAMS) check-list

check-local: check-list
	$(RUN_TESTS) $(RUN_FLAGS) tests.list

.PHONY: check-unit check-contract check-fuzz check-e2e check-crash
check-unit check-contract check-fuzz check-e2e check-crash: build-tests
	$(RUN_TESTS) $(RUN_FLAGS) --only $(@:check-%=%) tests.list

# Each fuzz target for a while, with clang's libFuzzer, in a build folder of its own.  New inputs stay there; a crash is
# written to fuzz-build/crash-*.  tests/fuzz/replay.c has a main() of its own, which would win over libFuzzer's: there it
# gets another name.
FUZZ_SECONDS = 30
FUZZ_CFLAGS = -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
.PHONY: fuzz
fuzz:
	@test -n "$(CLANG)" || { echo "fuzz: clang is not installed"; exit 1; }
	@mkdir -p fuzz-build
	test -f fuzz-build/Makefile || (cd fuzz-build && \
		$(abs_top_srcdir)/configure CC="$(CLANG)" CFLAGS="$(FUZZ_CFLAGS)" >configure.out)
	$(MAKE) -C fuzz-build $(FUZZ_TARGETS) CFLAGS="$(FUZZ_CFLAGS) -Dmain=replay_main -Wno-missing-prototypes" \
		LDFLAGS=-fsanitize=fuzzer,address,undefined
	cd fuzz-build && for t in $(FUZZ_TARGETS); do n=$${t##*/}; mkdir -p "found/$$n"; echo "== $$n"; \
		"./$$t" -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
			"found/$$n" "$(abs_top_srcdir)/tests/fuzz/corpus/$$n" >"$$n.log" 2>&1 || \
			{ tail -n 40 "$$n.log"; exit 1; }; \
		grep -E '^(Done|stat::number_of_executed_units)' "$$n.log"; done

.PHONY: bench
BENCH_FLAGS =
bench: all $(BENCHES) tests/bench/load tests/bench/slow_sync.so smpp_blast
	$(PYTHON3) $(srcdir)/tests/bench/bench.py $(BENCH_FLAGS)

# The lines that were changed since the last commit, no others: see .clang-format.
.PHONY: format lint
format:
	cd $(srcdir) && git clang-format --force --extensions c,h

# cppcheck does not see the headers of libraries; their macros that look like no C are given to it.
CPPCHECK_MACROS = '-Djson_array_foreach(array,i,value)=for(i=0;i<json_array_size(array)&&(value=json_array_get(array,i));i++)' \
	'-Djson_object_foreach(object,key,value)=for(key=0;(value=json_object_get(object,key));)'
lint:
	$(PYTHON3) $(srcdir)/tests/form.py $(srcdir)
	@if command -v cppcheck >/dev/null; then \
		cppcheck --quiet --std=c11 --inline-suppr --enable=warning,portability --error-exitcode=1 \
			--suppress=missingIncludeSystem $(CPPCHECK_MACROS) -I$(srcdir)/src -I$(srcdir)/drivers -I$(srcdir) -I. \
			$(srcdir)/src $(srcdir)/drivers; \
	else echo "lint: cppcheck is not installed"; fi
	@if command -v shellcheck >/dev/null; then shellcheck $(srcdir)/contrib/*.sh $(srcdir)/.ci/run; \
	else echo "lint: shellcheck is not installed"; fi

.PHONY: coverage
coverage:
	@mkdir -p coverage-build
	test -f coverage-build/Makefile || (cd coverage-build && \
		$(abs_top_srcdir)/configure CFLAGS="-O0 -g --coverage" LDFLAGS=--coverage >configure.out)
	find coverage-build -name '*.gcda' -delete
	$(MAKE) -C coverage-build check
	$(PYTHON3) $(srcdir)/tests/coverage.py coverage-build

# tests/e2e/npm, tests/peers/npm: what 0600-other-peers.py and test_text_peers.py install.
clean-local:
	rm -rf fuzz-build coverage-build soak-build tests/e2e/out tests/e2e/npm tests/peers/npm

PEER_TESTS += tests/peers/test_smsc_sim.py tests/peers/test_net_smpp.pl
