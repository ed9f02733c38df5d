# Checks of terraform/, the Jenkinsfile and the units of the README, without a network or an account.
#
#   make check-infra        all of them; build/infra/*.tap has every single result
#   make infra-schema       extract the provider's schema anew (needs the network, 40 MB)

INFRA_SOURCE := $(dir $(lastword $(MAKEFILE_LIST)))
INFRA_SCHEMA := @cdktn/provider-aws@24.1.0

CHECKS     += check-infra
CHECKED    += $(INFRA_SOURCE)node_modules/.package-lock.json
DEPS_CHECK += cron groovy systemd $(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm)

INFRA = terraform jenkins operations
.PHONY: check-infra $(INFRA:%=check-%) check-infra-tools infra-schema

check-infra: $(INFRA:%=check-%)

# $(1): a command. All its results go to a file of their own; shown are their number, or those that failed.
infra_results = @mkdir -p $(BUILD)/infra; echo "== $@"; \
	if $(1) >$(BUILD)/infra/$(@:check-%=%).tap 2>&1; then tail -n 1 $(BUILD)/infra/$(@:check-%=%).tap; \
	else grep -v '^ok ' $(BUILD)/infra/$(@:check-%=%).tap; exit 1; fi

check-terraform: check-infra-tools $(INFRA_SOURCE)node_modules/.package-lock.json
	$(call infra_results,node $(INFRA_SOURCE)terraform.mjs terraform)
check-jenkins: JAVA = $(realpath $(shell command -v java))
check-jenkins: check-infra-tools
	$(call infra_results,env JAVA_HOME='$(JAVA:%/bin/java=%)' groovy $(INFRA_SOURCE)jenkins.groovy Jenkinsfile)
check-operations: all check-infra-tools
	$(call infra_results,$(INFRA_SOURCE)operations README.md $(BUILD)/bin)

# A missing tool is a failure: a check that is left out in silence would look like one that passed.
check-infra-tools:
	@for tool in node:nodejs npm:npm groovy:groovy java:default-jre-headless crontab:cron systemd-analyze:systemd; do \
		command -v $${tool%%:*} >/dev/null || { \
			echo "check-infra: no $${tool%%:*} here; apt-get install $${tool##*:}" >&2; exit 1; }; done

$(INFRA_SOURCE)node_modules/.package-lock.json: $(INFRA_SOURCE)package-lock.json | check-infra-tools
	cd $(INFRA_SOURCE) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

infra-schema:
	@mkdir -p $(BUILD)/infra
	cd $(BUILD)/infra && npm pack --loglevel=error $(INFRA_SCHEMA)
	node $(INFRA_SOURCE)extract-schema.mjs $(BUILD)/infra/cdktn-provider-aws-*.tgz $(INFRA_SOURCE)aws-schema.json
