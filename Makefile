# Everything a user or a contributor does stands here. Each target does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp-$(shell cat requirements.txt pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
WITHOUT_SERVERS := not servers and not containers and not browser and not chaos
WORKERS ?= 2
ROLES := gateway availability booking simulator

# Runs a stage, and says how long it took whatever became of it.
timed = @began=$$(date +%s); $(1); status=$$?; echo "== $@ took $$(( $$(date +%s) - began )) s"; exit $$status

.DEFAULT_GOAL := help
.PHONY: help setup screenshots demo test test-browser test-servers test-containers test-all bench bench-quick check format lock image-sizes clean

help: ## say what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: $(STAMP) ## make the virtual environment in .venv, from the lock

# The stamp is named for the content of the lock, so a file that is only newer installs nothing again.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Omboka needs Python 3.11 or later; this is $$($(PYTHON) --version). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "setting up $(VENV) (once; a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.stamp-* && touch $@

demo: setup ## run everything in one process with simulated booking systems: http://localhost:8080
	@$(BIN)/omboka demo $(ARGS)

test: setup ## run every test that needs no server, in WORKERS=2 processes; ARGS="PATH -k NAME" chooses some
	$(call timed,$(BIN)/python -m pytest -q -m "$(WITHOUT_SERVERS)" -n $(WORKERS) --dist worksteal $(ARGS))

test-browser: setup ## run the pages' tests in Chromium, installed here where root may, else the tests say what to install
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; }
	$(call timed,$(BIN)/python -m pytest -q -m browser -n $(WORKERS) --dist worksteal $(ARGS))

test-servers: setup ## run what needs RabbitMQ, Redis and PostgreSQL, found or started, and the chaos; a missing one fails
	$(call timed,$(BIN)/python -m pytest -q -m "(servers or chaos) and not containers and not browser" $(ARGS))

test-containers: setup ## run what needs a Docker engine: the images, the compose stack, its restarts; without one they fail
	$(call timed,$(BIN)/python -m pytest -q -m containers $(ARGS))

# Servers and containers are waited for more than they work: two at a time take half the time.
test-all: test ## run every test, these after `make test` two at a time: containers, browser, servers; each says its time
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target test-containers test-browser test-servers

.PHONY: mutations
mutations: setup ## take each guard of the saga out in turn: every one must be missed (OMBOKA_EXAMPLES stories each, 2000)
	@$(BIN)/python -m tests.mutations $(ARGS)

.PHONY: chaos chaos-short chaos-true reliability
chaos: setup ## 1,000 rebookings under a killer, and the control that must wrong somebody; an hour
	@$(BIN)/python -m tests.chaos.run --out docs/results/chaos.json $(ARGS)
	@$(BIN)/python -m tests.chaos.run --naive --out docs/results/chaos-control.json $(ARGS)
	@$(MAKE) --no-print-directory reliability

chaos-short: setup ## 100 rebookings and 8 kills, as .ci/run does it
	@$(BIN)/python -m pytest -q tests/chaos/test_chaos.py $(ARGS)

chaos-true: setup ## 20 rebookings at true settings: settle 90 s; ten minutes
	@$(BIN)/python -m tests.chaos.run --true-settings --rebookings 20 --kills 6 --stops 2 --long-stops 1 --pace 12 \
	  --out docs/results/chaos-true-settings.json $(ARGS)
	@$(MAKE) --no-print-directory reliability

reliability: setup ## draw the results into docs/reliability.md
	@$(BIN)/python -m tests.chaos.report

# Without pytest's own copy of every line of the log: it would be measured as the gateway's memory. The fuzzers watch the log.
.PHONY: fuzz
fuzz: setup ## every fuzzer at full size, into SECURITY.md: three minutes (OMBOKA_TEST_SEED=N makes a failing run again)
	@OMBOKA_TEST_FUZZ=full $(BIN)/python -m pytest -q -m "$(WITHOUT_SERVERS)" -p no:logging tests/security $(ARGS)
	@$(BIN)/python -m tests.security.results

.PHONY: sbom
sbom: setup ## the bill of materials of each role's image (CycloneDX) and the licences, in dist/
	@$(BIN)/python -m services.operations.sbom deploy/locks dist

bench: setup ## measure everything, with its peers, into docs/performance.md; about 20 minutes on 2 cores
	@$(BIN)/python -m benchmarks --record $(ARGS)

bench-quick: setup ## the same, small: for developing, not for the record
	@$(BIN)/python -m benchmarks --size quick $(ARGS)

screenshots: setup ## take the README's pictures anew (needs Chromium: apt-get install chromium)
	@$(BIN)/python -m tests.browser.pictures

check: setup ## format, lint, types and the arrows between packages
	@$(BIN)/ruff format --check --quiet services shared tests benchmarks
	@$(BIN)/ruff check --quiet services shared tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: setup ## bring the code into its form
	@$(BIN)/ruff check --quiet --fix services shared tests benchmarks || true
	@$(BIN)/ruff format --quiet services shared tests benchmarks

lock: setup ## choose the newest packages that fit, and write their versions and hashes down
	@$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK_OPTIONS) -o requirements.txt
	@for role in $(ROLES); do $(BIN)/uv pip compile pyproject.toml --extra $$role $(LOCK_OPTIONS) -o deploy/locks/$$role.txt; done
	@echo hatchling | $(BIN)/uv pip compile - -c requirements.txt $(LOCK_OPTIONS) -o deploy/locks/build.txt
	@$(BIN)/uv pip compile pyproject.toml --extra otel -c requirements.txt $(LOCK_OPTIONS) -o deploy/locks/otel.txt

image-sizes: ## measure the images that are built, and write their sizes into docs/operations.md
	@$(PYTHON) deploy/image_sizes.py

LOCK_OPTIONS := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  --no-annotate --no-emit-find-links

clean: ## remove what was made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
