# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Each command does its own set-up: a virtual environment in .venv, the collection built and installed
# from its tarball into build/collections. Nothing outside the checkout is changed, except that `make test`
# installs missing Debian packages if it runs as root (tools/install-test-tools lists them).

PYTHON ?= python3
SIZES ?= 100 1000
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
COLLECTIONS := $(CURDIR)/build/collections
RELEASE := $(VENV)-release
# The oldest ansible-core that is supported; all else is borrowed from $(VENV).
OLDEST := $(VENV)-oldest
# Every package in the version and with a hash that requirements/*.hashes.txt name.
PIP_ARGUMENTS := -m pip --disable-pip-version-check --quiet install --require-hashes
PIP := $(BIN)/python $(PIP_ARGUMENTS)

export PATH := $(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export ANSIBLE_GALAXY := $(BIN)/ansible-galaxy
export ANSIBLE_HOME := $(CURDIR)/.ansible
export OT_PKI_COLLECTIONS := $(COLLECTIONS)

.DEFAULT_GOAL := help
.PHONY: help demo test markers unit fuzz faults lint build bench scale install sanity cores import gates docs pins release-check clean

help: ## show this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Every command sets itself up below this folder. CONTRIBUTING.md says more."

##@ A first look

demo: $(VENV)/.demo install ## run the main job on a demo inventory, without servers or questions
	@tools/demo

##@ Tests and checks: each says what is wrong, and ends with exit status 0 if nothing is

# Of the linters' packages, ansible-builder is what a test runs.
test: $(VENV)/.lint $(OLDEST)/.core install ## run all tests against the built and installed collection
	@tools/install-test-tools
	OT_PKI_CORES=$(CURDIR)/$(OLDEST)/bin $(BIN)/python -m pytest -n auto tests/unit tests/faults tests/end_to_end

markers: $(VENV)/.test $(OLDEST)/.core install ## look for marker secrets in all that runs leave, on every ansible-core found or installable
	@OT_PKI_CORES=$(CURDIR)/$(OLDEST)/bin tools/markers

unit: $(VENV)/.test install ## run the tests of the library only
	$(BIN)/python -m pytest -n auto tests/unit

fuzz: $(VENV)/.test install ## run 100,000 mutated inputs through every parser and batch (OT_PKI_FUZZ says how many)
	@OT_PKI_FUZZ=$${OT_PKI_FUZZ:-100000} $(BIN)/python -m pytest -n auto tests/unit/fuzz

faults: $(VENV)/.test install ## run TRIALS=300 trials of kills, failing file calls and power cuts, spread over every kind of work
	@tools/install-test-tools
	OT_PKI_FAULTS=$$(( ($${TRIALS:-300} + 15) / 16 )) $(BIN)/python -m pytest tests/faults

lint: $(VENV)/.lint ## run every linter
	@tools/lint

sanity: $(VENV)/.lint ## run ansible-test sanity and units on every ansible-core found or installable
	@tools/sanity

cores: ## run the demo and integration targets on every supported ansible-core found or installable
	@tools/cores

import: $(VENV)/.lint build ## check the tarball as Galaxy's importer does
	@tools/import-check

gates: lint sanity cores import ## everything that a release must pass besides the tests

bench: $(VENV)/.test install ## measure the whole command; prints ratios (takes several minutes)
	$(BIN)/python tests/benchmark/bench.py

scale: $(VENV)/.test install ## measure fleets of several sizes (SIZES="100 1000 10000"): first, unchanged, some due, some bad, validate, report
	$(BIN)/python tests/benchmark/scale.py $(SIZES)

##@ Documentation and releases

docs: $(VENV)/.lint install ## write the generated pages anew, and build the documentation as a site into build/site
	@tools/generate-docs
	@tools/build-site

build: $(VENV)/.demo ## build the collection's tarball from what is committed into build/
	@tools/build-collection build

release-check: $(VENV)/.demo $(RELEASE)/.release ## check a release: tarball, version, SBOM, and the demo from it in a clean environment
	@PATH="$(CURDIR)/$(RELEASE)/bin:$$PATH" tools/release-check

pins: $(RELEASE)/.release ## write the pinned requirements with their hashes anew
	@UV="$(CURDIR)/$(RELEASE)/bin/uv" tools/pin-requirements

install: $(VENV)/.demo
	@tools/install-collection $(COLLECTIONS)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.hashes.txt | $(VENV)/bin/python
	$(PIP) -r requirements/demo.hashes.txt
	@touch $@

$(VENV)/.test: requirements/test.hashes.txt $(VENV)/.demo
	$(PIP) -r requirements/test.hashes.txt
	@touch $@

$(VENV)/.lint: requirements/lint.hashes.txt $(VENV)/.test
	$(PIP) -r requirements/lint.hashes.txt
	@touch $@

$(OLDEST)/.core: requirements/oldest.hashes.txt $(VENV)/.test
	$(BIN)/python -m venv --without-pip $(OLDEST)
	$(BIN)/python -m pip --disable-pip-version-check --quiet --python $(OLDEST)/bin/python install --no-deps --require-hashes -r requirements/oldest.hashes.txt
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$$($(OLDEST)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/borrowed.pth"
	@touch $@

$(RELEASE)/.release: requirements/release.hashes.txt
	$(PYTHON) -m venv $(RELEASE)
	$(CURDIR)/$(RELEASE)/bin/python $(PIP_ARGUMENTS) -r requirements/release.hashes.txt
	@touch $@

##@ At the end

clean: ## remove everything that the commands made, the demo's CA included
	rm -rf $(VENV) $(VENV)-* build .ansible .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/output
	rm -rf demo/staged demo/workstations demo/local_ca demo/local_ca_ledger demo/secrets tests/integration/inventory
