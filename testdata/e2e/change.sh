# What the second layer of the end-to-end image does.
set -ex
# Deletions, and directories replaced by a directory, a file and the reverse.
rm -r /usr/share/doc/libc6
rm /etc/issue.net
rm -r /usr/share/locale
mkdir /usr/share/locale
echo new >/usr/share/locale/new
rm -r /usr/share/man
echo 'was a directory' >/usr/share/man
rm /etc/debian_version
mkdir /etc/debian_version
rm /etc/issue
ln -s motd /etc/issue
mv /usr/share/base-files /usr/share/base-files2
# Hardlinks: to a new file, to one of the layer below, and one that is broken.
mkdir -p /opt/app/empty /opt/app/none
head -c 100000 /dev/urandom >/opt/app/big
ln /opt/app/big /opt/app/big2
ln /usr/bin/env /usr/bin/env2
# Content around what is kept in the image.
head -c 64 /dev/zero >/opt/app/n64
head -c 65 /dev/zero >/opt/app/n65
: >/opt/app/n0
truncate -s 10M /opt/app/sparse
# Special files, capabilities, xattrs, modes and owners.
mkfifo /opt/app/fifo
mknod /opt/app/chr c 5 1
cp /bin/true /opt/app/ping
setcap cap_net_raw+ep /opt/app/ping
ln /opt/app/ping /opt/app/ping2
setfattr -n user.note -v hello /opt/app/n64
cp /bin/true /opt/app/suid
chmod 4755 /opt/app/suid
chmod 0700 /usr/bin/perl
chmod 0000 /opt/app/none
echo >/opt/app/bigid
chown 3000000:4000000000 /opt/app/bigid
# Names and times.
touch "$(printf '/opt/app/caf\xc3\xa9')" "$(printf '/opt/app/new\nline')" '/opt/app/sp ace' '/opt/app/back\slash'
touch -d '2001-02-03 04:05:06' /opt/app/old
touch -d '2040-02-03 04:05:06' /opt/app/y2038
# Left over where nobody should look.
mkdir -p /run/app
echo leftover >/run/app/pid
