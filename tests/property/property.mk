# The laws of consolidation on random input, against an independent reference; and what damage costs.

PROPERTY_RUNS ?= $(if $(SANITIZE),40,150)
PIECES_RUNS   ?= $(if $(SANITIZE),5,12)
DAMAGE_RUNS   ?= 300
# One seed, so that a check does not fail by chance; try others with PROPERTY_SEED=$$RANDOM PROPERTY_RUNS=2000.
PROPERTY_SEED ?= 1
CHECKS += check-property

.PHONY: check-property
check-property: all
	@python3 tests/property/test_reference.py
	@$(ENVIRONMENT) ACC_BIN='$(abspath $(BUILD))/bin' \
		python3 tests/property/laws.py --runs $(PROPERTY_RUNS) --seed $(PROPERTY_SEED)
	@$(ENVIRONMENT) ACC_BIN='$(abspath $(BUILD))/bin' \
		python3 tests/property/pieces.py --runs $(PIECES_RUNS) --seed $(PROPERTY_SEED)
	@$(ENVIRONMENT) ACC_BIN='$(abspath $(BUILD))/bin' \
		python3 tests/property/damage.py --runs $(DAMAGE_RUNS) --seed $(PROPERTY_SEED)

check-sanitized: check-property
