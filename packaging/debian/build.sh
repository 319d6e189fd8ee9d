#!/usr/bin/env bash
# build.sh OUT [PAYLOAD]: makes OUT/agentd_VERSION_ARCH.deb, and prints its path.
# Without PAYLOAD /opt/agentd is a virtual environment of the Python that Debian has
# (DEB_PYTHON, else /usr/bin/python3), from uv.lock; with one, that folder is taken for it.
# Called by `make deb`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
payload=${2:-}
python=${DEB_PYTHON:-/usr/bin/python3}
extras=${DEB_EXTRAS:-codecs mcp}
plugins=${DEB_PLUGINS:-openai silero webrtcvad}

fail() { printf 'deb: error: %s\n     fix:   %s\n' "$1" "$2" >&2; exit 1; }
command -v dpkg-deb >/dev/null || fail "there is no dpkg-deb" "apt-get install dpkg-dev, or build on Debian"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/pyproject.toml" | head -n 1)
arch=$(dpkg --print-architecture)
stage=$(mktemp -d); trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"

make_environment() {
    local uv=$root/.venv/bin/uv wheels=$stage.wheels
    "$python" -c 'import venv' 2>/dev/null || fail "$python has no venv" "apt-get install python3-venv"
    "$uv" venv --quiet --relocatable --python "$python" --python-preference only-system "$1"
    # Exactly what the lock says, and then our own packages without asking for anything else.
    local chosen=() packages=(--package agentd)
    for extra in $extras; do chosen+=(--extra "$extra"); done
    for plugin in $plugins; do packages+=(--package "agentd-$plugin"); done
    "$uv" export --quiet --frozen --no-dev --no-emit-workspace "${packages[@]}" "${chosen[@]}" \
        --project "$root" -o "$stage.requirements"
    "$uv" pip install --quiet --python "$1/bin/python" --require-hashes -r "$stage.requirements"
    local ours=("$root")
    for plugin in $plugins; do ours+=("$root/plugins/$plugin"); done
    "$uv" pip install --quiet --python "$1/bin/python" --no-deps "${ours[@]}"
    rm -rf "$wheels" "$stage.requirements"
    rm -f "$1/.gitignore" "$1/.lock"
    "$1/bin/python" -m compileall -q -x 'bad_coding|lib2to3' "$1/lib" || true
}

mkdir -p "$stage/opt" "$stage/DEBIAN" "$stage/etc/default" "$stage/etc/agentd" "$stage/usr/bin" \
    "$stage/usr/lib/systemd/system" "$stage/usr/lib/sysusers.d" "$stage/usr/lib/tmpfiles.d" \
    "$stage/usr/share/doc/agentd" "$stage/usr/share/man/man1"
if [ -n "$payload" ]; then
    cp -a "$payload" "$stage/opt/agentd"
    depends="systemd (>= 252)"
else
    make_environment "$stage/opt/agentd"
    # The environment's Python is Debian's own: packages in it fit one minor version only.
    minor=$("$python" -c 'import sys; print(sys.version_info[1])')
    ln -sfn /usr/bin/python3 "$stage/opt/agentd/bin/python"
    depends="systemd (>= 252), python3 (>= 3.$minor), python3 (<< 3.$((minor + 1)))"
fi
install -m 644 "$here/../systemd/agentd.service" "$here/../systemd/agentd@.service" \
    "$here/../systemd/agentd.socket" "$stage/usr/lib/systemd/system/"
install -m 644 "$here/agentd.sysusers" "$stage/usr/lib/sysusers.d/agentd.conf"
install -m 644 "$here/agentd.tmpfiles" "$stage/usr/lib/tmpfiles.d/agentd.conf"
install -m 644 "$here/agentd.default" "$stage/etc/default/agentd"
ln -s /opt/agentd/bin/agentd "$stage/usr/bin/agentd"
gzip -9nc "$here/agentd.1" >"$stage/usr/share/man/man1/agentd.1.gz"
gzip -9nc "$root/CHANGELOG.md" >"$stage/usr/share/doc/agentd/changelog.gz"
install -m 644 "$root/LICENSE" "$stage/usr/share/doc/agentd/copyright"
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$stage/DEBIAN/$script"; done
echo /etc/default/agentd >"$stage/DEBIAN/conffiles"
cat >"$stage/DEBIAN/control" <<CONTROL
Package: agentd
Version: $version
Architecture: $arch
Maintainer: agentd maintainers <maintainers@agentd.invalid>
Installed-Size: $(du -sk --apparent-size "$stage" | cut -f1)
Depends: $depends
Recommends: adduser
Section: net
Priority: optional
Description: LiveKit voice agents as supervised child processes
 A daemon that takes jobs from a LiveKit server and runs each in a child process of its own. A job
 whose process dies goes on in another, and calls outlive a restart of the daemon. With the framework
 that the agents are written with, in an environment of its own below /opt/agentd.
CONTROL
(cd "$stage" && find opt usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)

# One thread's xz takes a minute for what zstd does in seconds, and Debian 12 reads both.
package=$out/agentd_${version}_${arch}.deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$stage" "$package" >/dev/null
echo "$package"
