#!/usr/bin/env bash
# Write the lock files anew. They hold versions and hashes and name no place to fetch from, so they serve any mirror.
# Write them on a Python 3.11: its answer also installs on 3.12 and 3.13. What asks for a later 3.11 than Debian 12's
# 3.11.2 is held back in dev.in, by hand.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "${@:3}" --output-file "$2" "$1"
}

# `make lock` keeps what is locked where it still fits; `make lock UPGRADE=1` takes the newest of all.
upgrade=()
if [ -n "${UPGRADE:-}" ]; then upgrade=(--upgrade); fi
compile pyproject.toml requirements/run.txt "${upgrade[@]}"
compile requirements/build.in requirements/build.txt "${upgrade[@]}"
compile requirements/dev.in requirements/dev.txt "${upgrade[@]}"
compile requirements/fuzz.in requirements/fuzz.txt "${upgrade[@]}"
