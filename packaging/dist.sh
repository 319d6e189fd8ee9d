#!/usr/bin/env bash
# Builds the wheels and sdists of agentd, its plugins and the bridge into a folder (dist/).
# Called by `make dist`; needs the .venv that `make setup` makes.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-dist}

# Each wheel is built from its sdist, so that a file missing there is missed here.
.venv/bin/uv build --quiet --all-packages --out-dir "$out"
# Outside of the workspace: it needs another version of livekit.
.venv/bin/uv build --quiet bridges/livekit --out-dir "$out"
rm -f "$out/.gitignore"
