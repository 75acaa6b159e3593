#!/usr/bin/env bash
# Everything that a CUDA machine can tell about lpt, unattended, in about nine minutes:
#
#   make setup && tools/gpu/run.sh OUT           PYTHON=python3 takes another Python than .venv's
#   DEVICE=cpu tools/gpu/run.sh OUT              rehearsal with tiny sizes
#   python -m tools.gpu.tables OUT --write docs/benchmarks.md
#
# A step that fails or takes too long does not stop the others. OUT has a file for the output of
# each step, its JSON, and steps.csv with exit codes and seconds.
set -u
cd "$(dirname "$0")/../.."
out=${1:?give a folder for the results}
device=${DEVICE:-cuda}
python=${PYTHON:-.venv/bin/python}
mkdir -p "$out"
out=$(cd "$out" && pwd)
export PYTHONPATH="$PWD/src:$PWD" PYTHONUNBUFFERED=1 LPT_TEST_DEVICE=$device

if [ "$device" = cpu ]; then
  large=vit_tiny_patch8_64 small=vit_tiny_patch8_64 batch=4 repeats=1 precision=float32
  epoch=(--images 40 --classes 4 --batch 8 --workers 1)
  serve_batch=4 patience=5
else
  large=random:vit_base_patch16_224 small=random:vit_small_patch16_224
  batch=256 repeats=7 precision=bf16 epoch=() serve_batch=64 patience=1
fi

echo "step,exit_code,seconds" > "$out/steps.csv"
failed=0
step() { # NAME SECONDS COMMAND...
  local name=$1 limit=$2 began=$SECONDS code
  shift 2
  echo "== $name"
  timeout $((limit * patience)) "$@" > "$out/$name.out" 2> "$out/$name.err"
  code=$?
  echo "$name,$code,$((SECONDS - began))" >> "$out/steps.csv"
  if [ $code -ne 0 ]; then
    failed=1
    tail -5 "$out/$name.err" "$out/$name.out"
  fi
}
as_json() { # NAME SECONDS COMMAND... whose output is JSON
  step "$@"
  mv "$out/$1.out" "$out/$1.json"
}
lpt=("$python" -m lpt)

step doctor 60 "${lpt[@]}" doctor
step tests 180 "$python" -m pytest -q -p no:cacheprovider tests/training/test_any_device.py
as_json bench_large 180 "${lpt[@]}" bench --device "$device" --backbone "$large" --batch $batch \
  --precision $precision --repeats $repeats --json
step epoch 150 "$python" -m tools.gpu.epoch "$out/epoch.json" --device "$device" \
  --backbone "$large" --precision $precision "${epoch[@]}"
step epoch_compiled 180 "$python" -m tools.gpu.epoch "$out/epoch_compiled.json" \
  --device "$device" --backbone "$large" --precision $precision --compile on "${epoch[@]}"
as_json bench_small 90 "${lpt[@]}" bench --device "$device" --backbone "$small" --batch $batch \
  --precision $precision --repeats $repeats --json
as_json bench_serve 120 "${lpt[@]}" bench serve --device "$device" --backbone "$small" \
  --batch $serve_batch --repeats $repeats --json
cat "$out/steps.csv"
exit $failed
