# The project's commands. Set a variable on the command line: make serve PORT=9000

HOST ?= $(if $(DOMAIN),0.0.0.0,127.0.0.1)## address of page and API; 0.0.0.0 opens them to the network (default: 127.0.0.1; with DOMAIN 0.0.0.0)
PORT ?= $(if $(DOMAIN),443,8000)## port of page and API (default: 8000; with DOMAIN 443)
HOSTS ?=## names it may be asked by, beside IP addresses and localhost
ACCESS_KEY ?=## who predicts must send it: Authorization: Bearer KEY
DOMAIN ?=## speak TLS as this name, with a certificate of Let's Encrypt
CERTIFICATE ?=## ... or with this one (a PEM file), and its key in
PRIVATE_KEY ?=## ... (default: the same file)
PRECISION ?= fp32## fp32: the answers of PyTorch; int8: nearly, at over twice the speed
WEIGHTS ?= $(firstword $(wildcard ../shared/weights/*.pth))## state dict of a torchvision resnet18 (default: ../shared/weights, else torchvision's own)
LABELS ?= handler/imagenet_classes.tsv## the classes' names, one a line
VERSION ?= 1.0## of the model in the archive
CALIBRATION ?= $(wildcard ../shared/images)## int8: folder of pictures to calibrate with (default: ../shared/images, else the samples)
MODEL_API ?=## 1: archives can be rolled out while the service runs (scripts/manage.py)
ACCESS_LOG ?=## 1: a line for each prediction, not only for what fails (make trace reads them)
WORKERS ?=## workers (default: 1, which uses all cores)
THREADS ?=## threads of a worker (default: all cores)
MINUTES ?= 30## of the soak
ARGS ?=## of make trace
TORCH_INDEX ?=## package index for torch and torchvision alone
PYTHON ?= $(shell command -v python3.11 || command -v python3)## Python 3.11, for the set-up

# A prerequisite that does not exist would take the rule with it, and the old archive would be served.
$(foreach name,WEIGHTS LABELS CALIBRATION,$(if $($(name)),$(if $(wildcard $($(name))),,$(error $(name)=$($(name)): there is no such file))))

RUN := .venv/bin/python -m
ARCHIVE := model_store/resnet18-$(PRECISION).mar
SOURCES := $(shell find handler -name '*.py' -o -name '*.yaml') $(wildcard web_client/samples/*.jpg) \
	$(addprefix scripts/packaging/,build_archive.py calibration.py export_ncnn.py export_openvino.py reference.py weights.py)
SERVICE = --host $(HOST) --port $(PORT) --archive $(ARCHIVE) \
	$(if $(WORKERS),--workers $(WORKERS)) $(if $(THREADS),--threads $(THREADS)) \
	$(if $(MODEL_API),--model-api) $(if $(ACCESS_LOG),--access-log) \
	$(if $(HOSTS),--hosts '$(HOSTS)') $(if $(DOMAIN),--domain $(DOMAIN)) \
	$(if $(CERTIFICATE),--certificate '$(CERTIFICATE)') $(if $(PRIVATE_KEY),--private-key '$(PRIVATE_KEY)')
export ACCESS_KEY

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## this text
	@echo 'make TARGET [VARIABLE=value]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' Makefile
	@echo 'Variables'
	@awk -F ' \\?= ?|## ' '/^[A-Z_]+ \?=.*## / {printf "  %-12s %s\n", $$1, $$NF}' Makefile

.PHONY: serve start stop status scale versions rollout rollback trace
serve: $(ARCHIVE) ## run the service until Ctrl-C
	@$(RUN) scripts.service serve $(SERVICE)

start: $(ARCHIVE) ## run it in the background
	@$(RUN) scripts.service start $(SERVICE)

stop: .venv/.installed ## stop it
	@$(RUN) scripts.service stop

status: .venv/.installed ## versions, workers and their state
	@$(RUN) scripts.manage status

scale: .venv/.installed ## change the number of workers: make scale WORKERS=3
	@$(if $(WORKERS),$(RUN) scripts.manage scale $(WORKERS),echo 'How many? make scale WORKERS=3' >&2; exit 1)

versions: .venv/.installed ## what is loaded, and what rollback would bring back
	@$(RUN) scripts.manage versions

rollout: .venv/.installed ## another archive in the place of the one that is served: make rollout ARCHIVE=new.mar
	@$(RUN) scripts.manage rollout '$(ARCHIVE)'

rollback: .venv/.installed ## back to what the last rollout replaced
	@$(RUN) scripts.manage rollback

trace: .venv/.installed ## where the time of a request goes; of others: make trace ARGS='--slowest 3'
	@$(RUN) scripts.trace $(ARGS)

.PHONY: archive
archive: $(ARCHIVE) ## build model_store/resnet18-PRECISION.mar

model_store/resnet18-%.mar: model_store/.settings-% $(SOURCES) $(WEIGHTS) $(LABELS) requirements.txt | .venv/.installed
	$(RUN) scripts.build_archive --precision $* $(if $(WEIGHTS),--weights '$(WEIGHTS)') \
		--labels '$(LABELS)' --version '$(VERSION)' $(if $(CALIBRATION),--calibration '$(CALIBRATION)') --output $@

# Other WEIGHTS or LABELS change no time stamp of a file: this one is rewritten when they change.
.PRECIOUS: model_store/.settings-%
model_store/.settings-%: SETTINGS = $(WEIGHTS) $(LABELS) $(VERSION) $(if $(filter int8,$*),$(CALIBRATION))
model_store/.settings-%: FORCE
	@echo '$(SETTINGS)' | cmp -s - $@ || echo '$(SETTINGS)' > $@
FORCE:

.PHONY: test test-all lint format
test: .venv/.installed-dev model_store/resnet18-fp32.mar model_store/resnet18-int8.mar ## everything CI runs
	@$(RUN) scripts.development.find_tools > /dev/null
	$(RUN) pytest

test-all: test soak ## and for longer: large pictures for minutes, 200,000 fuzzed inputs, the soak
	SECONDS_OF_LARGE_PICTURES=60 $(RUN) pytest -s -m 'long or not long' -k 'large_pictures or thousand or too_long'
	$(RUN) tests.handler.fuzz --inputs 200000

.PHONY: bench
bench: .venv/.installed-bench model_store/resnet18-fp32.mar model_store/resnet18-int8.mar ## measure it beside a bare loop and other servers (FULL=1: more connections)
	@command -v wrk > /dev/null || { echo 'bench needs wrk: apt-get install wrk' >&2; exit 1; }
	$(RUN) benchmarks.run $(if $(FULL),--full) $(if $(WEIGHTS),--weights '$(WEIGHTS)') \
		$(if $(CALIBRATION),--pictures '$(CALIBRATION)')

.PHONY: soak
soak: .venv/.installed-bench $(ARCHIVE) ## mixed traffic for MINUTES=30; fails on what rises
	$(RUN) benchmarks.soak --minutes $(MINUTES) --precision $(PRECISION) \
		$(if $(CALIBRATION),--pictures '$(CALIBRATION)')

.PHONY: pictures
pictures: .venv/.installed-dev ## of the page, for the README, from the running service; the samples' thumbnails
	$(RUN) scripts.development.screenshots

.PHONY: dashboard
dashboard: .venv/.installed-bench $(ARCHIVE) ## the monitoring dashboard's panels as a picture, from minutes of real traffic
	@$(RUN) scripts.development.find_tools prometheus > /dev/null
	$(RUN) benchmarks.dashboard --precision $(PRECISION) $(if $(CALIBRATION),--pictures '$(CALIBRATION)')

lint: .venv/.installed-dev ## style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv/.installed-dev ## put the sources into their style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.venv/.installed: requirements.txt
	$(PYTHON) scripts/set_up.py .venv $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))
	@touch $@

.venv/.installed-%: requirements-%.txt .venv/.installed
	$(PYTHON) scripts/set_up.py .venv --requirements $< $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))
	@touch $@
