package seal_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
)

var (
	hex256, hex512 = strings.Repeat("8b", 32), strings.Repeat("6f", 64)
	sum256, _      = fsverity.ParseDigest(hex256)
	sum512, _      = fsverity.ParseDigest(hex512)
	equal          = cmp.Comparer(func(a, b fsverity.Digest) bool { return a == b })
)

func TestKarg(t *testing.T) {
	for want, got := range map[string]string{
		"composefs.digest=v1-sha512-12:" + hex512: seal.Karg(erofs.V1, sum512),
		"composefs.digest=v1-sha256-12:" + hex256: seal.Karg(erofs.V0, sum256),
		"composefs=" + hex512:                     seal.Karg(erofs.V2, sum512),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
		found := seal.Kargs(got, seal.CmdlineMax)
		if len(found) != 1 || found[0].Err != nil || found[0].Claim.Insecure || !strings.HasSuffix(want, found[0].Claim.Digest.String()) {
			t.Errorf("%s: %+v", got, found)
		}
	}
}

// endingAt is a command line whose last argument, with a digest, ends at a byte.
func endingAt(end int) string {
	argument := " composefs=" + hex512
	return strings.Repeat("x", end-len(argument)) + argument
}

// TestKargs has what composefs-rs finds in command lines, and what it refuses.
func TestKargs(t *testing.T) {
	one := func(versions ...erofs.Version) seal.Claim {
		return seal.Claim{Role: seal.Bootable, Versions: versions, Digest: sum512}
	}
	insecure := func(c seal.Claim) seal.Claim { c.Insecure = true; return c }
	for _, c := range []struct {
		cmdline string
		want    []seal.Claim
		err     string
	}{
		{"", nil, ""},
		{"root=x rw composefs_x=1 composefs.other=2", nil, ""},
		{"rw composefs=" + hex512 + "\n", []seal.Claim{one(erofs.V2)}, ""},
		{"composefs=?" + hex512 + " quiet\x00\x00", []seal.Claim{insecure(one(erofs.V2))}, ""},
		{"composefs.digest=v1-sha512-12:" + hex512, []seal.Claim{one(erofs.V1, erofs.V0)}, ""},
		{"composefs.digest=?v2-sha512-12:" + hex512 + "\tcomposefs=" + hex512, []seal.Claim{insecure(one(erofs.V2)), one(erofs.V2)}, ""},
		{`x="composefs=` + hex512 + ` y" composefs=` + hex512, []seal.Claim{one(erofs.V2)}, ""},
		{`"composefs=` + hex512 + `" composefs=` + hex512, []seal.Claim{{}}, "composefs= in quotes"},
		{`"composefs" composefs=` + hex512, []seal.Claim{{}}, "composefs= in quotes"},
		{`"composefs=x y" composefs=` + hex512, []seal.Claim{{}}, "composefs= in quotes"},
		{`"composefs.x=1" "x composefs=1" composefs=` + hex512, []seal.Claim{one(erofs.V2)}, ""},
		{"composefs=", []seal.Claim{{}}, "not 0"},
		{"composefs=" + hex512[1:] + "g", []seal.Claim{{}}, "not hexadecimal"},
		{"composefs.digest=" + hex512, []seal.Claim{{}}, "VERSION-HASH-12:HEX"},
		{"composefs.digest=v3-sha512-12:" + hex512, []seal.Claim{{}}, `"v3" is not v1 or v2`},
		{"composefs.digest=v1-sha512-16:" + hex512, []seal.Claim{{}}, `"sha512-16" is not known`},
		{"composefs.digest=v1-md5-12:" + hex512, []seal.Claim{{}}, `"md5-12" is not known`},
		{"composefs.digest=v1-sha256-12:" + hex512, []seal.Claim{{}}, "has 128 digits, a sha256 digest has 64"},
		{"composefs.digest=v1-sha512-12:" + strings.ToUpper(hex512) + " composefs=" + strings.ToUpper(hex512), []seal.Claim{one(erofs.V1, erofs.V0), one(erofs.V2)}, ""},
		{"quiet\x01 composefs=" + hex512 + "\ttitle=\U0001f427", []seal.Claim{one(erofs.V2)}, ""},
		{"composefs=" + hex512 + "\v", []seal.Claim{{}}, "which systemd-stub turns into spaces or leaves out"},
		{"quiet\vcomposefs=" + hex512, []seal.Claim{{}}, "other composefs arguments than composefs-rs reads"},
		{"quiet\x7fcomposefs=" + hex512, []seal.Claim{{}}, "other composefs arguments than composefs-rs reads"},
		{"com\U0001f427posefs=" + hex512, []seal.Claim{{}}, "other composefs arguments than composefs-rs reads"},
		{endingAt(2047), []seal.Claim{one(erofs.V2)}, ""},
		{endingAt(2047) + " quiet", []seal.Claim{one(erofs.V2)}, ""},
		{"\U0001f427" + endingAt(2047), []seal.Claim{one(erofs.V2)}, ""},
		{endingAt(2048), []seal.Claim{{}}, "it ends at byte 2048 of the command line, of which the kernel keeps 2047"},
		{"é" + endingAt(2046), []seal.Claim{{}}, "it ends at byte 2048"},
		{"quiet\x00composefs=" + hex512, []seal.Claim{{}}, "has a NUL byte"},
		{"com\xffposefs=1 composefs=" + hex512, []seal.Claim{{}}, "is not UTF-8"},
	} {
		var got []seal.Claim
		for _, k := range seal.Kargs(c.cmdline, seal.CmdlineMax) {
			got = append(got, k.Claim)
			switch {
			case c.err == "" && k.Err != nil, c.err != "" && (k.Err == nil || !strings.Contains(k.Err.Error(), c.err)):
				t.Errorf("%q: error %v, want %q", c.cmdline, k.Err, c.err)
			}
		}
		// What a refused argument says otherwise is of no use.
		if c.err == "" {
			if diff := cmp.Diff(c.want, got, equal); diff != "" {
				t.Errorf("%q: %s", c.cmdline, diff)
			}
		} else if len(got) != len(c.want) {
			t.Errorf("%q: %d arguments", c.cmdline, len(got))
		}
	}
}

