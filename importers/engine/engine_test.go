package engine

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

// unpackCases have what each engine makes of layers; "error: …" is what the
// error begins with. N is the time of unpacking.
var unpackCases = []struct {
	name           string
	layers         []string
	storage, umoci string
}{
	{
		name:    "a directory that is implied in an upper layer",
		layers:  []string{"d a mode=1777 uid=3 mtime=1 pax:SCHILY.xattr.user.a=1\nf a/x mtime=2", "f a/y mtime=3"},
		storage: "d / mtime=N mode=555\nd a mtime=N\nf a/x mtime=2\nf a/y mtime=3",
		umoci:   "d /\nd a uid=3 mtime=1 mode=1777 user.a=\"1\"\nf a/x mtime=2\nf a/y mtime=3",
	},
	{
		name:    "directories that no layer has",
		layers:  []string{"d a mode=2750 gid=4 mtime=1\nf a/b/c/x mtime=2"},
		storage: "d / mtime=N mode=555\nd a gid=4 mtime=1 mode=2750\nd a/b mtime=N mode=2755\nd a/b/c mtime=N mode=2755\nf a/b/c/x mtime=2",
		umoci:   "d /\nd a gid=4 mtime=N mode=2750\nd a/b gid=4 mtime=N mode=2755\nd a/b/c gid=4 mtime=N mode=2755\nf a/b/c/x mtime=2",
	},
	{
		name:    "the root's entry",
		layers:  []string{"d ./ mode=2711 uid=1 mtime=1\nf a mtime=2"},
		storage: "d / mtime=N mode=555\nf a mtime=2",
		umoci:   "d / uid=1 mtime=1 mode=2711\nf a mtime=2",
	},
	{
		name:    "the root's entry with a slash",
		layers:  []string{"d / mode=2711 uid=1 mtime=1\nf a mtime=2"},
		storage: "d / mtime=N mode=711\nf a mtime=2",
		umoci:   "d / uid=1 mtime=1 mode=2711\nf a mtime=2",
	},
	{
		name:    "a hardlink's header",
		layers:  []string{"f a =x mode=600 mtime=1 pax:SCHILY.xattr.user.a=1\nh b ->a mode=4755 uid=2 mtime=3 pax:SCHILY.xattr.user.b=2"},
		storage: "d / mtime=N mode=555\nf a =x uid=2 mtime=3 mode=4755 user.a=\"1\" user.b=\"2\"\nh b ->a",
		umoci:   "d /\nf a =x mtime=1 mode=600 user.a=\"1\"\nh b ->a",
	},
	{
		name:    "a hardlink into a lower layer",
		layers:  []string{"f a =x mtime=1", "h b ->a mtime=1"},
		storage: `error: layer 2 (2.tar), entry 1 "b": containers-storage refuses this: the hardlink's target "a" is not there`,
		umoci:   "d /\nf a =x mtime=1\nh b ->a",
	},
	{
		name:    "a parent that is a symlink of a lower layer",
		layers:  []string{"d usr mtime=1\nl lib ->/usr mtime=2", "f lib/a mtime=3"},
		storage: "d / mtime=N mode=555\nd lib mtime=N\nf lib/a mtime=3\nd usr mtime=1",
		umoci:   "d /\nl lib ->/usr mtime=2\nd usr mtime=1\nf usr/a mtime=3",
	},
	{
		name:    "a parent that is a file of a lower layer",
		layers:  []string{"f a mtime=1", "f a/b mtime=2"},
		storage: "d / mtime=N mode=555\nd a mtime=N\nf a/b mtime=2",
		umoci:   `error: layer 2 (2.tar), entry 1 "a/b": umoci refuses this: its parent is not a directory`,
	},
	{
		name:    "a whiteout before a new directory",
		layers:  []string{"d a mtime=1\nf a/old mtime=1", "f .wh.a\nd a mtime=2\nf a/new mtime=3"},
		storage: "d / mtime=N mode=555\nd a mtime=2\nf a/new mtime=3\nf a/old mtime=1",
		umoci:   "d /\nd a mtime=2\nf a/new mtime=3",
	},
	{
		name:    "a whiteout after a new file",
		layers:  []string{"f a =old mtime=1", "f a =new mtime=2\nf .wh.a"},
		storage: `error: layer 2 (2.tar), entry 2 ".wh.a": containers-storage refuses this: `,
		umoci:   "d /\nf a =new mtime=2",
	},
	{
		name:    "a late opaque marker",
		layers:  []string{"d a mtime=1\nf a/old mtime=1\nd a/s mtime=1\nf a/s/old mtime=1", "d a mtime=2\nd a/s mtime=3\nf a/s/new mtime=4\nf a/.wh..wh..opq"},
		storage: "d / mtime=N mode=555\nd a mtime=2\nd a/s mtime=3\nf a/s/new mtime=4",
		umoci:   "d /\nd a mtime=2\nd a/s mtime=N\nf a/s/new mtime=4",
	},
	{
		name:    "a whiteout that only its own directory has",
		layers:  []string{"d a mtime=1\nf a/.wh.x"},
		storage: `error: layer 1 (1.tar), entry 2 "a/.wh.x": overlayfs lists this whiteout`,
		umoci:   "d /\nd a mtime=1",
	},
	{
		name: "xattrs that overlayfs takes for its own",
		layers: []string{"d a mode=700 mtime=1\nf a/x mtime=1\nf f mtime=1 pax:SCHILY.xattr.trusted.overlay.overlay.opaque=y",
			"d b mtime=2 pax:SCHILY.xattr.trusted.overlay.redirect=/a\nf .wh.a"},
		storage: "d / mtime=N mode=555\nd b mtime=2\nf b/x mtime=1\nf f mtime=1 trusted.overlay.opaque=\"y\"",
		umoci:   "d /\nd b mtime=2\nf f mtime=1 trusted.overlay.overlay.opaque=\"y\"",
	},
	{
		name:    "a file of which a layer has only the metadata",
		layers:  []string{"f a =12 mtime=1", "f a =12 mtime=2 pax:SCHILY.xattr.trusted.overlay.metacopy=0000"},
		storage: `error: layer 2 (2.tar) "a": the layer has only its metadata`,
		umoci:   "d /\nf a =12 mtime=2",
	},
	{
		name:    "a name twice",
		layers:  []string{"f a =1 mtime=1\nf ./a =2 mtime=2"},
		storage: `error: layer 1 (1.tar), entry 2 "a": containers-storage refuses this: the layer has this name twice`,
		umoci:   "d /\nf a =2 mtime=2",
	},
	{
		name:    "mtimes out of range",
		layers:  []string{"f a mtime=-1\nl b ->x pax:mtime=-1.5\nf c pax:mtime=9223372036.854775808\nf d pax:mtime=9223372036.854775807"},
		storage: "d / mtime=N mode=555\nf a\nl b ->x mtime=-2 nsec=500000000\nf c\nf d mtime=9223372036 nsec=854775807",
		umoci:   "d /\nf a mtime=-1\nl b ->x mtime=-2 nsec=500000000\nf c mtime=-2147483648\nf d mtime=9223372036 nsec=854775807",
	},
	{
		name:    "xattrs",
		layers:  []string{"d a mtime=1 pax:SCHILY.xattr.user.a=1 pax:SCHILY.xattr.user.b= pax:SCHILY.xattr.security.selinux=x", "d a mtime=2 pax:SCHILY.xattr.trusted.c=2"},
		storage: "d / mtime=N mode=555\nd a mtime=2 trusted.c=\"2\"",
		umoci:   "d /\nd a mtime=2 trusted.c=\"2\"",
	},
	{
		name: "the file capability of the root user",
		layers: []string{`f a mtime=1 pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x03` + strings.Repeat(`\x00`, 20) + `"` + "\n" +
			`f b mtime=1 pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x03` + strings.Repeat(`\x00`, 19) + `\x01"`},
		storage: "d / mtime=N mode=555\nf a mtime=1 security.capability=\"\\x01\\x00\\x00\\x02" + strings.Repeat(`\x00`, 16) + "\"\n" +
			"f b mtime=1 security.capability=\"\\x01\\x00\\x00\\x03" + strings.Repeat(`\x00`, 19) + "\\x01\"",
		umoci: "d /\nf a mtime=1 security.capability=\"\\x01\\x00\\x00\\x02" + strings.Repeat(`\x00`, 16) + "\"\n" +
			"f b mtime=1 security.capability=\"\\x01\\x00\\x00\\x03" + strings.Repeat(`\x00`, 19) + "\\x01\"",
	},
	{
		name: "modes and ACLs",
		layers: []string{"f a mode=600 mtime=1 " + layers.ACL("access", "u=6 g=4 m=6 o=4") + "\nf b mode=600 mtime=1 " + layers.ACL("access", "u=6 g=4 o=4") +
			"\nd c mtime=1 " + layers.ACL("default", "u=6 g=4 m=6 o=4") + "\nf c/x mode=620 mtime=1\nf c/d/y mode=620 mtime=1\nl c/l ->x mtime=1"},
		storage: "d / mtime=N mode=555\nf a mtime=1 mode=664 " + aclText("access", "u=6 g=4 m=6 o=4") + "\nf b mtime=1\nd c mtime=1 " + aclText("default", "u=6 g=4 m=6 o=4") +
			"\nd c/d mtime=N mode=664 " + aclText("access", "u=6 g=4 m=6 o=4") + " " + aclText("default", "u=6 g=4 m=6 o=4") +
			"\nf c/d/y mtime=1 mode=620 " + aclText("access", "u=6 g=4 m=2 o=0") + "\nl c/l ->x mtime=1\nf c/x mtime=1 mode=620 " + aclText("access", "u=6 g=4 m=2 o=0"),
		umoci: "d /\nf a mtime=1 mode=664 " + aclText("access", "u=6 g=4 m=6 o=4") + "\nf b mtime=1\nd c mtime=N " + aclText("default", "u=6 g=4 m=6 o=4") +
			"\nd c/d mtime=N mode=664 " + aclText("access", "u=6 g=4 m=6 o=4") + " " + aclText("default", "u=6 g=4 m=6 o=4") +
			"\nf c/d/y mtime=1 mode=620\nl c/l ->x mtime=1\nf c/x mtime=1 mode=620",
	},
	{
		name:    "a symlink's mode, and an owner that chown takes for none",
		layers:  []string{"l a ->x mode=600 uid=4294967295 gid=7 mtime=1"},
		storage: "d / mtime=N mode=555\nl a ->x gid=7 mtime=1",
		umoci:   "d /\nl a ->x gid=7 mtime=1",
	},
}

