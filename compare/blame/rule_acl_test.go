package blame

import (
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/testdata/layers"
)

// TestACLModes: modes are what the ACLs of layers make of them, also where the
// policy hides ACLs, and other modes are not.
func TestACLModes(t *testing.T) {
	wide, minimal := layers.ACL("access", "u=7 U:5=7 g=5 m=7 o=5"), layers.ACL("access", "u=6 g=4 o=0")
	inherited := layers.ACL("default", "u=7 g=7 o=5")
	const access, inheritedName = " xattrsystem.posix_acl_access", " xattrsystem.posix_acl_default"
	for name, tt := range map[string]struct {
		outside, inside string
		raw, usual      []string
	}{
		"another mode":        {"f a mode=4644 " + wide, "f a mode=4775 " + wide, []string{"acl /a mode"}, []string{"acl /a mode"}},
		"another other mode":  {"f a mode=644 " + wide, "f a mode=757 " + wide, []string{"unexplained /a mode"}, []string{"unexplained /a mode"}},
		"setuid lost as well": {"f a mode=4644 " + wide, "f a mode=775 " + wide, []string{"unexplained /a mode"}, []string{"unexplained /a mode"}},
		"a minimal ACL":       {"f a mode=755 " + minimal, "f a mode=640", []string{"acl /a mode" + access}, []string{"acl /a mode"}},
		"a hardlink's target": {"f b mode=600 " + wide + "\nh c ->b mode=600", "f b mode=775 " + wide + "\nh c ->b", []string{"acl /b mode", "acl /c mode"}, []string{"acl /b mode", "acl /c mode"}},
		"a hardlink's own": {"f e mode=600\nh f ->e mode=600 " + wide, "f e mode=775 " + wide + "\nh f ->e",
			[]string{"hardlink-header /e mode" + access, "hardlink-header /f mode" + access}, []string{"hardlink-header /e mode", "hardlink-header /f mode"}},
		// What gave it the ACL is in no layer that shows.
		"a directory with an ACL of nowhere": {"d d\nf d/i/x", "d d\nd d/i mode=775 " + inherited + "\nf d/i/x",
			[]string{"acl /d/i mode" + inheritedName}, []string{"unexplained /d/i mode"}},
		"a directory implied":  {"d d mode=755 " + inherited + "\nf d/i/x", "d d mode=755 " + inherited + "\nd d/i mode=775 " + inherited + "\nf d/i/x", []string{"acl /d/i mode" + inheritedName}, []string{"acl /d/i mode"}},
		"a directory with own": {"d d mode=755 " + inherited + "\nd d/i\nf d/i/x", "d d mode=755 " + inherited + "\nd d/i mode=775\nf d/i/x", []string{"unexplained /d/i mode"}, []string{"unexplained /d/i mode"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, rule := range []policy.XattrRule{policy.XattrAll, policy.XattrAllowlist} {
				_, outside := layerOf(t, tt.outside)
				_, inside := layerOf(t, tt.inside)
				xattrs := policy.Raw()
				xattrs.Xattrs = rule
				for _, tree := range []*canon.Tree{inside, outside} {
					if err := xattrs.Apply(tree); err != nil {
						t.Fatal(err)
					}
				}
				want := tt.raw
				if rule == policy.XattrAllowlist {
					want = tt.usual
				}
				checkExplained(t, withoutOrigins(inside), outside, want)
			}
		})
	}
}
