package canon

import (
	"strings"
	"testing"
	"time"

	"cfsverify/canon/fsverity"
)

// TestKinds: the bits are those of include/uapi/linux/stat.h.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		kind   Kind
		bits   uint32
		name   string
		device bool
	}{
		{FIFO, 0o010000, "FIFO", false}, {CharDevice, 0o020000, "character device", true}, {Directory, 0o040000, "directory", false},
		{BlockDevice, 0o060000, "block device", true}, {Regular, 0o100000, "file", false}, {Symlink, 0o120000, "symlink", false}, {Socket, 0o140000, "socket", false},
	} {
		if c.kind.ModeBits() != c.bits || c.kind.String() != c.name || c.kind.IsDevice() != c.device {
			t.Errorf("%v: bits %o, a device: %v", c.kind, c.kind.ModeBits(), c.kind.IsDevice())
		}
		for _, perm := range []uint32{0, 0o7777} {
			if kind, ok := KindOfMode(c.bits | perm); !ok || kind != c.kind {
				t.Errorf("mode %o is a %v, %v", c.bits|perm, kind, ok)
			}
		}
		if got := (&Node{Kind: c.kind, Perm: 0o4751}).Mode(); got != c.bits|0o4751 {
			t.Errorf("%v: mode %o", c.kind, got)
		}
	}
	for _, mode := range []uint32{0, 0o644, 0o030000, 0o050000, 0o150000, 0o170000} {
		if kind, ok := KindOfMode(mode); ok {
			t.Errorf("mode %o is a %v", mode, kind)
		}
	}
	for _, kind := range []Kind{0, Socket + 1, 255} {
		if kind.String() != "unknown type" {
			t.Errorf("kind %d is a %v", uint8(kind), kind)
		}
	}
}

func TestIsWhiteout(t *testing.T) {
	for _, c := range []struct {
		node Node
		want bool
	}{
		{Node{Kind: CharDevice}, true}, {Node{Kind: CharDevice, Perm: 0o666, UID: 1}, true}, {Node{Kind: CharDevice, Rdev: 1}, false},
		{Node{Kind: CharDevice, Rdev: 0x100}, false}, {Node{Kind: BlockDevice}, false}, {Node{Kind: FIFO}, false},
	} {
		if c.node.IsWhiteout() != c.want {
			t.Errorf("%+v: %v", c.node, !c.want)
		}
	}
}

// TestPayload: contents lie in the store under their digest, unless a dump file
// says something else.
func TestPayload(t *testing.T) {
	digest, err := fsverity.ParseDigest("ab" + strings.Repeat("01", 31))
	if err != nil {
		t.Fatal(err)
	}
	place := "ab/" + strings.Repeat("01", 31)
	elsewhere, atPlace, none := &Content{Digest: digest}, &Content{Digest: digest}, External(digest)
	elsewhere.SetPayload("other/file")
	atPlace.SetPayload(place)
	none.SetPayload("")
	for _, c := range []struct {
		name    string
		content *Content
		want    string
	}{
		{"external", External(digest), place}, {"inline", &Content{Inline: []byte("x")}, ""}, {"unknown", &Content{}, ""}, {"without payload", &Content{Digest: digest}, ""},
		{"elsewhere", elsewhere, "other/file"}, {"at its place", atPlace, place}, {"taken away", none, ""},
	} {
		if got := c.content.Payload(); got != c.want {
			t.Errorf("%s: payload %q, want %q", c.name, got, c.want)
		}
		if c.content.AtObjectPath() != (c.want == place) {
			t.Errorf("%s: at its object path: %v", c.name, c.content.AtObjectPath())
		}
		if got := string(c.content.AppendPayload([]byte("before "))); got != "before "+c.want {
			t.Errorf("%s: appended %q", c.name, got)
		}
	}
	// One that is at its place follows the digest.
	if atPlace.Digest, err = fsverity.ParseDigest(strings.Repeat("cd", 32)); err != nil {
		t.Fatal(err)
	}
	if want := "cd/" + strings.Repeat("cd", 31); atPlace.Payload() != want {
		t.Errorf("payload %q, want %q", atPlace.Payload(), want)
	}
}

// TestTimeCompare: as package time compares.
func TestTimeCompare(t *testing.T) {
	times := []Time{{-2, 0}, {-1, 0}, {-1, 999_999_999}, {0, 0}, {0, 1}, {0, 999_999_999}, {1, 0}, {1 << 40, 5}}
	for _, a := range times {
		for _, b := range times {
			want := time.Unix(a.Sec, int64(a.Nsec)).Compare(time.Unix(b.Sec, int64(b.Nsec)))
			if got := a.Compare(b); got != want {
				t.Errorf("%v and %v: %d, want %d", a, b, got, want)
			}
		}
	}
}

// TestLastNanosecond: one nanosecond later 64 bits are too few.
func TestLastNanosecond(t *testing.T) {
	last := LastNanosecond()
	at := time.Unix(last.Sec, int64(last.Nsec))
	if got := at.UTC().Format(time.RFC3339Nano); got != "2262-04-11T23:47:16.854775807Z" {
		t.Errorf("got %s", got)
	}
	if at.UnixNano() <= 0 || at.Add(1).UnixNano() >= 0 {
		t.Errorf("%d and %d nanoseconds", at.UnixNano(), at.Add(1).UnixNano())
	}
}

// TestNodes: each node is a new one that is zero, over more than one block.
func TestNodes(t *testing.T) {
	var nodes Nodes
	seen := map[*Node]bool{}
	for range 1000 {
		n := nodes.New()
		if seen[n] || n.Kind != 0 || n.UID != 0 || n.Children() != nil {
			t.Fatalf("node %d: %+v", len(seen), n)
		}
		seen[n] = true
		n.Kind, n.UID = Directory, 7
		n.Put(Dirent{Name: "a"})
	}
}
