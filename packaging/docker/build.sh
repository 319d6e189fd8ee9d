#!/usr/bin/env bash
# Builds the image with whichever engine is here; called by `make image`.
#   BASE     an image with Python 3.11 or newer  [python:3.11-slim-bookworm]
#   PLUGINS  folders of plugins/                 [openai silero webrtcvad rules]
#   TAG      what the image is called            [agentd]
set -euo pipefail
cd "$(dirname "$0")/../.."

arguments=()
[ -z "${BASE:-}" ] || arguments+=(--build-arg "BASE=$BASE")
[ -z "${PLUGINS:-}" ] || arguments+=(--build-arg "PLUGINS=$PLUGINS")
file=packaging/docker/Dockerfile

for engine in docker podman buildah; do
    # A client whose engine does not run is no engine.
    "$engine" info >/dev/null 2>&1 || continue
    # Docker finds the file of what to leave out by itself.
    [ "$engine" = docker ] || arguments+=(--ignorefile "$file.dockerignore")
    exec "$engine" build "${arguments[@]}" -f "$file" -t "${TAG:-agentd}" .
done
echo 'image: error: none of docker, podman and buildah works here' >&2
echo '       fix:   start Docker, or apt-get install buildah' >&2
exit 1
