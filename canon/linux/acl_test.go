package linux

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const nobody = math.MaxUint32

// aclCases are values of the xattr in hexadecimal, and the lists that they are:
// struct posix_acl_xattr_header and posix_acl_xattr_entry of
// include/uapi/linux/posix_acl_xattr.h, all numbers in little endian.
var aclCases = []struct {
	value string
	want  ACL
}{
	{"02000000", nil},
	{"02000000 0100 0600 ffffffff  0400 0400 ffffffff  2000 0000 ffffffff", ACL{{ACLOwner, 6, nobody}, {ACLGroup, 4, nobody}, {ACLOther, 0, nobody}}},
	{"02000000 0100 0700 ffffffff  0200 0500 e8030000  0400 0500 ffffffff  0800 0100 00000000  1000 0700 ffffffff  2000 0500 ffffffff",
		ACL{{ACLOwner, 7, nobody}, {ACLNamedUser, 5, 1000}, {ACLGroup, 5, nobody}, {ACLNamedGroup, 1, 0}, {ACLMask, 7, nobody}, {ACLOther, 5, nobody}}},
	// Only that order makes a list valid, and permissions beyond 7 do not.
	{"02000000 2000 ff00 ffffffff  0100 0000 ffffffff", ACL{{ACLOther, 0xff, nobody}, {ACLOwner, 0, nobody}}},
}

func fromHex(t *testing.T, text string) string {
	t.Helper()
	value, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestParseACL(t *testing.T) {
	for _, c := range aclCases {
		value := fromHex(t, c.value)
		got, err := ParseACL(value)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: error %v; want -, got +\n%s", c.value, err, diff)
		}
		if got := got.Value(); got != value {
			t.Errorf("%s: the value is %x again", c.value, got)
		}
	}
	// The ID of an entry that is not for a named user or group means nothing.
	got, err := ParseACL(fromHex(t, "02000000 0100 0600 05000000  1000 0000 06000000"))
	if diff := cmp.Diff(ACL{{ACLOwner, 6, nobody}, {ACLMask, 0, nobody}}, got); err != nil || diff != "" {
		t.Errorf("error %v; want -, got +\n%s", err, diff)
	}
}

func TestParseACLErrors(t *testing.T) {
	for value, want := range map[string]string{
		"":                               "0 bytes are no ACL",
		"020000":                         "3 bytes are no ACL",
		"02000000 01":                    "5 bytes are no ACL",
		"02000000 0100 0600 ffffff":      "11 bytes are no ACL",
		"02000000 0100 0600 ffffffff 20": "13 bytes are no ACL",
		"02000000 4000 0600 ffffffff":    "the ACL has an entry of the unknown type 0x40",
		"02000000 0000 0600 ffffffff":    "the ACL has an entry of the unknown type 0x0",
		"02000000 0300 0600 ffffffff":    "the ACL has an entry of the unknown type 0x3",
		"02000000 0200 0600 ffffffff":    "the ACL has an entry for no user or group",
		"02000000 0800 0600 ffffffff":    "the ACL has an entry for no user or group",
	} {
		if acl, err := ParseACL(fromHex(t, value)); err == nil || err.Error() != want || errors.Is(err, ErrACLUnsupported) {
			t.Errorf("%s: %v, error %v, want %s", value, acl, err, want)
		}
	}
	for _, value := range []string{"01000000", "03000000", "00000000 01", "02000001", "ffffffff 0100 0600 ffffffff"} {
		if acl, err := ParseACL(fromHex(t, value)); !errors.Is(err, ErrACLUnsupported) {
			t.Errorf("%s: %v, error %v", value, acl, err)
		}
	}
}

// listOf makes a list of letters as "u6 U4 g4 m4 o4", with the tags in the order of
// posix_acl.h. Named entries are for 1000.
func listOf(t *testing.T, text string) ACL {
	t.Helper()
	tags := map[byte]ACLTag{'u': ACLOwner, 'U': ACLNamedUser, 'g': ACLGroup, 'G': ACLNamedGroup, 'm': ACLMask, 'o': ACLOther}
	var acl ACL
	for _, word := range strings.Fields(text) {
		e := ACLEntry{Tag: tags[word[0]], Perm: uint16(word[1] - '0'), ID: nobody}
		if e.Tag == 0 {
			t.Fatalf("no tag: %q", word)
		}
		if e.IsNamed() {
			e.ID = 1000
		}
		acl = append(acl, e)
	}
	return acl
}

func TestACLValidate(t *testing.T) {
	const order, lacks, perm = "the entries of the ACL are not in their order", "the ACL lacks the entry of the owner, the group, the mask or all others", "the ACL has the unknown permissions"
	for text, want := range map[string]string{
		"u6 g4 o4": "", "u0 g0 o0": "", "u7 g7 o7": "", "u6 g4 m4 o4": "",
		"u6 U4 g4 m4 o4": "", "u6 U4 U5 g4 m4 o4": "", "u6 g4 G4 m4 o4": "", "u6 g4 G4 G4 m4 o4": "", "u6 U4 g4 G4 m4 o4": "",
		"": lacks, "g4 o4": lacks, "u6 o4": lacks, "u6 g4": lacks, "u6 U4 g4 o4": lacks, "u6 g4 G4 o4": lacks, "u6 g4 m4": lacks,
		"g4 u6 o4": order, "u6 o4 g4": order, "u6 u6 g4 o4": order, "u6 g4 g4 o4": order, "u6 g4 o4 o4": order, "u6 g4 m4 m4 o4": order,
		"U4 u6 g4 m4 o4": order, "u6 g4 U4 m4 o4": order, "u6 G4 g4 m4 o4": order, "u6 U4 m4 g4 o4": order, "u6 g4 o4 m4": order,
		"u8 g4 o4": perm, "u6 g4 o9": perm, "u6 U8 g4 m4 o4": perm,
	} {
		err := listOf(t, text).Validate()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// TestACLPerm: a mode has the permissions of the owner, of the mask or else the
// group, and of all others; chmod changes the same entries: acl(5),
// "Correspondence between ACL entries and file permission bits".
func TestACLPerm(t *testing.T) {
	for _, c := range []struct {
		text, changed string // by chmod 0427
		perm          uint16
		minimal       bool
	}{
		{"u6 g4 o0", "u4 g2 o7", 0o640, true},
		{"u0 g7 o7", "u4 g2 o7", 0o077, true},
		{"u6 g4 m5 o1", "u4 g4 m2 o7", 0o651, false},
		{"u6 U7 g4 m0 o1", "u4 U7 g4 m2 o7", 0o601, false},
		{"u7 U0 g1 G7 m6 o0", "u4 U0 g1 G7 m2 o7", 0o760, false},
		// A list without a mask that names somebody is not valid, but read so.
		{"u6 G7 g4 o0", "u4 G7 g2 o7", 0o640, false},
	} {
		acl := listOf(t, c.text)
		if acl.Perm() != c.perm || acl.IsMinimal() != c.minimal {
			t.Errorf("%s: mode %04o, minimal %v; want %04o, %v", c.text, acl.Perm(), acl.IsMinimal(), c.perm, c.minimal)
		}
		changed := acl.WithPerm(0o427)
		if diff := cmp.Diff(listOf(t, c.changed), changed); diff != "" || changed.Perm() != 0o427 {
			t.Errorf("%s: after chmod the mode is %04o; want -, got +\n%s", c.text, changed.Perm(), diff)
		}
		if diff := cmp.Diff(listOf(t, c.text), acl); diff != "" {
			t.Errorf("%s: chmod changed the list itself:\n%s", c.text, diff)
		}
	}
}
