# Names that matter to labels.
# Two of one inode, that the policy labels differently.
ln /usr/bin/env /usr/lib/env
ln /opt/app/big /var/log/big
# Two whose first one is not there when the system is labelled.
ln /opt/app/old /boot/old
# The policy's rules, whose first name in the layer is in a directory that is emptied.
ln /etc/selinux/default/contexts/files/file_contexts /boot/file_contexts
mkdir /sysroot/ostree
