# The laws of consolidation on random input, against an independent reference.

PROPERTY_RUNS ?= $(if $(SANITIZE),40,200)
CHECKS += check-property

.PHONY: check-property
check-property: all
	@python3 tests/property/test_reference.py
	@$(ENVIRONMENT) ACC_BIN='$(abspath $(BUILD))/bin' \
		python3 tests/property/laws.py --runs $(PROPERTY_RUNS)

check-sanitized: check-property
