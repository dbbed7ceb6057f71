# Two commands matter: `make run` starts Quick Edit, `make test` runs all tests. Each sets up what it needs by itself.
PYTHON ?= $(or $(wildcard .venv/bin/python),python3)
PYTEST ?= tests
# Tests that mostly wait for processes of their own, and none of which measures how fast the machine is: two files at a time.
TOGETHER = tests/unit tests/contract tests/runner tests/sandbox tests/web
SETUP = $(PYTHON) scripts/setup.py
BIN = .venv/bin

.PHONY: help run test check bench soak generate clean
.NOTPARALLEL:

help:
	@echo "make run      set up what is missing, start everything, print one URL"
	@echo "make test     all tests (one part: make test PYTEST=tests/unit)"
	@echo "make check    lint, formatting, types, generated files, layers"
	@echo "make bench    the benchmarks, one table (one part: make bench BENCH=children)"
	@echo "make soak     the long runs: 20,000 schedules of sync and more, faults at full size, a minute in two browsers (half an hour)"
	@echo "make generate write the generated files anew"
	@echo "make clean    remove what set-up and builds have made; .data stays"

run:
	@$(SETUP) run
	@exec $(BIN)/quickedit up

test:
	@$(SETUP) test
	@$(SETUP) npm test
ifeq ($(PYTEST),tests)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart=0 $(TOGETHER)
	@exec $(BIN)/python -m pytest tests $(TOGETHER:%=--ignore=%)
else
	@exec $(BIN)/python -m pytest $(PYTEST)
endif

check:
	@$(SETUP) check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m quickedit.wire.typescript --check
	@$(SETUP) npm run check
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_tree.py

bench:
	@$(SETUP) test
	@exec $(BIN)/python -m bench.run $(BENCH)

soak:
	@$(SETUP) test
	@SOAK=1 SYNC_SCHEDULES=20000 SYNC_SEED=100000 $(BIN)/python -m pytest -o faulthandler_timeout=3600 \
		tests/unit/rooms tests/web/test_faults.py tests/web/test_outages.py tests/web/test_server.py tests/e2e/test_together.py
	@QUICKEDIT_SEEDS=1500 $(SETUP) npm test -- --testTimeout=1800000 tests/real-rules.test.ts tests/convergence.test.ts

generate:
	@$(SETUP) check
	$(BIN)/python -m quickedit.wire.typescript

clean:
	rm -rf .venv .venv-worker frontend/node_modules frontend/dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
