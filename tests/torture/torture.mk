# Nothing lost: failing calls, hostile input, crashes, a faulty network, late threads.
#
#   make torture            all of it at length; a run can be repeated with TORTURE_SEED=
#   make check-torture      two minutes of it, part of `make check`

TORTURE_SOURCE := $(dir $(lastword $(MAKEFILE_LIST)))
TORTURE_DIR    := $(BUILD)/torture
TORTURE_SEED   ?=
TORTURE_KILLS  ?= 500
TORTURE_RUNS   ?= 1000

CHECKS     += check-torture
DEPS_CHECK += python3 zstd $(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm)

.PHONY: torture check-torture check-chaos check-faults check-threads torture-hostile

torture_run = $(ENVIRONMENT) python3 $(TORTURE_SOURCE)
torture_seed = $(if $(TORTURE_SEED),--seed $(TORTURE_SEED))
torture_faults = $(torture_run)faults.py --shim $(TORTURE_DIR)/faults.so --bin $(BUILD)/bin $(torture_seed)
torture_chaos = $(torture_run)chaos.py --shim $(TORTURE_DIR)/network.so --bin $(BUILD)/bin $(torture_seed)
torture_threads = $(torture_run)threads.py --shim $(TORTURE_DIR)/threads.so --bin $(BUILD)/bin $(torture_seed)
TORTURE_SHIMS = $(TORTURE_DIR)/faults.so $(TORTURE_DIR)/network.so $(TORTURE_DIR)/threads.so

torture: deps
	@$(MAKE) all servers $(TORTURE_SHIMS)
	@$(MAKE) torture-hostile
	@$(torture_faults)
	@$(torture_threads) --runs $(TORTURE_RUNS)
	@$(torture_chaos) --kills $(TORTURE_KILLS) --runs $(TORTURE_RUNS) --lanes 6

# From one seed, unless another is given.
check-chaos check-faults check-threads: TORTURE_SEED = 1
check-torture: check-chaos check-faults check-threads torture-hostile

check-chaos: all servers $(TORTURE_DIR)/network.so
	@echo "== $@"
	@$(torture_chaos) --kills 15 --runs 20

check-faults: all $(TORTURE_DIR)/faults.so
	@echo "== $@"
	@$(torture_faults) --sample 8

check-threads: all $(TORTURE_DIR)/threads.so
	@echo "== $@"
	@$(torture_threads) --runs 30

torture-hostile: all servers
	@echo "== $@"
	@$(ENVIRONMENT) bats $(BATS_FLAGS) $(TORTURE_SOURCE)

$(TORTURE_DIR)/%.so: $(TORTURE_SOURCE)%.c
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -shared -fPIC -O1 -g -Wall -Wextra -Werror -o $@ $<
