package compare

import "testing"

func TestIsVolatile(t *testing.T) {
	for path, want := range map[string]bool{
		"/var/log/x": true, "/var/log": false, "/usr/lib/x.pyc": true, "/etc/ssh/ssh_host_rsa_key": true, "/etc/ssh/sshd_config": false, "/usr/bin/x": false,
	} {
		if got := IsVolatile(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
