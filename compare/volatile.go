package compare

import "path"

// volatile are patterns, as path.Match has them, of files that programs write
// without being asked to, with times, random numbers or the order of events in
// them. A pattern that ends in a slash is for all below it.
var volatile = [...]string{
	"/etc/ld.so.cache", "/etc/machine-id", "/etc/.pwd.lock", "/var/cache/", "/var/log/", "/var/lib/systemd/random-seed",
	"/var/lib/dpkg/", "/var/lib/rpm/", "/usr/lib/sysimage/", "/usr/share/rpm/", "/var/lib/dnf/", "/var/lib/apt/", "/var/tmp/", "/tmp/",
	"/etc/ssh/ssh_host_*", "/var/lib/dbus/machine-id", "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-",
}

// IsVolatile says that a path is one of files that programs write without being
// asked to, with times, random numbers or the order of events in them.
func IsVolatile(p string) bool {
	if path.Ext(p) == ".pyc" {
		return true
	}
	for _, pattern := range volatile {
		if matches, err := path.Match(pattern, p); err == nil && matches {
			return true
		}
		if n := len(pattern); pattern[n-1] == '/' && len(p) > n && p[:n] == pattern {
			return true
		}
	}
	return false
}
