# Runs as the first process of new PID, mount, cgroup, UTS and IPC namespaces, and becomes systemd.
# What a boot or a package would change is covered by overlays in memory: nothing outside is touched.
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/covers
mount -t tmpfs -o mode=755 tmpfs /run/covers
for folder in etc usr var opt; do
    mkdir -p /$folder /run/covers/$folder/upper /run/covers/$folder/work
    mount -t overlay overlay \
        -o "lowerdir=/$folder,upperdir=/run/covers/$folder/upper,workdir=/run/covers/$folder/work" /$folder
done
# Nothing starts but what is asked for: no sysctl, no modules, no mounts, nothing of this machine's own.
rm -rf /usr/lib/systemd/system/*.wants /etc/systemd/system/*.wants /usr/lib/systemd/system-generators
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
# Shared, as a real boot has it: what is mounted later is seen by services that run.
mount --make-rshared /
units=/run/systemd/system
mkdir -p $units /run/systemd/journald.conf.d
# Not the sockets that would make a link in this machine's /dev, and hear its kernel.
for unit in systemd-journald-dev-log.socket systemd-journald-audit.socket; do
    ln -s /dev/null $units/$unit
done
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\n' \
    >/run/systemd/journald.conf.d/test.conf
printf '[Unit]\nDescription=Bare\nDefaultDependencies=no\nAllowIsolate=yes\nWants=systemd-journald.service\n' \
    >$units/bare.target
exec env -i PATH="$PATH" container=other /lib/systemd/systemd --system --unit=bare.target --show-status=no