func TestKeys(t *testing.T) {
	roles := []seal.Role{seal.Merged, seal.Bootable, seal.Layer, seal.Config, seal.Manifest}
	want := []string{
		"composefs.merged.erofs.v1.fsverity-sha512-12", "composefs.merged.bootable.erofs.v1.fsverity-sha512-12",
		"composefs.layer.erofs.v1.fsverity-sha512-12", "composefs.config.fsverity-sha512-12", "composefs.manifest.fsverity-sha512-12",
	}
	for i, role := range roles {
		key := seal.AnnotationKey(role, fsverity.SHA512)
		if key != want[i] {
			t.Errorf("%s, want %s", key, want[i])
		}
		for _, suffix := range []string{"", ".sig"} {
			k, found, err := seal.ParseKey(key + suffix)
			expected := seal.Key{Role: role, Algorithm: fsverity.SHA512, Signature: suffix != ""}
			if role.IsImage() {
				expected.Versions = []erofs.Version{erofs.V1}
			}
			if diff := cmp.Diff(expected, k, cmpopts.EquateEmpty()); diff != "" || !found || err != nil {
				t.Errorf("%s: %v, %v, %s", key+suffix, found, err, diff)
			}
		}
	}
	for key, found := range map[string]bool{
		"org.opencontainers.image.created": false, "containers.composefs.other": false, "composefsx": false,
		"composefs.merged.fsverity-sha512-12": true, "composefs.config.erofs.v1.fsverity-sha512-12": true, "composefs.merged.erofs.v2.fsverity-sha512-12": true,
		"composefs.other.erofs.v1.fsverity-sha512-12": true, "composefs.merged.erofs.v1.fsverity-sha512-16": true, "composefs.merged.erofs.v1": true,
	} {
		if _, got, err := seal.ParseKey(key); got != found || (err != nil) != found {
			t.Errorf("%s: found %v, error %v", key, got, err)
		}
	}
}

func TestKeyClaims(t *testing.T) {
	label, _, _ := seal.ParseKey("containers.composefs.fsverity")
	annotation, _, _ := seal.ParseKey("composefs.merged.erofs.v1.fsverity-sha256-12")
	for _, c := range []struct {
		key   seal.Key
		value string
		want  fsverity.Digest
		err   string
	}{
		{label, hex512, sum512, ""}, {label, hex256, sum256, ""}, {annotation, hex256, sum256, ""},
		{annotation, hex512, fsverity.Digest{}, "a sha256 digest has 64"}, {label, "", fsverity.Digest{}, "not 0"}, {label, strings.ToUpper(hex512), fsverity.Digest{}, "not in lower case"},
		{annotation, strings.ToUpper(hex256), fsverity.Digest{}, "not in lower case"},
	} {
		got, err := c.key.Claim(c.value)
		if c.err == "" && (err != nil || got.Digest != c.want || got.Role != seal.Merged) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %+v, %v, want %q", c.value, got, err, c.err)
		}
	}
}

// TestSignedData has the bytes as the kernel's header describes them.
func TestSignedData(t *testing.T) {
	for _, c := range []struct {
		digest fsverity.Digest
		head   string
	}{{sum256, "FSVerity\x01\x00\x20\x00"}, {sum512, "FSVerity\x02\x00\x40\x00"}} {
		if got := string(seal.SignedData(c.digest)); got != c.head+string(c.digest.Bytes()) {
			t.Errorf("%q", got)
		}
	}
}

func TestCmdlineSeals(t *testing.T) {
	if found := seal.CmdlineSeals("rw quiet", seal.CmdlineMax); len(found) != 1 || found[0].Err == nil {
		t.Errorf("%+v", found)
	}
	if found := seal.CmdlineSeals("rw composefs="+hex512, seal.CmdlineMax); len(found) != 1 || found[0].Err != nil {
		t.Errorf("%+v", found)
	}
}

func FuzzKargs(f *testing.F) {
	f.Add("composefs.digest=?v1-sha512-12:"+hex512+" composefs="+hex256, seal.CmdlineMax)
	f.Add(`a "b composefs=`+hex256+"\v\U0001f427\" composefs="+hex512, 300)
	f.Fuzz(func(t *testing.T, cmdline string, kept int) {
		for _, k := range seal.Kargs(cmdline, kept) {
			if k.Err == nil && (k.Claim.Digest.IsZero() || !strings.Contains(cmdline, k.Key+"="+k.Value) || len(k.Key+"="+k.Value) > kept) {
				t.Errorf("%+v", k)
			}
		}
	})
}
