# Needs python3 ≥ 3.11 with pip, and make. Everything else is installed in .tools and .venv.
SHELL := /bin/bash
PYTHON ?= python3
UV := PYTHONPATH=.tools $(PYTHON) -m uv
RUN := .venv/bin/python

.PHONY: security audit advisories sbom fuzz test-browser demo demo-reset test journey bench soak quality lock vendor clean install

install: .venv/.installed

.tools/.installed:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv==0.13.9
	@touch $@

.venv/.installed: .tools/.installed requirements/dev.txt
	@test -x .venv/bin/python || $(UV) venv --quiet .venv
	$(UV) pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt
	@touch $@

demo: install ## The demonstration hospital, on http://localhost:8000
	@$(RUN) -m gap.supervisor --var .var/demo demo

demo-reset: install ## The same, from an empty hospital
	@$(RUN) -m gap.supervisor --var .var/demo demo --reset

test: install ## The whole suite
	$(RUN) -m gap.supervisor --var .var/test with --scratch -- .venv/bin/pytest -n 2 --dist loadscope --no-loadscope-reorder

test-browser: install ## Whole journeys in Chromium, with scanner key strokes and axe on every screen
	$(RUN) -m gap.supervisor --var .var/browser with --scratch -- .venv/bin/pytest -n 2 tests/browser

journey: install ## From a scanned card to a paid invoice, without a browser
	@$(RUN) -m gap.supervisor --var .var/journey with --scratch -- $(RUN) -m bench.journey

bench: install ## Ratios, printed and written to bench/results/
	@$(RUN) -m gap.supervisor --var .var/bench with --scratch -- $(RUN) -m bench

security: install ## Everything that holds the promises of docs/security.md, as one table
	@$(RUN) -m gap.supervisor --var .var/security with --scratch -- $(RUN) -m bench.security

soak: install ## The engine under random faults for some minutes, then what both sides remember is compared
	@GAP_VAR_DIR=.var $(RUN) -m bench.soak

quality: install ## Format, lint, templates, types, floors, migrations
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/djlint --lint --quiet templates
	.venv/bin/lint-imports
	$(RUN) -m supply audit
	$(RUN) -m supply sbom --check
	$(RUN) -m gap.supervisor --var .var/quality with --scratch -- bash -c ".venv/bin/mypy && $(RUN) manage.py makemigrations --check --dry-run && $(RUN) -m supply migrations && $(RUN) manage.py check"

audit: install ## What is publicly known against the locked packages, from the copy in requirements/ (no network)
	$(RUN) -m supply audit

advisories: install ## Renew that copy: FROM="clones of pypa/advisory-database and github/advisory-database"
	$(RUN) -m supply advisories $(FROM)

sbom: install ## The list of the components (CycloneDX), in docs/
	$(RUN) -m supply sbom

fuzz: install ## Every parser, guided by what it covers, and every operation of the API, for some minutes: SECONDS=300
	$(UV) pip install --quiet --python .venv/bin/python --require-hashes -r requirements/fuzz.txt
	$(RUN) -m gap.supervisor --var .var/fuzz with --scratch -- $(RUN) -m bench.fuzz --seconds $(or $(SECONDS),300)

lock: .tools/.installed ## Rebuild the lock files (needs a registry)
	$(UV) pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 -q -o requirements/base.txt
	$(UV) pip compile pyproject.toml --extra embedded --extra dev --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 -q -c requirements/base.txt -o requirements/dev.txt
	$(UV) pip compile requirements/fuzz.in --universal --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 -q -c requirements/dev.txt -o requirements/fuzz.txt

vendor: install ## Rebuild static/vendor and the icons from npm
	npm ci --ignore-scripts
	$(RUN) -m gap.supervisor --var .var/quality with --scratch -- $(RUN) manage.py vendor_assets

clean:
	rm -rf .venv .tools .var node_modules staticfiles
