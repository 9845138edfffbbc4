# make run    the environment with `pricewright`, then the sample from raw prices to a deployed model
# make test   the environment, then the whole test suite
# make test-cluster  the profiles, on a Slurm and a Grid Engine that the tests start (as root; see CONTRIBUTING.md)
# make check  style, types and Snakemake's own lint
# make lock   the lock files and environment.yml anew, from pyproject.toml (needs uv)
# ARGS is added to the command: make run ARGS="--configfile config/examples/fx.yaml"

PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCKED := $(PIP) --require-hashes

.PHONY: run test test-cluster check lock clean
.PHONY: bench bench-orchestrators bench-reading bench-models bench-scale bench-page bench-watch bench-year
.DELETE_ON_ERROR:

run: $(ENV)/run.lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores 1 $(ARGS)

test: $(ENV)/dev.lock $(ENV)/oldest.lock
	@$(BIN)/python tests/needs.py
	@PATH="$(CURDIR)/$(BIN):$$PATH" pytest --numprocesses auto --dist loadgroup $(ARGS)

# The plugins stay out of the environment: with them each start of Snakemake takes half a second more.
test-cluster: $(ENV)/cluster.lock
	@$(BIN)/python tests/needs.py --cluster
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)/$(ENV)/cluster" CI=true \
	  pytest --numprocesses 2 --dist loadfile tests/slurm $(ARGS)

check: $(ENV)/dev.lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh -ec '\
	  ruff check .; \
	  ruff format --check .; \
	  snakefmt --check Snakefile workflow; \
	  mypy; \
	  snakemake --lint'

bench: $(ENV)/run.lock
	@$(BIN)/python benchmarks/overhead.py $(ARGS)

bench-orchestrators: $(ENV)/run.lock
	@$(BIN)/python benchmarks/orchestrators.py $(ARGS)

bench-reading: $(ENV)/run.lock
	@$(BIN)/python benchmarks/reading.py $(ARGS)

bench-models: $(ENV)/dev.lock
	@$(BIN)/python benchmarks/models.py $(ARGS)

bench-scale: $(ENV)/run.lock
	@$(BIN)/python benchmarks/scale.py $(ARGS)

bench-page: $(ENV)/dev.lock
	@$(BIN)/python benchmarks/page.py $(ARGS)

bench-year: $(ENV)/dev.lock
	@$(BIN)/python benchmarks/year.py $(ARGS)

bench-watch: $(ENV)/run.lock
	@$(BIN)/python benchmarks/watch.py $(ARGS)

lock:
	uv pip compile $(COMPILE) --extra dev pyproject.toml --output-file requirements-dev.lock
	uv pip compile $(COMPILE) --constraint requirements-dev.lock pyproject.toml \
	  --output-file requirements.lock
	uv pip compile $(COMPILE) --constraint requirements-dev.lock pyproject.toml \
	  --extra slurm --extra lsf --extra cluster-generic --extra kubernetes --output-file cluster.new
	awk -F== 'NR == FNR {if (/^[^ ]/) dev[$$1]; next} /^[^ ]/ {more = !($$1 in dev)} more' \
	  requirements-dev.lock cluster.new > requirements-cluster.lock
	rm cluster.new
	{ sed '/- pip:$$/q' environment.yml; \
	  sed -nE 's/^([^ #]+==.*[^ \\]) *\\$$/      - \1/p' requirements-dev.lock; \
	  echo '      - --editable .'; } > environment.new
	mv environment.new environment.yml
	for peer in dagster dvc kedro luigi; do \
	  uv pip compile $(COMPILE) --constraint requirements.lock \
	    benchmarks/orchestrators/$$peer.in --output-file benchmarks/orchestrators/$$peer.lock; done

COMPILE := --quiet --universal --generate-hashes --no-annotate --no-header \
  --fork-strategy fewest --python-version 3.11 --upgrade

clean:
	rm -rf results logs .snakemake

# Each is a copy of the lock that was installed: the same bytes, nothing to do.
$(ENV)/run.lock: requirements.lock pyproject.toml | $(BIN)/python
	@cmp -s $< $@ || { echo "Installing what a run needs into $(ENV) (once) …"; \
	  $(LOCKED) --requirement $<; }
	@$(PIP) --no-index --no-deps --no-build-isolation --editable .
	@cp $< $@

$(ENV)/dev.lock: requirements-dev.lock $(ENV)/run.lock
	@cmp -s $< $@ || { echo "Installing what the tests need into $(ENV) (once) …"; \
	  $(LOCKED) --requirement $<; }
	@cp $< $@

# The oldest Snakemake that is allowed, for the test that tries it.
$(ENV)/oldest.lock: requirements-oldest.lock $(ENV)/dev.lock
	@cmp -s $< $@ || { rm -rf $(ENV)/oldest; $(PIP) --no-deps --target $(ENV)/oldest --requirement $<; }
	@cp $< $@

$(ENV)/cluster.lock: requirements-cluster.lock $(ENV)/dev.lock
	@cmp -s $< $@ || { echo "Installing the plugins for clusters into $(ENV)/cluster (once) …"; \
	  rm -rf $(ENV)/cluster; $(LOCKED) --no-deps --target $(ENV)/cluster --requirement $<; }
	@cp $< $@

$(BIN)/python:
	@case "$$(pwd)" in *[[:space:]:\"\$$\&\'\(\)\*\;\<\>\?\{\}\|\`\\]*) \
	  echo "Snakemake cannot start a Python below a folder with a blank or one of : \" $$ & ' ( ) * ; < > ? { } | in its name: $$(pwd)"; \
	  exit 1; esac
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(ENV) || \
	  { echo "$(PYTHON) cannot make environments; on Debian: apt-get install python3-venv"; exit 1; }
