# What cfsctl and cfsverify say of /target in the build, and the kernel that is sealed
# with it.
set -ex
mkdir -p /inside /uki
cfsctl() { LD_LIBRARY_PATH=/mnt/labels/cfsctl /mnt/labels/cfsctl/cfsctl "$@"; }
for hash in sha256 sha512; do
	cfsctl --repo /tmp/$hash init --insecure --algorithm fsverity-$hash-12
	for version in 0 1 2; do
		cell="$hash $version"
		rs=(cfsctl --repo /tmp/$hash --erofs-version $version)
		echo "$cell id $("${rs[@]}" compute-id --bootable /target)" >>/inside/cfsctl
		echo "$cell karg $("${rs[@]}" compute-karg /target)" >>/inside/cfsctl
		ours=(/mnt/uki/cfsverify digest --hash $hash --erofs-version $version --boot-mtime ns)
		echo "$cell id $("${ours[@]}" --bootable dir:/target)" >>/inside/cfsverify
		echo "$cell karg $("${ours[@]}" --karg --for composefs-rs dir:/target)" >>/inside/cfsverify
	done
done
cfsctl --no-repo create-dumpfile --bootable /target >/inside/cfsctl.dump
/mnt/uki/cfsverify dump --bootable dir:/target >/inside/cfsverify.dump

echo "console=ttyS0 panic=-1 $(cfsctl --repo /tmp/sha512 compute-karg /target)" >/tmp/cmdline
objcopy @/mnt/uki/sections /mnt/uki/linuxx64.efi.stub /uki/debian.efi