// aclText is an ACL as trees.Text has it.
func aclText(name, entries string) string {
	record, err := strconv.Unquote(strings.TrimPrefix(layers.ACL(name, entries), "pax:"))
	if err != nil {
		panic(err)
	}
	key, value, _ := strings.Cut(strings.TrimPrefix(record, "SCHILY.xattr."), "=")
	return key + "=" + strconv.Quote(value)
}

func TestUnpack(t *testing.T) {
	for _, c := range unpackCases {
		t.Run(c.name, func(t *testing.T) {
			for _, engine := range Engines() {
				want := map[string]string{"containers-storage": c.storage, "umoci": c.umoci}[engine.Name]
				checkUnpackText(t, engine, c.layers, strings.ReplaceAll(want, "mtime=N", "mtime=1800000000"))
			}
		})
	}
}

var unpackTime = canon.Time{Sec: 1800000000}

func checkUnpackText(t *testing.T, engine Engine, specs []string, want string) {
	t.Helper()
	tree, err := engine.Unpack(reading.Layers(t, specs...), unpackTime)
	if message, found := strings.CutPrefix(want, "error: "); found {
		var entryError *canon.EntryError
		if !errors.As(err, &entryError) || !strings.HasPrefix(err.Error(), message) {
			t.Errorf("%s: error %v, want %s", engine.Name, err, message)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", engine.Name, err)
		return
	}
	if diff := cmp.Diff(trees.Lines(want), trees.Text(tree)); diff != "" {
		t.Errorf("%s: want -, got +\n%s", engine.Name, diff)
	}
	for path, e := range tree.All() {
		if e.Origin != nil {
			t.Errorf("%s: %s has an origin", engine.Name, path)
		}
	}
}

// TestUnpackEveryField: no field of an engine could say something else without
// a difference in some hostile image. So the test with real engines checks all.
func TestUnpackEveryField(t *testing.T) {
	for _, engine := range Engines() {
		want := unpackedHostile(t, engine)
		for i := range reflect.TypeFor[Engine]().NumField() {
			other := engine
			field := reflect.ValueOf(&other).Elem().Field(i)
			name := reflect.TypeFor[Engine]().Field(i).Name
			if name == "RootEpoch" && engine.LayerDirectories {
				// The root that shows is that of the container, which is new.
				continue
			}
			switch value := field.Addr().Interface().(type) {
			case *bool:
				*value = !*value
			case *int:
				*value++
			case *uint16:
				*value ^= 1
			case *[]string:
				*value = nil
			default:
				continue
			}
			if cmp.Equal(want, unpackedHostile(t, other)) {
				t.Errorf("%s: no image shows %s", engine.Name, name)
			}
		}
	}
}

func unpackedHostile(t *testing.T, engine Engine) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, image := range layers.Hostile() {
		tree, err := engine.Unpack(reading.Layers(t, image.Layers...), unpackTime)
		if err != nil {
			all[image.Name] = "error"
			continue
		}
		all[image.Name] = trees.Text(tree)
	}
	return all
}

