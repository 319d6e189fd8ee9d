#!/usr/bin/env bash
# Installs Debian's Chromium for the tests of the status page, where it is missing and may be.
# Without it those tests are skipped, with the reason; nothing else needs it.
set -euo pipefail

say() { printf 'chromium: %s\n' "$*" >&2; }

if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then exit 0; fi
install="apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core"
if ! command -v apt-get >/dev/null; then
    say "missing, so the status page's tests are skipped; install it with your package manager"
elif [ "$(id -u)" != 0 ]; then
    say "missing, so the status page's tests are skipped; for them run: sudo sh -c '$install'"
else
    say "missing: $install"
    DEBIAN_FRONTEND=noninteractive sh -c "$install" </dev/null >&2 ||
        say "it could not be installed, so the status page's tests are skipped; fix apt and try again"
fi
