#!/usr/bin/env bash
# Write the lock files anew. They hold versions and hashes and name no place to fetch from, so they serve any mirror.
# Written on the oldest Python we support: its answer also installs on the newer ones (CI proves it for one).
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
