# Thin: each target is one command that also works by hand. `make help` lists them.
# PYTHON names the interpreter that sets up; any 3.11 or newer, found by itself if this one is older.
PYTHON ?= python3
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run demo setup test check bench growth bench-guard overload crash fuzz sim docs lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

run:  ## start a mail server on a free loopback port, mail kept under .mailrail/
	@$(PYTHON) tools/setup.py run
	@$(VENV)/python tools/first_run.py
	@exec $(VENV)/python -m mailrail serve --config .mailrail/mailrail.toml

demo:  ## send a real message through mailrail to a second server and show it arrive
	@$(PYTHON) tools/setup.py run
	@$(PYTHON) tools/setup_peers.py swaks
	@$(VENV)/python tools/demo.py

setup:  ## make .venv from the lock files and fetch the real peers of the tests
	@$(PYTHON) tools/setup.py dev

test: setup  ## everything CI runs: lint, types, imports, all tests but the long campaigns
	@tools/check all

check: setup  ## the quick part: lint, types, imports, unit and contract tests
	@tools/check quick

bench: setup  ## relay against Postfix side by side, and more; ARGS="--quick", ARGS="--help"
	@$(VENV)/python -m bench $(ARGS)

growth: setup  ## rate and memory against length of the queue, sessions, recipients, size; ARGS="--help"
	@$(VENV)/python -m bench.growth $(ARGS)

bench-guard: setup  ## count instructions a message, compare with those kept; ARGS="--keep"
	@$(VENV)/python -m bench.guard $(ARGS)

overload: setup  ## crowds that mean no good beside an honest client; ARGS="--quick"
	@$(VENV)/python -m bench.overload $(ARGS)

crash: setup  ## kill the server under load, many times, and cut the power of its disk; ROUNDS=50
	@MAILRAIL_CRASH_ROUNDS=$${ROUNDS:-50} $(VENV)/pytest -m crash -s --timeout=3600 tests/crash

fuzz:  ## look for inputs that break a parser; TARGET=server SECONDS=300, by default each target for a minute
	@$(PYTHON) tools/setup.py fuzz
	@$(VENV)/python -m tests.fuzz $${TARGET:-all} --seconds $(or $(SECONDS),60)

sim: setup  ## simulate days of two servers among strangers, with crashes and outages; SEEDS=1000
	@$(VENV)/python -m mailrail.sim.campaign --seeds $${SEEDS:-1000} $(ARGS)

docs: setup  ## build the documentation, warnings are errors
	@$(VENV)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lock: setup  ## write the lock files anew; UPGRADE=1 takes the newest of everything
	@UPGRADE=$(UPGRADE) tools/setup_locks.sh

clean:  ## remove what was made here, the mail under .mailrail/spool excepted
	@rm -rf .venv .mailrail/peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/results docs/_build
