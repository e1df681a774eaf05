#!/bin/sh
# Installs a lock file into /venv with the pip that is mounted at /pip, for the Dockerfile alone.
#   usage: install.sh LOCK
set -eu

pip() { /pip/bin/python -m pip --python /venv/bin/python --disable-pip-version-check "$@"; }

export PIP_CACHE_DIR=/var/cache/pip # mounted, and in no layer
if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi
[ -d /venv ] || python3 -m venv --without-pip /venv
pip install --quiet --no-compile --require-hashes --requirement "$1"

# kserve asks for these and imports none of them: a compiler of protobuf files, and cryptography.
if grep -q '^kserve==' "$1"; then
  pip uninstall --quiet --yes grpcio-tools setuptools cryptography cffi pycparser pyjwt pyasn1
fi

# What packages carry and no process of ours opens. A predictor never calls the Kubernetes API, so
# the 1,500 modules of its client's types and calls, and that client's asynchronous twin, can go.
cd /venv/lib/python3*/site-packages
rm -rf kubernetes/aio kubernetes/client/api kubernetes/client/models/[a-z]*.py \
  swagger_ui/static/swagger-editor* swagger_ui/static/*.map \
  onnxruntime/transformers onnxruntime/tools onnxruntime/quantization
find . -depth -type d \( -name tests -o -name include \) -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.a' -o -name '*.h' \) -delete

# Nobody can write beside the sources later, and compiling at each start takes seconds.
python3 -m compileall -q -j 0 /venv/lib
