package selinux

import (
	"slices"
	"testing"

	"cfsverify/canon"
)

// TestNamesOf: what libselinux 3.4 of Debian 12 takes for the policy's directory
// (selinux_policy_root), and what composefs-rs takes, as the cases find-… of its vectors say.
func TestNamesOf(t *testing.T) {
	for config, want := range map[string]Names{
		"SELINUXTYPE=a\nSELINUXTYPE=b\n":        {"a", true, "b", 2},
		"  SELINUXTYPE=a\n":                     {"a", true, "a", 1},
		"selinuxtype=a\n":                       {"a", true, "a", 1},
		"SELINUXTYPE =a\n":                      {"a", true, "targeted", 1},
		"SELINUXTYPE= a\n":                      {"a", true, "a", 1},
		"SELINUXTYPE=a  \t\n":                   {"a", true, "a", 1},
		"SELINUXTYPE=a\r\n":                     {"a", true, "a", 1},
		"SELINUXTYPE=\"a\"\n":                   {`"a"`, true, `"a"`, 1},
		"SELINUXTYPE=a # x\n":                   {"a # x", true, "a # x", 1},
		"SELINUX=enforcing\n":                   {"", false, "targeted", 0},
		"SELINUXTYPE=\n":                        {"", true, "", 1},
		"SELINUXTYPE=a\nSELINUXTYPE=\n":         {"a", true, "", 2},
		"\tSELINUXTYPE=a\n":                     {"a", true, "a", 1},
		"SELINUXTYPE=a":                         {"a", true, "a", 1},
		"SELINUXTYPE=a\u00a0\n":                 {"a", true, "a\u00a0", 1},
		"SELINUXTYPE=a\x00b\n":                  {"a\x00b", true, "a", 1},
		"#SELINUXTYPE=z\nSELINUXTYPE=a\n":       {"a", true, "a", 1},
		"SELINUXTYPE=/a\n":                      {"a", true, "a", 1},
		"export SELINUXTYPE=a\n":                {"", false, "targeted", 0},
		"SELINUXTYPE=a\nSELINUXTYPE=a\n# end\n": {"a", true, "a", 2},
	} {
		tree := treeOf(map[string]string{"file_contexts": ""})
		tree.Lookup("/etc/selinux").Node.Put(canon.Dirent{Name: "config", Node: file(config)})
		if got, known := NamesOf(tree); !known || got != want {
			t.Errorf("%q: %+v, %v, want %+v", config, got, known, want)
		}
	}
	tree := treeOf(map[string]string{"file_contexts": ""})
	tree.Lookup("/etc/selinux/config").Node.Content.Held = nil
	if _, known := NamesOf(tree); known {
		t.Error("without content: known")
	}
	for _, broken := range []*canon.Node{{Kind: canon.Symlink, Target: "x"}, file("SELINUXTYPE=../x")} {
		tree.Lookup("/etc/selinux").Node.Put(canon.Dirent{Name: "config", Node: broken})
		if names, known := NamesOf(tree); known {
			t.Errorf("%+v", names)
		}
	}
	tree.Lookup("/etc/selinux").Node.Remove("config")
	if names, known := NamesOf(tree); !known || names != (Names{Libselinux: "targeted"}) {
		t.Errorf("without config: %+v", names)
	}
}

func TestOnlyCompiled(t *testing.T) {
	tree := treeOf(map[string]string{"file_contexts": "", "file_contexts.bin": "", "file_contexts.local.bin": "", "file_contexts.subs.bin": ""})
	if got, want := OnlyCompiled(tree), []string{"/etc/selinux/p/contexts/files/file_contexts.local.bin"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, gone := range []struct{ dir, name string }{{"/etc/selinux/p", "contexts"}, {"/etc/selinux", "config"}, {"/etc", "selinux"}} {
		tree.Lookup(gone.dir).Node.Remove(gone.name)
		if got := OnlyCompiled(tree); got != nil {
			t.Errorf("without %s/%s: %q", gone.dir, gone.name, got)
		}
	}
}

// TestFindingNamesTheCompiledFile: what libselinux would read instead.
func TestFindingNamesTheCompiledFile(t *testing.T) {
	_, err := Load(treeOf(map[string]string{"file_contexts.bin": "x"}))
	if want := `SELinux policy: "/etc/selinux/p/contexts/files/file_contexts": the policy's file of rules is missing; composefs-rs does not read file_contexts.bin, which is there`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
