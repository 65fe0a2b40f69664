// Package linux holds what the Linux kernel does to inodes, whoever asks it to: the
// names of its xattrs, POSIX ACLs, capabilities, and the effects of making a file,
// chmod, chown and setxattr. What single engines and archives do with them does not
// belong here.
package linux
