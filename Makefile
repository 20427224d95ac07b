# Each target sets up what it needs, in .venv, and does that again only when pyproject.toml has changed.
# Needed: make, and a Python >= 3.10 with venv. Another one than the first that fits: make PYTHON=python3.12 test

.PHONY: help demo test check docs bench fuzz model sim mutants chaos clean
.DEFAULT_GOAL := help

PYTHON ?=
RUN := .venv/bin/python -m
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:
	@echo 'make demo    talk to the demo bot'
	@echo 'make test    run the tests'
	@echo 'make check   lint, format and types'
	@echo 'make docs    the documentation, into build/site (ARGS=serve: and look at it)'
	@echo 'make bench   how fast it is, beside others on the same Redis (ARGS="compare --quick"; parts: benchmarks/README.md)'
	@echo 'make fuzz    hostile requests, ten thousand of them (ARGS="--count 1000000")'
	@echo 'make model   the stores against a model of them, a hundred thousand operations each (ARGS="--store redis --seed 1")'
	@echo 'make sim     the turn protocol in worlds where everything breaks (ARGS="0 100000 --jobs 2", or "--trace 17")'
	@echo 'make mutants each rule of the turn protocol, broken on purpose, must be noticed (ARGS="--only lease")'
	@echo 'make chaos   real workers that are killed, on a real Redis, a Cluster, behind Sentinels, and on SQLite (ARGS="--users 50 --store redis")'
	@echo 'make clean   remove .venv, .venv-peers and what tools left'

demo: .venv/has-server
	@$(RUN) wechat demo $(ARGS)

test: .venv/has-test
	@$(RUN) pytest $(ARGS)

check: .venv/has-check
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) mypy
	@.venv/bin/basedpyright

docs: .venv/has-docs
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs $(or $(ARGS),build --strict)

bench: .venv/has-test .venv-peers/made
	@.venv/bin/python benchmarks/run.py $(ARGS)

fuzz: .venv/has-test
	@.venv/bin/python tests/hostile.py $(ARGS)

model: .venv/has-test
	@.venv/bin/python tests/model.py $(ARGS)

sim: .venv/has-test
	@cd tests && ../.venv/bin/python -m simulation $(or $(ARGS),0 20000 --jobs 2)

mutants: .venv/has-test
	@cd tests && ../.venv/bin/python -m simulation.mutants $(ARGS)

chaos: .venv/has-test
	@cd tests && ../.venv/bin/python -m chaos $(ARGS)

clean:
	rm -rf .venv .venv-peers build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The package itself, editable, with one of its extras.
.venv/has-%: .venv/made pyproject.toml
	@echo 'Installing wechat-dialog[$*] into .venv …'
	@$(RUN) pip install --quiet --editable '.[$*]'
	@touch $@

# Those that it is compared with, and it, with the same versions of what they share: in an environment of their own.
.venv-peers/made: .venv/made pyproject.toml benchmarks/peers.txt
	@echo 'Installing what it is compared with into .venv-peers …'
	@rm -rf .venv-peers && .venv/bin/python -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --requirement benchmarks/peers.txt --editable '.[server,redis]'
	@touch $@

# A name on the path may be a shim with nothing behind it, and a Debian Python may lack what makes a venv: ask each.
.venv/made:
	@set -e; old=; bare=; \
	for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3.10 python3 python); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { old="$$old $$python"; continue; }; \
	  $$python -c 'import venv, ensurepip' 2>/dev/null || { bare=$$python; continue; }; \
	  echo "Making .venv with $$($$python --version) …"; \
	  rm -rf .venv; $$python -m venv .venv || { rm -rf .venv; exit 1; }; \
	  touch $@; exit 0; \
	done; \
	if [ -n "$$bare" ]; then \
	  echo "$$bare cannot make a virtual environment: its venv or ensurepip is missing. On Debian and Ubuntu: sudo apt install python3-venv"; \
	else \
	  echo "No Python >= 3.10 found (looked for:$$old). Install one, or name it: make PYTHON=/path/to/python3 test"; \
	fi >&2; exit 1
