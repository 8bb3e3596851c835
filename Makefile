# make run: the whole pipeline at a size for 2 cores; make test: the quick tests; make test-slow: the others; make test-all: both;
# make slurm: go.slurm on a Slurm of its own; make bench: the ratios; make soak: the stages broken on purpose;
# make study study-best: the original study's set-up.
# Needs Python 3.11, make, a C++ compiler and CMake (for llama.cpp, built once and only for the export and GGUF files).

PYTHON ?= python3.11
PY := "$(CURDIR)/.venv/bin/python"
MODELS := "$(CURDIR)/models"
OFFLINE := HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error TOKENIZERS_PARALLELISM=false

# make run's choices (results/record.md): the base first learns to read from fresh series with their truth, then it goes on
# with the curated pairs. WORDS=both gives these in the teacher's words: 400 of them were too few to learn its words from.
# No format was shown to be better.
SERIES := 1070
POINTS := 48
FRESH := 24-48x1600
PAIRS := 400
FORMAT := thirds
WORDS := template
CHOICES := $(SERIES) $(POINTS) $(FRESH) $(PAIRS) $(FORMAT) $(WORDS)

STUDENT := SmolLM2-135M-Instruct
BASE := $(MODELS)/$(STUDENT).Q4_1.gguf
EMBEDDER := $(MODELS)/all-MiniLM-L6-v2
SCORING := --embedder $(EMBEDDER) --nli none
TRAIN := $(PY) ../qwen_train.py --model $(BASE) --out $(STUDENT) --fresh $(FRESH) --then-pairs $(PAIRS) --optimizer muon \
	--batch-size 4 --save-steps 100 --logging-steps 20 --validation 0 --eval-rows 96 --max-new-tokens 160 $(SCORING)

.PHONY: all env models sees llama programs run test test-slow test-all slurm bench soak study study-data study-best clean

all: run

env: .venv/ready
.venv/ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(PY) -m pip install -r requirements.txt
	touch $@

models: env
	$(PY) fetch.py smollm2 minilm converters

sees: models/SmolLM2-135M-Sees/tower.safetensors
# the base of the shipped student that sees: SmolLM2's own weights behind its tower
models/SmolLM2-135M-Sees/tower.safetensors: trained/SmolLM2-135M-Sees/tower.safetensors | env
	$(PY) fetch.py smollm2
	rm -rf $(@D)
	$(OFFLINE) $(PY) -m experiments.pretrain_tower --text $(BASE) --tower $< --out $(@D)
	touch $@

# llama.cpp's library; programs: llama-server and llama-cli as well
llama: env
	$(PY) fetch.py llama.cpp
programs: env
	$(PY) fetch.py llama-server

