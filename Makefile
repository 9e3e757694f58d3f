# The project's commands. A variable reaches a command through the environment, where make puts what it is
# given; scripts/development/variables.py knows each, refuses others, and lists them for `make help`.

ifeq ($(wildcard scripts/service.py),)
$(error make works in the checkout alone. From elsewhere: make -C CHECKOUT $(MAKECMDGOALS))
endif

# Other Pythons' settings are none of this one's; whatever the locale is, paths may have any letter.
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP
export PYTHONUTF8 := 1

# The first that will do (scripts/__init__.py says which do). What is set up goes on with its own.
PYTHON ?= $(or $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import scripts' 2> /dev/null && echo "$$name" && break; done),$(shell command -v python3),$(error \
	There is no Python: install 3.11, 3.12, 3.13 or 3.14 (on Debian and Ubuntu: apt install python3-venv)))
RUN := .venv/bin/python -m
OWN := $(if $(wildcard .venv/bin/python),$(shell .venv/bin/python -c '' 2> /dev/null && echo .venv/bin/python))
EARLY = $(or $(OWN),$(PYTHON)) -m# before there is an environment

# Next to the checkout, if they are there.
WEIGHTS ?= $(firstword $(wildcard ../shared/weights/*.pth))
CALIBRATION ?= $(wildcard ../shared/images)
$(foreach name,WEIGHTS CALIBRATION,$(if $($(name)),$(eval export $(name))))

# As parts of file names: what else is in them is refused before a file is made.
filename = $(shell printf %s '$(subst ','\'',$(1))' | tr -cd 'A-Za-z0-9._-')
# Some systems have a NAME of their own in the environment: the computer's.
ifneq ($(origin NAME),command line)
NAME := $(or $(MODEL),resnet18)
unexport NAME
endif
PRECISION ?= fp32
BUILT := model_store/$(call filename,$(NAME))$(if $(filter resnet18,$(NAME)),-$(call filename,$(PRECISION))).mar
ifeq ($(origin ARCHIVE),undefined)
ARCHIVE := $(BUILT)
export ARCHIVE
else
BUILT :=# somebody else's, or built by `make archive` alone
endif

# MODELS may leave out the one that `make archive` builds; what was taught is not built.
comma := ,
SERVED := $(if $(wildcard model_store/$(call filename,$(NAME))/report.json),,$(if $(MODELS),$(if $(filter $(NAME),$(subst $(comma), ,$(MODELS))),$(BUILT)),$(BUILT)))

PICTURES = $(if $(CALIBRATION),--pictures "$$CALIBRATION")# for benchmarks
if_on = $(if $(filter 1 yes true on,$(1)),$(2))

GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
$(foreach name,$(GIVEN),$(if $(findstring $$,$(value $(name))),$(error $(name): make reads a $$ as a variable of its \
	own. Put the value into the environment: $(name)=… make …)))
check = @$(EARLY) scripts.development.variables check '$(1)' $(GIVEN)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: checked-names ## show this help
	@echo 'make TARGET [VARIABLE=value]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile
	@echo 'Variables'
	@$(EARLY) scripts.development.variables help

.PHONY: checked-for-serving checked-for-packaging checked-for-work checked-names
checked-for-serving: ; $(call check,serving packaging$(if $(BUILT),, archive))
checked-for-packaging: ; $(call check,packaging)
checked-for-work: ; $(call check,work)
checked-names: ; $(call check,)

.PHONY: serve start stop status scale versions rollout rollback default unload rotate-keys trace
# Certificates from Let's Encrypt need a client.
ACME := $(if $(DOMAIN),$(if $(CERTIFICATE),,.venv/.installed-acme))

serve: checked-for-serving $(SERVED) .venv/.installed $(ACME) ## run the service until Ctrl-C
	@$(RUN) scripts.service serve

start: checked-for-serving $(SERVED) .venv/.installed $(ACME) ## run the service in the background
	@$(RUN) scripts.service start

# What was never set up does not run.
if_set_up = @$(if $(wildcard .venv/.installed),$(RUN) $(1),echo 'The service is not running: nothing is set up yet'$(2))

stop: checked-names ## stop the service
	$(call if_set_up,scripts.service stop)

status: checked-names ## versions, workers and their state
	$(call if_set_up,scripts.manage status,; exit 1)

# Of several models.
NAMED = $(if $(filter command,$(firstword $(origin NAME))),--name "$$NAME")

scale: checked-names .venv/.installed ## change the number of workers: make scale WORKERS=3 NAME=a
	@$(RUN) scripts.manage scale $(NAMED)

versions: checked-names .venv/.installed ## loaded versions, and the one a rollback would restore
	@$(RUN) scripts.manage versions

rollout: checked-names .venv/.installed ## replace the served archive with another, or add a model: make rollout ARCHIVE=new.mar
	@$(if $(BUILT),env -u ARCHIVE) $(RUN) scripts.manage rollout

rollback: checked-names .venv/.installed ## undo the last change of the default version
	@$(RUN) scripts.manage rollback $(NAMED)

default: checked-names .venv/.installed ## make a loaded version the default: make default VERSION=2.0
	@$(RUN) scripts.manage default $(NAMED)

unload: checked-names .venv/.installed ## unload a version that is not the default: make unload VERSION=2.0
	@$(RUN) scripts.manage unload $(NAMED)

rotate-keys: checked-names .venv/.installed ## new keys while it runs; the access key before stays valid for 10 minutes
	@$(RUN) scripts.manage rotate-keys

trace: checked-names .venv/.installed ## where a request's time goes; for past requests: make trace ARGS='--slowest 3'
	@$(RUN) scripts.trace $(NAMED) $(ARGS)

SOURCES := $(shell find handler -name '*.py' -o -name '*.yaml') $(wildcard scripts/packaging/*.py web_client/samples/*.jpg)

.PHONY: archive
archive: checked-for-packaging $(BUILT) .venv/.installed-build ## build model_store/NAME.mar, resnet18-PRECISION.mar, or ARCHIVE=file.mar
	@$(if $(BUILT),,$(RUN) scripts.build_archive --output "$$ARCHIVE")

model_store/%.mar: model_store/.recipe-% $(SOURCES) requirements.txt requirements-build.txt | .venv/.installed-build
	@$(call of,$*) $(RUN) scripts.build_archive --output $@

# What the archive is made of changes no time stamp of a prerequisite: this file is rewritten when it changes.
.PRECIOUS: model_store/.recipe-%
model_store/.recipe-%: FORCE
	@$(call of,$*) $(EARLY) scripts.packaging.recipe $@
FORCE:
# What the names of ImageNet's archives say.
of = $(if $(filter resnet18-fp32 resnet18-int8,$(1)),env -u MODEL NAME=resnet18 PRECISION=$(lastword $(subst -, ,$(1))))

.PHONY: teach checked-for-teaching
checked-for-teaching: ; $(call check,teaching)

# It starts from ImageNet's archive, whose version and labels are none of this model's.
teach: checked-for-teaching .venv/.installed-teach ## teach a model your own classes: make teach DATA=folder [NAME=mine]
	@env -u MAKEFLAGS -u VERSION -u LABELS $(MAKE) --no-print-directory model_store/resnet18-$(PRECISION).mar
	@$(RUN) scripts.teach $(ARGS)

.PHONY: evaluate
evaluate: checked-for-work .venv/.installed-teach ## judge a model on labelled pictures: make evaluate DATA=folder NAME=resnet18
	@$(if $(BUILT),env -u ARCHIVE) $(RUN) scripts.evaluate $(if $(BUILT),--built $(BUILT)) $(ARGS)

.PHONY: duplicates checked-for-duplicates
checked-for-duplicates: ; $(call check,duplicates work packaging)

# Only ImageNet's archive is built for it; one that was taught is not built anew.
duplicates: checked-for-duplicates $(if $(filter resnet18,$(NAME)),$(BUILT)) .venv/.installed-teach ## find pictures that are in a folder more than once: make duplicates DATA=folder
	@$(RUN) scripts.duplicates $(ARGS)

.PHONY: check quick-tests test test-all test-fresh lint format
check: checked-names .venv/.installed-dev model_store/resnet18-fp32.mar ## style, types, and every test that needs no started service or browser
	@$(MAKE) --no-print-directory -j2 --output-sync lint quick-tests

quick-tests: checked-names
	@OMP_NUM_THREADS=1 $(RUN) pytest -q -n 2 -m 'not started and not slow and not long and not undisturbed'

test: checked-for-packaging lint .venv/.installed-dev model_store/resnet18-fp32.mar model_store/resnet18-int8.mar ## run everything CI runs
	@$(RUN) scripts.development.find_tools > /dev/null
	OMP_NUM_THREADS=1 $(RUN) pytest -q -n 2 --dist loadfile -m 'not undisturbed and not long'
	$(RUN) pytest -q -m 'undisturbed and not long'

test-all: checked-names test soak ## the same for longer: large pictures for a minute, 200,000 fuzzed inputs, the soak
	SECONDS_OF_LARGE_PICTURES=60 SECONDS_OF_READINESS=60 $(RUN) pytest -s -m 'long or not long' -k 'large_pictures or flips'
	$(RUN) pytest -s -m long -k 'not large_pictures'
	$(RUN) tests.handler.fuzz --inputs 200000

test-fresh: checked-names ## try the README's commands on a minimal Debian 12 and 13, as an ordinary user of them (needs root)
	@$(EARLY) scripts.development.fresh_machine $(ARGS)

.PHONY: bench bench-quick bench-ready checked-for-wrk
bench: bench-ready ## compare the service with a bare loop and other servers (FULL=1: also more connections, larger pictures, more models)
	$(RUN) benchmarks.run $(MEASURED_WITH)
	$(call if_on,$(FULL),$(RUN) benchmarks.growth $(MEASURED_WITH))

bench-quick: bench-ready ## the ratios that count, in six minutes; fails where one misses what is required
	@$(RUN) benchmarks.quick $(MEASURED_WITH)

MEASURED_WITH = $(if $(WEIGHTS),--weights "$$WEIGHTS") $(PICTURES)
bench-ready: checked-for-work checked-for-packaging checked-for-wrk .venv/.installed-bench model_store/resnet18-fp32.mar model_store/resnet18-int8.mar
	@$(RUN) benchmarks.rivals.triton.environment

checked-for-wrk:
	@command -v wrk > /dev/null || { echo 'bench needs wrk: apt-get install wrk' >&2; exit 1; }

.PHONY: soak
soak: checked-for-work checked-for-packaging .venv/.installed-bench $(BUILT) ## mixed traffic for MINUTES=30; fails if memory or another measure rises
	$(RUN) benchmarks.soak --minutes $(or $(MINUTES),30) --precision $(PRECISION) $(PICTURES)

.PHONY: pictures
pictures: checked-names .venv/.installed-dev ## take the README's screenshots of the running service, and make the samples' thumbnails
	$(RUN) scripts.development.screenshots

.PHONY: dashboard
dashboard: checked-for-packaging .venv/.installed-bench $(BUILT) ## draw the monitoring dashboard's panels after a few minutes of real traffic
	@$(RUN) scripts.development.find_tools prometheus > /dev/null
	$(RUN) benchmarks.dashboard --precision $(PRECISION) $(PICTURES)

lint: checked-names .venv/.installed-dev ## check style and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(RUN) mypy

format: checked-names .venv/.installed-dev ## format the sources
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

.PHONY: clean clean-all
clean: checked-names ## remove what was built and written: archives, logs, run directory; never what is yours
	@$(EARLY) scripts.development.clean

clean-all: checked-names ## the same, and the environments: .venv, Triton's
	@$(EARLY) scripts.development.clean --all

SET_UP = $(if $(filter command environment,$(firstword $(origin PYTHON))),$(PYTHON),$(or $(OWN),$(PYTHON))) -m scripts.set_up

.venv/.installed: requirements.txt
	@$(SET_UP) .venv serve

.venv/.installed-%: requirements-%.txt .venv/.installed
	@$(SET_UP) .venv $*

.venv/.installed-dev .venv/.installed-bench .venv/.installed-teach: .venv/.installed-build
.venv/.installed-dev: .venv/.installed-teach
