# authsvc: `make run` tries it out, `make help` lists everything else.

PORT     ?=
DATA_DIR ?= ./var
PYTHON   ?= python3
PYTEST_ARGS ?=
# Most tests wait for processes rather than compute. 0: one after the other.
PYTEST_WORKERS ?= 4

export PYTHON
BIN := .venv/bin

include install.mk
.DEFAULT_GOAL := help

.PHONY: help run test check fix lint types imports unused nginx-check shell-check units-check server-disk
.PHONY: pytest test-fast coverage durations campaign bench-read bench-upload bench-images docs screenshots lock release clean

help:
	@echo 'make run [PORT=8080] [DATA_DIR=./var]  try it out: service and nginx together'
	@echo 'make install DOMAIN=img.example.com    install on this server (see install.mk)'
	@echo 'make uninstall                         remove it; pictures and settings are kept'
	@echo
	@echo 'make test [TEST_DEBIAN=trixie]         all checks and tests (12 minutes)'
	@echo 'make test-fast                         tests without root or nginx (2 minutes)'
	@echo 'make check                             static checks only'
	@echo 'make fix                               format the code, fix what ruff can fix'
	@echo 'make pytest [PYTEST_ARGS=…]            tests only'
	@echo 'make coverage                          all tests with branch coverage'
	@echo 'make campaign                          long tests, about two hours'
	@echo 'make durations                         record how long each test file takes'
	@echo
	@echo 'make bench-read                        measure reads (15 minutes)'
	@echo 'make bench-upload                      measure uploads (20 minutes)'
	@echo 'make bench-images                      measure sizes of pictures (20 minutes)'
	@echo
	@echo 'make docs                              write the generated pages again'
	@echo 'make screenshots                       take the pictures of README.md again'
	@echo 'make lock                              lock newer versions of dependencies'
	@echo 'make release [DRY_RUN=1]               build, try out and tag this version'
	@echo 'make clean                             remove .venv and caches, but no data'

# exec: Ctrl-C and SIGTERM reach `authsvc up` itself, not a shell around it.
run: .venv/run.stamp
	@scripts/need-packages run
	@exec $(BIN)/authsvc --data-dir "$(DATA_DIR)" up $(if $(PORT),--port "$(PORT)")

test: .venv/dev.stamp
	@scripts/need-packages test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check server-disk
	@$(MAKE) --no-print-directory pytest

check: lint types imports unused nginx-check shell-check units-check

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fix: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/dev.stamp
	$(BIN)/mypy

imports: .venv/dev.stamp
	$(BIN)/lint-imports

unused: .venv/dev.stamp
	$(BIN)/vulture
	$(BIN)/vulture authsvc bench docs nginx scripts tests
	$(BIN)/deptry .

shell-check: .venv/dev.stamp
	shellcheck scripts/authsvc scripts/install-[a-z]* scripts/need-packages scripts/nginx-user scripts/place \
	    scripts/quietly .ci/run

units-check: .venv/dev.stamp
	$(BIN)/python scripts/check_units.py

# On rendered files, with every optional part switched on.
nginx-check: .venv/dev.stamp
	$(BIN)/python scripts/check_nginx.py

# Cached outside the checkout. Made during the static checks, because later all workers would wait for it. If it
# fails, the tests that need it fail too; the others run.
server-disk: .venv/dev.stamp
	-@$(BIN)/python -m tests.support.server.installed

# TEST_DEBIAN chooses the Debian that tests/system/server boots: bookworm (12, the default) or trixie (13).
# In the order of tests/conftest.py, not of pytest-xdist.
# With bytecode, whatever the environment says: a run imports the product and the tests hundreds of times.
pytest test-fast coverage durations campaign: export PYTHONDONTWRITEBYTECODE =
PYTEST = -m pytest --numprocesses=$(PYTEST_WORKERS) --no-loadscope-reorder

pytest: .venv/dev.stamp
	@scripts/need-packages test
	$(BIN)/python $(PYTEST) $(PYTEST_ARGS)

# Without tests that start nginx or need root; see tests/README.md.
test-fast: NEEDS = fast
test-fast: .venv/dev.stamp
	$(BIN)/python $(PYTEST) -m "not needs_root and not needs_nginx" tests/unit tests/integration $(PYTEST_ARGS)

