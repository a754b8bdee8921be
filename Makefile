# `make` alone lists the verbs.

VENV := .venv
PY := $(VENV)/bin/python
# The first interpreter that is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
# The tools of the JavaScript client, and the SDKs of other products that the tests post with.
NODE_PACKAGES := clients/javascript tests/clients/sdk
NODE_MODULES := $(NODE_PACKAGES:%=%/node_modules/.package-lock.json)
# Where another version of a package is installed that the environment has already.
OLDER := $(VENV)/older/.installed
BUNDLE := static/build/.built
BUNDLE_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' 2>/dev/null)

# Settings as of a production, for the checks that depend on them.
PRODUCTION := PUBLIC_URL=https://kpi.example.com TRUSTED_PROXIES=10.0.0.0/8 HOST=0.0.0.0 DEBUG=false

.DEFAULT_GOAL := help
.PHONY: help run test lint fix docs messages bench faults bundle

help:  ## This list
	@echo 'make <verb>, where the verb is one of'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-8s %s\n", $$1, $$2 }'

run: $(INSTALLED) bundle  ## Start the portal at http://127.0.0.1:8000 (DEMO=0: without demo data; PORT=8001: elsewhere)
	@exec $(PY) manage.py portal

test: $(INSTALLED_DEV) bundle $(NODE_MODULES) $(OLDER)  ## Run the tests on SQLite, then on PostgreSQL if one answers (ARGS='tests/kpis -k day')
	@scripts/with-node $(PY) $(PY) -m tests.run $(ARGS)

lint: $(INSTALLED_DEV)  ## Check style, types, migrations, pins, settings and the API's description
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) manage.py makemigrations --check --dry-run
	env $(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING
	$(PY) manage.py export_clients --check
	$(PY) manage.py export_rules --check
	$(PY) manage.py export_families --check
	$(PY) manage.py export_dashboards --check
	cd clients/python && $(abspath $(PY)) -m mypy
	$(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null
	@! grep -nEv '^(#|$$|-r |[A-Za-z0-9_.-]+(\[[a-z,]+\])?==[0-9A-Za-z.]+$$)' requirements*.txt \
		|| { echo 'Pin these requirements with ==.'; exit 1; }

fix: $(INSTALLED_DEV)  ## Fix what the linter can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

docs: $(INSTALLED)  ## Write what follows from the plan, the KPIs and the metrics anew: docs, clients, dashboards, rules
	$(PY) manage.py export_clients
	$(PY) manage.py export_families
	$(PY) manage.py export_rules
	$(PY) manage.py export_dashboards
	$(PY) -m tests.clients.sdk.table

messages: $(INSTALLED_DEV)  ## Write the catalogues of texts anew (locale/), with what is new and without what is gone
	$(PY) -m tests.languages

bench: $(INSTALLED_DEV) bundle  ## Measure, and print ratios
	@$(PY) -m benchmarks $(ARGS)

faults: $(INSTALLED_DEV) bundle  ## Break portals in many ways, and print what was lost (ARGS='disk-full bombs')
	@$(PY) -m faults $(ARGS)

bundle: $(BUNDLE)

$(INSTALLED): requirements.txt
	@test -n '$(PYTHON)' || { echo 'The portal needs Python 3.11 or newer; none was found. Set PYTHON=…'; exit 1; }
	@echo 'Installing into $(VENV).'
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	@echo 'Installing the tools for tests and checks.'
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Without what they need: the environment has that.
$(OLDER): requirements-older.txt | $(INSTALLED)
	@echo 'Installing the older packages that the tests post with.'
	@rm -rf $(@D)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) -r $<
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json | $(INSTALLED)
	@echo 'Installing the packages of $*.'
	@scripts/with-node $(PY) npm ci --prefix $* --no-audit --no-fund --loglevel=error
	@touch $@

$(BUNDLE): $(BUNDLE_SOURCES) | $(INSTALLED)
	@scripts/build-frontend $(PY)
	@mkdir -p $(@D) && touch $@
