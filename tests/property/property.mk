# The laws of consolidation on random input, against an independent reference; and what damage costs.

PROPERTY_RUNS ?= $(if $(SANITIZE),40,150)
PIECES_RUNS   ?= $(if $(SANITIZE),5,12)
DAMAGE_RUNS   ?= 300
# One seed, so that a check does not fail by chance; try others with PROPERTY_SEED=$$RANDOM PROPERTY_RUNS=2000.
PROPERTY_SEED ?= 1
CHECKS += check-property

PROPERTIES = check-laws check-pieces check-damage check-reference
.PHONY: check-property $(PROPERTIES)
check-property: $(PROPERTIES)

property_run = $(ENVIRONMENT) ACC_BIN='$(abspath $(BUILD))/bin' python3 tests/property/$(1).py \
	--runs $(2) --seed $(PROPERTY_SEED)

check-laws: all
	@echo "== $@"
	@$(call property_run,laws,$(PROPERTY_RUNS))
check-pieces: all
	@echo "== $@"
	@$(call property_run,pieces,$(PIECES_RUNS))
check-damage: all
	@echo "== $@"
	@$(call property_run,damage,$(DAMAGE_RUNS))
check-reference:
	@echo "== $@"
	@python3 tests/property/test_reference.py

check-sanitized: check-property