run: export HF_HUB_OFFLINE=1
run: export TRANSFORMERS_VERBOSITY=error
run: export TOKENIZERS_PARALLELISM=false
run: env models
	@[ -e build/llama/built.json ] || for tool in cmake "$${CXX:-c++}"; do PATH="$(CURDIR)/.venv/bin:$$PATH" command -v "$$tool" >/dev/null || \
		{ echo "make run needs $$tool for its export: install it first"; exit 2; }; done
	@mkdir -p run && { [ -e run/data.jsonl ] || echo "$(CHOICES)" > run/choices; }
	@[ "$$(cat run/choices 2>&1)" = "$(CHOICES)" ] || { echo "run/ holds a run with other choices: make clean first"; exit 2; }
	@date +%s > run/started
	@echo "== 1 of 8: simulate $(SERIES) series of $(POINTS) points"
	cd run && $(PY) ../ou_process.py --count $(SERIES) --points $(POINTS) --seed 0
	@echo "== 2 of 8: ask the simulated teacher"
	cd run && $(PY) ../mistral.py --dryrun
	@echo "== 3 of 8: curate"
	cd run && $(PY) ../curate.py
	@echo "== 4 of 8: convert, and compare gold with truth"
	cd run && $(PY) ../convert.py --format $(FORMAT) --words $(WORDS) $(SCORING)
	@echo "== 5 of 8: fine-tune $(STUDENT)"
	cd run && $(TRAIN)
	@echo "== 6 of 8: check the training"
	cd run/$(STUDENT) && $(PY) ../../ts_check_training.py $$(ls -v evaluation_checkpoint-*.json | tail -1) > check.txt
	@echo "== 7 of 8: export to GGUF"
	@$(MAKE) --no-print-directory llama
	cd run && $(PY) ../hf2gguf.py --lora $(STUDENT)/final --quant q4_K_M --rows 96 --min-equal 0 \
		--outfile $(STUDENT)/student-q4_K_M.gguf
	@echo "== 8 of 8: describe a real series with the GGUF"
	cd run && $(PY) ../describe.py ../examples/co2.csv --column ppm \
		--model $(STUDENT)/student-q4_K_M.gguf --plot $(STUDENT)/co2.png
	@echo "== summary"
	@cd run && $(TRAIN) | sed -n '/^on all rows/,$$p'
	@echo "chosen: fresh series $(FRESH), then $(PAIRS) curated pairs of $(POINTS) points (why: results/record.md)"
	@echo "page: run/$(STUDENT)/plotdiag/index.html"
	@echo "pictures: run/$(STUDENT)/training.png run/convert_diagnostics.png run/$(STUDENT)/co2.png"
	@echo "student: run/$(STUDENT)/student-q4_K_M.gguf"
	@echo "minutes: $$(( ($$(date +%s) - $$(cat run/started) + 30) / 60 ))"

# WORKERS test files at a time, a thread each, which does not spin while it waits
WORKERS := 2
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(OFFLINE) $(PY) -m pytest -q --durations=15
TEST := $(PYTEST) -n $(WORKERS) --dist loadfile --ignore tests/test_slurm.py tests
test: env models llama
	$(TEST) -m "not slow"
test-slow: env models sees programs
	$(TEST) -m slow
test-all: test test-slow

# go.slurm on a real Slurm of two nodes on this machine; needs root and Debian's slurm-wlm and munge
slurm: env models llama
	$(OFFLINE) $(PY) -m pytest -q --durations=15 tests/test_slurm.py

bench: env models llama
	$(OFFLINE) $(PY) -m experiments.bench

# the stages and the training broken on purpose for MINUTES; what was lost is counted. As root, full disks are real ones
MINUTES := 60
soak: env models
	$(OFFLINE) $(PY) -m experiments.soak --minutes $(MINUTES)

# the original study's set-up, with the simulated teacher: 220 series of 128 points, its curated sentences, evaluated every
# 20 steps. A tenth are test rows, and what a human should verify stays out: 163 rows are left to learn from, so that the
# study's 160 steps of 16 take 14.5 epochs where it had 13. study-best: the same steps and test rows, fresh series instead,
# each seen once, in the format of make run and one template. For a stand-in of the study's own model: python fetch.py qwen-coder;
# make study study-best STUDY=Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf
STUDY := $(STUDENT).Q4_1.gguf
LEARN := $(OFFLINE) $(PY) ../../qwen_train.py --model $(MODELS)/$(STUDY) --batch-size 16 --save-steps 20 \
	--validation 0 $(SCORING)
study-data: env models
	@mkdir -p run/study
	cd run/study && $(PY) ../../ou_process.py --count 220 --points 128 --seed 0
	cd run/study && $(PY) ../../mistral.py --dryrun
	cd run/study && $(PY) ../../curate.py
study: study-data
	cd run/study && $(PY) ../../convert.py --format study $(SCORING)
	cd run/study && $(LEARN) --epochs 14.5
study-best: study-data
	cd run/study && $(PY) ../../convert.py --format $(FORMAT) --words template --diagnostics 0 --out best.jsonl
	cd run/study && $(LEARN) --data best.jsonl --fresh 48x1280,128x1280 --out $(basename $(basename $(STUDY)))-best

clean:
	rm -rf run
