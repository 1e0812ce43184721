# make demo: one export on real parts, from the request to the mail.   make up: the same system until Ctrl-C.
# make test: every check.   make bench: compare with other libraries, installed into .venv-bench;
# with options: make bench BENCH="--only table".
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo up test lint types check bench-smoke bench clean
demo: .venv/ready ; $(BIN)/python -m local demo
up: .venv/ready ; $(BIN)/python -m local up
test: lint types check bench-smoke

lint: .venv/ready ; $(BIN)/ruff check . && $(BIN)/ruff format --check .
types: .venv/ready ; $(BIN)/mypy
# More processes than cores: the longest tests mostly wait for servers and workers.
check: .venv/ready ; $(BIN)/pytest -n 3 --dist loadgroup
bench-smoke: .venv/ready ; $(BIN)/python -m bench smoke
bench: .venv/ready .venv-bench/ready ; $(BIN)/python -m bench --json bench-work/results.json $(BENCH)

.venv/ready: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "This Python has no venv. On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv-bench/ready: bench/requirements.txt
	@$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@touch $@

clean: ; rm -rf .venv .venv-bench bench-work demo up .mypy_cache .ruff_cache .pytest_cache
