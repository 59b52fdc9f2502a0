# make run     the main job, from a raw corpus to an installed pipeline and output/report.html
# make test    the tests
#
# Settings, each optional:
#   DATASET=ncbi_disease    a file NAME.yml in configs/datasets       [sample]
#   ENCODER=…               folder or hub name of a BERT checkpoint   [assets/encoder]
#   GPU=0                   number of the GPU                         [none]
#   PRECISION=…             float32, bfloat16, int8 or auto           [auto]
#   LEARN_RATE=…            highest learning rate                     [0.0003; 5e-5 where ENCODER is given]
#   CONFIG=… SEED=…         training config, random seed
#   WORKFLOW=…              a workflow or command of project.yml      [all]
#   WORKERS=4               how many processes share the tests      [2]
#   PYTHON=python3.12       the Python that .venv is made with        [python3]

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
WORKFLOW ?= all

# The embedded encoder is small and learns fast; BERT-base does not.
ifneq ($(filter-out assets/encoder,$(ENCODER)),)
LEARN_RATE ?= 5e-5
endif

BIN := $(VENV)/bin
# PEP 517, for one of the tools for testing comes as source and its old way of installing itself is broken.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --use-pep517 -c constraints.txt
# pip shows its progress on a terminal, and only what matters in a log.
QUIET := $(shell test -t 2 || echo --quiet)
CUDA := $(filter-out -1,$(GPU))
EXTRAS := $(if $(CUDA),[cuda],)

VARS := $(if $(DATASET),--vars.dataset $(DATASET)) $(if $(ENCODER),--vars.encoder $(ENCODER)) \
	$(if $(GPU),--vars.gpu $(GPU)) $(if $(PRECISION),--vars.precision $(PRECISION)) \
	$(if $(LEARN_RATE),--vars.learn_rate $(LEARN_RATE)) $(if $(CONFIG),--vars.config $(CONFIG)) $(if $(SEED),--vars.seed $(SEED))

.DEFAULT_GOAL := help
.PHONY: help run test lint clean

help:
	@sed -n '/^$$/q;s/^# \{0,1\}//p' Makefile
	@echo "make lint    ruff and mypy"
	@echo "make clean   remove what the project has made, but not .venv and what was downloaded"

run: $(VENV)/installed$(if $(CUDA),-cuda)
	$(BIN)/python -m spacy project run $(WORKFLOW) . $(VARS)
	@echo "Done. Look at output/report.html, or load the pipeline yourself: README.md says how."

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed-dev
	$(BIN)/ruff check spacy_biobert tests scripts benchmarks
	$(BIN)/mypy

clean:
	rm -rf corpus kb training packages metrics output .env-* project.lock build *.egg-info

# An environment that a broken run left half-made is made anew: the stamps are written last.
$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Python 3.10 to 3.13 is needed, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) …"
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# setuptools, wheel and build make the wheels later on.
$(VENV)/installed $(VENV)/installed-cuda: $(VENV)/made setup.cfg pyproject.toml constraints.txt
	@echo "Installing spacy_biobert and what it needs into $(VENV): a minute or two …"
	$(PIP_INSTALL) $(QUIET) setuptools wheel build -e ".$(EXTRAS)"
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what tests and lint need …"
	$(PIP_INSTALL) $(QUIET) -e ".[dev]"
	@touch $@