// TestUnpackLeavesLayers: what is unpacked and changed then does not change what
// the layers give next.
func TestUnpackLeavesLayers(t *testing.T) {
	entries := reading.Layers(t, "d a mtime=1 pax:SCHILY.xattr.user.a=1\nf a/x =x mtime=1 pax:SCHILY.xattr.trusted.overlay.a=1 pax:SCHILY.xattr.user.x=1", "f a/.wh.y\nd a mtime=2")
	for _, engine := range Engines() {
		var before string
		for range 2 {
			tree, err := engine.Unpack(entries, unpackTime)
			if err != nil {
				t.Fatal(err)
			}
			text := trees.Text(tree)
			if before != "" && text != before {
				t.Errorf("%s: first\n%sthen\n%s", engine.Name, before, text)
			}
			before = text
			for e := range tree.Dirents() {
				e.Node.Xattrs.Set("user.x", "changed")
				e.Node.Mtime = canon.Time{}
			}
			tree.Root.RemoveAll()
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, image := range layers.Hostile() {
		upper := ""
		if len(image.Layers) > 1 {
			upper = image.Layers[1]
		}
		f.Add(layers.Tar(image.Layers[0]), layers.Tar(upper))
	}
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		var entries []*layer.Entries
		for i, archive := range [][]byte{lower, upper} {
			l, err := reading.Layer(archive, i+1)
			if err != nil {
				return
			}
			entries = append(entries, l)
		}
		for _, engine := range Engines() {
			tree, err := engine.Unpack(entries, unpackTime)
			if err != nil {
				var entryError *canon.EntryError
				if !errors.As(err, &entryError) {
					t.Fatal(err)
				}
				continue
			}
			if err := tree.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestChoose(t *testing.T) {
	all, err := Choose(nil)
	if err != nil || len(all) != len(Engines()) {
		t.Fatalf("%d engines, error %v", len(all), err)
	}
	last := all[len(all)-1]
	if one, err := Choose([]string{last.Name}); err != nil || len(one) != 1 || one[0].Name != last.Name {
		t.Errorf("%v, error %v", one, err)
	}
	var unknown *NameError
	if _, err := Choose([]string{last.Name, "x"}); !errors.As(err, &unknown) || unknown.Name != "x" || !slices.Contains(unknown.Known, last.Name) {
		t.Errorf("error %v", err)
	}
}
