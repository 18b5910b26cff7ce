# Termfleet. `make run` and `make test` work from a clean clone with Rust and Node.js present.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

WEB := services/web
WEB_SOURCES := $(shell find $(WEB)/app $(WEB)/packages -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
WEB_DIST := $(WEB)/app/dist/index.html
WEB_MODULES := $(WEB)/node_modules/.installed
SDK := target/sdk
CARGO := cargo
# Where cargo puts what it builds for development: its own word, as CARGO_TARGET_DIR and
# configuration may have moved it.
DEBUG = $(shell $(CARGO) metadata --format-version 1 --no-deps --offline | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/debug
ARGS ?=
# How often `make chaos` tries each of its two connections.
RUNS ?= 1000

.PHONY: help run cluster cluster-stop test ci coverage build web lint fmt fmt-check docs docs-check bench chaos sdk setup-run setup-test setup-cluster web-test test-build rust-test browser-test clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: setup-run web ## Build and start the embedded default, print the URL (first build: about 3 minutes on 2 cores)
	@echo "termfleet: building (the first time takes about 3 minutes on 2 cores)"
	@$(CARGO) build --quiet --package termfleet
	@exec "$(DEBUG)/termfleet" dev $(ARGS)

cluster: setup-cluster web ## Build and start a cluster: Redis, 2 workers, 3 gateways, nginx; print the URL
	@echo "termfleet: building (the first time takes about 3 minutes on 2 cores)"
	@$(CARGO) build --quiet --package termfleet
	@TERMFLEET_BIN="$(DEBUG)/termfleet" exec deploy/cluster/run.sh start

cluster-stop: ## End it, from another terminal
	@deploy/cluster/run.sh stop

test: setup-test web web-test rust-test browser-test ## Run all tests: unit, conformance, property, end to end, browser

ci: fmt-check lint docs-check test ## Everything that must be true of a commit

build: setup-run web ## Build the release binary: target/release/termfleet
	$(CARGO) build --release --package termfleet

web: $(WEB_DIST) ## Build the web terminal

lint: web ## Lint with warnings denied, types of the web terminal
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd $(WEB) && npm run --silent check

fmt: ## Format the Rust code
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

docs: ## Write anew the pages that are made from the code
	@$(CARGO) build --quiet --package termfleet
	@reference=$$(mktemp) && "$(DEBUG)/termfleet" config reference > $$reference \
	  && sed -i -e "/^<!-- reference -->$$/,/^<!-- \/reference -->$$/{/^<!-- /!d}" \
	     -e "/^<!-- reference -->$$/r $$reference" docs/configuration.md && rm $$reference

docs-check:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

bench: setup-cluster web ## Measure bare programs, `dev` and a cluster side by side (about 4 minutes, and the build); a table and target/bench.json
	$(CARGO) build --release --quiet --package termfleet --package termfleet-load
	$(CARGO) run --release --quiet --package termfleet-load -- bench $(ARGS)

chaos: setup-cluster web ## Cut, delay and throttle connections at random 1,000 times, to a gateway and to a worker (about 15 minutes); prints seeds
	TERMFLEET_CHAOS_RUNS=$(RUNS) $(CARGO) test --quiet --workspace --test chaos -- --nocapture $(ARGS)

sdk: $(WEB_MODULES) ## Pack the client package: target/sdk/*.tgz, golden vectors and descriptions beside it
	@rm -rf $(SDK) && mkdir -p $(SDK)
	@cp -r proto/vectors docs/openapi.json docs/asyncapi.yaml docs/errors.md $(SDK)/
	@cd $(WEB) && npm pack --silent --workspace packages/client --pack-destination "$(CURDIR)/$(SDK)" >/dev/null
	@ls -d $(SDK)/*

coverage: setup-test web ## Measure how much of the Rust code all Rust tests reach, the binary's own runs too
	@deploy/setup/coverage.sh

setup-run:
	@deploy/setup/packages.sh run

setup-cluster:
	@deploy/setup/packages.sh cluster

setup-test:
	@deploy/setup/packages.sh test

web-test: $(WEB_MODULES)
	cd $(WEB) && npm run --silent check && npm test --silent

# The tests' own build makes the binary too; the end-to-end and browser tests start that one.
test-build: web
	$(CARGO) test --workspace --no-run

rust-test: test-build
	TERMFLEET_BIN="$(DEBUG)/termfleet" $(CARGO) test --workspace

browser-test: test-build sdk
	TERMFLEET_BIN="$(DEBUG)/termfleet" node --test --test-concurrency=1 tests/browser/*.test.mjs

clean: ## Remove everything that was built
	$(CARGO) clean
	rm -rf $(WEB)/node_modules $(WEB)/app/dist

$(WEB_MODULES): $(WEB)/package-lock.json
	@echo "termfleet: installing the web terminal's packages"
	@cd $(WEB) && npm ci --silent --no-audit --no-fund
	@touch $@

$(WEB_DIST): $(WEB_MODULES) $(WEB_SOURCES)
	@echo "termfleet: building the web terminal"
	@cd $(WEB) && npm run --silent build
	@touch $@
