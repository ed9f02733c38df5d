# The emulators of the cloud tests: npm packages by lock file, installed once.
#
#   make demo-cloud      the whole story on the emulators: upload, notify, drain, show

SERVERS_SOURCE := $(dir $(lastword $(MAKEFILE_LIST)))

DEPS_CHECK += curl openssl $(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm)

.PHONY: servers demo-cloud

CHECKED += servers
$(BATS:%=check-%): servers

servers: $(SERVERS_SOURCE)node_modules/.package-lock.json

$(SERVERS_SOURCE)node_modules/.package-lock.json: $(SERVERS_SOURCE)package-lock.json
	cd $(SERVERS_SOURCE) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo-cloud: all servers
	@$(ENVIRONMENT) bash $(SERVERS_SOURCE)demo-cloud
