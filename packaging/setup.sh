#!/usr/bin/env bash
# Makes .venv from the committed lock, or does nothing when it is up to date.
# Called by the Makefile; may be run by hand, and again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
OLDEST_UV=0.9.0
STAMP=.venv/.agentd-setup

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    printf 'setup: error: %s\n' "$1" >&2
    printf '       fix:   %s\n' "$2" >&2
    exit 1
}

# What the environment was made from.
fingerprint() {
    { cat pyproject.toml uv.lock plugins/*/pyproject.toml packaging/setup.sh
      pwd; } | sha256sum
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    fail "agentd needs Python 3.11 or newer, and python3 here is $(python3 --version 2>&1 || true)" \
        "apt-get install python3 python3-venv, or name another one: PYTHON=/path/to/python3.12 make setup"
}

# Whether what `uv --version` printed can read our lock.
is_new_enough() {
    [ -n "$1" ] && printf '%s\n' "$OLDEST_UV" "$(cut -d' ' -f2 <<<"$1")" | sort -V -C
}

# uv: from PATH, else a pinned one from PyPI in .uv, which nothing else uses.
find_uv() {
    if command -v uv >/dev/null && is_new_enough "$(uv --version 2>/dev/null)"; then
        command -v uv
        return
    fi
    local uv="$PWD/.uv/$UV_VERSION/bin/uv"
    if ! [ -x "$uv" ]; then
        say "no uv (from $OLDEST_UV) on PATH: installing uv $UV_VERSION from PyPI into .uv"
        rm -rf .uv
        "$1" -m venv ".uv/$UV_VERSION" >&2 ||
            fail "Python's venv module can't make an environment (see above)" \
                "apt-get install python3-venv (as root), then try again"
        "./.uv/$UV_VERSION/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION" >&2 ||
            fail "uv $UV_VERSION could not be installed from PyPI" \
                "check that PyPI can be reached (proxy, PIP_INDEX_URL), or install uv yourself"
    fi
    echo "$uv"
}

# What only tests need, and only where they may install it: as root, on Debian. Without systemd, a
# sound system or Flite, the tests of those are skipped, with the reason.
get_test_packages() {
    [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    local packages=() libraries
    libraries=$(ldconfig -p)
    [ -x /lib/systemd/systemd ] || packages+=(systemd)
    grep -q 'libflite\.so\.1 ' <<<"$libraries" || packages+=(libflite1)
    grep -q 'libportaudio\.so\.2 ' <<<"$libraries" && command -v pulseaudio >/dev/null ||
        packages+=(libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins)
    [ ${#packages[@]} -gt 0 ] || return 0
    say "for tests alone: apt-get install ${packages[*]}"
    DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${packages[*]}" \
        </dev/null >&2 || say "they could not be installed, so those tests are skipped"
}

python=$(find_python)
if [ -x .venv/bin/python ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$(fingerprint)" ]; then
    exit 0
fi

uv=$(find_uv "$python")
extras=(--extra dev --extra codecs --extra mcp --extra otel)
get_test_packages

say "making .venv with $python (${extras[*]})"
# --python-preference: never fetch an interpreter, the one that was found above is good.
# UV_PROJECT_ENVIRONMENT and VIRTUAL_ENV of the caller must not send it elsewhere.
env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv \
    "$uv" sync --frozen --all-packages "${extras[@]}" \
    --python "$python" --python-preference only-system >&2 ||
    fail "the packages of uv.lock could not be installed (see above)" \
        "check that PyPI can be reached, then run make setup again; rm -rf .venv if it is half made"
fingerprint >"$STAMP"
say "done"
