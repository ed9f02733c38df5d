# Benchmarks.
#
#   make bench              generate the data, run the toolkit and every installed peer, and write
#                           build/bench/results.md, results.json and *.svg
#   make bench-peers        install the peers, from Debian and npm
#   make bench-check        compare instructions per record with tests/bench/instructions.txt
#   make bench-record       measure them anew and write that file
#
# Settings of `make bench`:
#   BENCH=merge,fetch,chain,scale,spill,start,s3  what to measure
#   BENCH_SIZES=47MB,470MB                      which data sets (there is a 4.7GB, too)
#   BENCH_KINDS=small,wide,skew,array           of which shapes (merge)
#   BENCH_RUNS=5                                runs of each command, interleaved
#   BENCH_LIMIT=15                              leave out a peer that needs more seconds for a run
#   BENCH_PEERS=acc-merge-2,DuckDB-2            just these (merge)
#   BENCH_SPILL_RECORDS=20000000                size of the spill group's input (4.7 GB)

BENCH       ?= merge,fetch,chain,scale,spill,start,s3
BENCH_SIZES ?= 47MB,470MB
BENCH_KINDS ?= small,wide,skew,array
BENCH_RUNS  ?= 5
BENCH_LIMIT ?= 15
BENCH_PEERS ?=
BENCH_SPILL_RECORDS ?= 20000000

BENCH_SOURCE := $(dir $(lastword $(MAKEFILE_LIST)))
BENCH_DIR    := $(BUILD)/bench
CXX          ?= g++

DEPS_BENCH = awscli curl g++ gnuplot-nox gojq jq libjson-xs-perl libsimdjson-dev miller nginx-light \
	$(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm) perl python3 rclone valgrind wrk

.PHONY: bench bench-peers bench-check bench-record

bench: all $(BENCH_DIR)/generate bench-simdjson
	python3 $(BENCH_SOURCE)bench.py --bin $(BUILD)/bin --dir $(BENCH_DIR) \
		--generate $(abspath $(BENCH_DIR)/generate) --groups $(BENCH) --sizes $(BENCH_SIZES) \
		--kinds $(BENCH_KINDS) --runs $(BENCH_RUNS) --limit $(BENCH_LIMIT) \
		--peers '$(BENCH_PEERS)' --spill-records $(BENCH_SPILL_RECORDS)

# Not `npm ci`: it refuses the lock for packages of other platforms that polars names and nobody has published.
bench-peers:
	@.ci/deps $(DEPS_BENCH)
	cd $(BENCH_SOURCE) && npm install --no-save --no-audit --no-fund --loglevel=error

bench-check: all $(BENCH_DIR)/generate
	python3 $(BENCH_SOURCE)instructions.py --bin $(BUILD)/bin --dir $(BENCH_DIR) \
		--generate $(abspath $(BENCH_DIR)/generate) --check $(BENCH_SOURCE)instructions.txt

bench-record: all $(BENCH_DIR)/generate
	python3 $(BENCH_SOURCE)instructions.py --bin $(BUILD)/bin --dir $(BENCH_DIR) \
		--generate $(abspath $(BENCH_DIR)/generate) --record $(BENCH_SOURCE)instructions.txt

$(BENCH_DIR)/generate: $(BENCH_SOURCE)generate.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -Wall -Wextra -Werror -o $@ $<

# Without the library the reference program is left out, and the run says so.
.PHONY: bench-simdjson
bench-simdjson:
	@mkdir -p $(BENCH_DIR)
	@if echo '#include <simdjson.h>' | $(CXX) -std=c++17 -E -x c++ - >/dev/null 2>&1; then \
		$(MAKE) $(BENCH_DIR)/simdjson_merge; \
	else \
		echo "bench: no libsimdjson-dev: the simdjson reference program is left out" >&2; \
	fi

$(BENCH_DIR)/simdjson_merge: $(BENCH_SOURCE)peers/simdjson_merge.cpp
	$(CXX) -std=c++17 -O3 -march=native -Wall -Wextra -Werror -pthread -o $@ $< -lsimdjson
	echo '#include <simdjson.h>' | $(CXX) -std=c++17 -E -dM -x c++ - \
		| sed -n 's/^#define SIMDJSON_VERSION /simdjson /p' >$@.version