# By itself, because tracing nearly doubles the processor time of the tests. Every process imports the plug-in of
# coverage from the checkout: see tests/support/confined_coverage.py.
coverage: export PYTHONPATH = $(CURDIR)
coverage: .venv/dev.stamp
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) $(PYTEST_ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/python scripts/check_coverage.py

durations: .venv/dev.stamp
	$(BIN)/python $(PYTEST) --record-durations

# One after the other, because some of them measure. The figures go into docs/, each in the place of its
# former one: `make campaign CAMPAIGN=tests/http/fuzz` leaves the others as they are.
# The tests with the markers `waits_for` and `promised` check the real times, which `make test`
# shortens or does not require.
CAMPAIGN ?= tests/http/blackbox tests/system/browser tests/http/corpus tests/system/faults tests/http/fuzz tests/system/server/test_upgrade.py
campaign: .venv/dev.stamp
	$(if $(filter file,$(origin CAMPAIGN)),@$(MAKE) coverage)
	$(if $(filter file,$(origin CAMPAIGN)),@$(MAKE) pytest TEST_DEBIAN=trixie PYTEST_ARGS=tests/system/server)
	$(if $(filter file,$(origin CAMPAIGN)),AUTHSVC_CAMPAIGN=1 $(BIN)/python -m pytest -n0 -p no:randomly -m "waits_for or promised")
	AUTHSVC_CAMPAIGN=1 AUTHSVC_CAMPAIGN_REPORT=$(CURDIR)/docs/figures/campaign.jsonl \
	    $(BIN)/python -m pytest -n0 -p no:randomly $(CAMPAIGN) $(PYTEST_ARGS)
	$(BIN)/python -m docs.generate >/dev/null

# Side by side with the rivals; see bench/ for what is compared. The figures go into docs/.
bench-read: .venv/bench.stamp
	@scripts/need-packages bench
	@$(BIN)/python -m bench.reads $(BENCH_ARGS)
	@$(BIN)/python -m docs.generate >/dev/null

bench-upload: .venv/bench.stamp
	@scripts/need-packages bench
	@$(BIN)/python -m bench.uploads $(BENCH_ARGS)
	@$(BIN)/python -m docs.generate >/dev/null

bench-images: .venv/bench.stamp
	@scripts/need-packages bench
	@$(BIN)/python -m bench.images $(BENCH_ARGS)
	@$(BIN)/python -m docs.generate >/dev/null

docs: .venv/dev.stamp
	$(BIN)/python -m docs.generate

screenshots: .venv/dev.stamp
	SCREENSHOTS_DIR=$(CURDIR)/docs/pair $(BIN)/python -m pytest -n0 tests/system/browser/test_pair.py

# The locked packages, checked by their hashes, and the checkout itself.
# Without build isolation, so that a package that has to be built uses the locked build packages. pip's
# output is shown only when it fails: its warnings must not hide the first start.
PIP = scripts/quietly $(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation

# NEEDS is `fast` for the tests that need no nginx.
.venv/run.stamp: requirements/build.txt requirements/run.txt pyproject.toml
	@scripts/need-packages $(or $(NEEDS),run)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'installing the locked packages into .venv; this takes about a minute'
	@$(PIP) --require-hashes -r requirements/build.txt
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-index -e .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	@scripts/need-packages $(or $(NEEDS),test)
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

.venv/bench.stamp: .venv/dev.stamp requirements/bench.txt
	@$(PIP) --require-hashes -r requirements/bench.txt
	@touch $@

# `uv` comes from the package index: pip install uv
LOCK = uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
       --no-emit-index-url --no-header --no-annotate --group build
lock:
	$(LOCK) -o requirements/build.txt
	$(LOCK) -c requirements/build.txt pyproject.toml -o requirements/run.txt
	$(LOCK) --group dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	$(LOCK) --group dev --group bench -c requirements/dev.txt pyproject.toml -o requirements/bench.txt

# Builds the wheel and the sdist, installs the wheel in a clean environment, runs it, and tags v$(version).
release: .venv/run.stamp
	@$(BIN)/python scripts/release.py $(if $(DRY_RUN),--dry-run)

clean:
	rm -rf .venv .bench .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
