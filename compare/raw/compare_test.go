package raw

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

var errFire = errors.New("disk on fire")

func sum(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// memory is a layer in memory: how it is stored, and what is in it.
type memory struct {
	stored, archive []byte
	// stated says that its diffID is.
	stated   bool
	identity any
	// once says that it cannot be read twice.
	once bool
	// open, count, verify and again are errors of these calls; read is one at the end.
	open, count, verify, again, read error
	// opened and closed count the calls.
	opened, closed atomic.Int64
}

func plain(spec string) *memory { return &memory{stored: layers.Tar(spec), archive: layers.Tar(spec)} }

func stated(spec string) *memory {
	m := plain(spec)
	m.stated = true
	return m
}

func (m *memory) layer(index int) SideLayer {
	l := SideLayer{Layer: &canon.Layer{Index: index}, Identity: m.identity}
	if m.stated {
		l.Layer.DiffID = sum(m.archive)
	}
	l.Open = func(context.Context) (*Stream, error) {
		if m.opened.Add(1); m.open != nil {
			return nil, m.open
		}
		r := io.Reader(bytes.NewReader(m.archive))
		if m.read != nil {
			r = io.MultiReader(r, iotest.ErrReader(m.read))
		}
		verify := func() (Blob, error) {
			if _, err := io.Copy(io.Discard, r); err != nil || m.verify != nil {
				return Blob{}, errors.Join(err, m.verify)
			}
			l.Layer.DiffID = sum(m.archive)
			return Blob{Digest: sum(m.stored), Size: int64(len(m.stored))}, nil
		}
		return &Stream{r, func(*canon.Header, int64) error { return m.count }, verify, func() { m.closed.Add(1) }}, nil
	}
	if !m.once {
		l.OpenStored = func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(m.stored)), m.again
		}
	}
	return l
}

func imageOf(name string, list ...*memory) Side {
	s := Side{Name: name}
	for i, m := range list {
		s.Layers = append(s.Layers, m.layer(i+1))
	}
	return s
}

// TestCompare: layers are paired by diffIDs that are stated, and all are verified.
func TestCompare(t *testing.T) {
	base, onlyB := func() *memory { return stated("d usr/") }, stated("f usr/new")
	a, b := []*memory{base(), stated("f usr/a =1")}, []*memory{base(), onlyB, stated("f usr/a =2")}
	got, err := Compare(t.Context(), imageOf("oci:a", a...), imageOf("oci:b", b...))
	if err != nil {
		t.Fatal(err)
	}
	// The second ones are paired by position, so b has its last layer alone.
	var pairs [][2]int
	for _, l := range got.Layers {
		pair := [2]int{}
		for i, side := range []*canon.Layer{l.A, l.B} {
			if side != nil {
				pair[i] = side.Index
			}
		}
		pairs = append(pairs, pair)
	}
	if diff := cmp.Diff([][2]int{{1, 1}, {2, 2}, {0, 3}}, pairs); diff != "" {
		t.Error(diff)
	}
	if !got.Layers[0].Same() || got.Layers[1].Archive == nil || got.Layers[1].Stored == nil || got.Layers[1].Stored.Offset != -1 || got.Layers[2].Stored != nil || got.Same() {
		t.Errorf("%+v", got)
	}
	if got.A != (Image{Source: "oci:a", Layers: 2}) || got.B != (Image{Source: "oci:b", Layers: 3}) || got.Config != nil || got.Manifest != nil {
		t.Errorf("%+v and %+v", got.A, got.B)
	}
	for i, m := range append(a, b...) {
		if m.opened.Load() != 1 || m.closed.Load() != 1 {
			t.Errorf("layer %d was opened %d times, and closed %d times", i, m.opened.Load(), m.closed.Load())
		}
	}
	// The other way round, it is a that has a layer alone.
	back, err := Compare(t.Context(), imageOf("oci:b", b...), imageOf("oci:a", a...))
	if err != nil || len(back.Layers) != 3 || back.Layers[2].B != nil || back.Layers[2].A.Index != 3 {
		t.Errorf("%+v, %v", back, err)
	}
}

// TestCompareDocuments: documents are compared if both sides have them, without what
// follows from the layers.
func TestCompareDocuments(t *testing.T) {
	a, b := imageOf("a", plain("d usr/")), imageOf("b", plain("d usr/"))
	a.Config, b.Config = []byte(`{"rootfs":{"diff_ids":["1"]},"created":"x"}`), []byte(`{"rootfs":{"diff_ids":["2"]},"created":"y"}`)
	a.Manifest = []byte(`{"config":{"digest":"1","size":1},"layers":[{"digest":"1","size":1,"mediaType":"m"}]}`)
	b.Manifest = []byte(`{"config":{"digest":"2","size":2},"layers":[{"digest":"2","size":2,"mediaType":"n"}]}`)
	got, err := Compare(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]DocumentChange{{"created", `"x"`, `"y"`}}, got.Config.Changes); diff != "" || !got.Config.LeftOut {
		t.Errorf("config: %+v", got.Config)
	}
	if diff := cmp.Diff([]DocumentChange{{"layers[0].mediaType", `"m"`, `"n"`}}, got.Manifest.Changes); diff != "" || !got.Manifest.LeftOut {
		t.Errorf("manifest: %+v", got.Manifest)
	}
	if want := (Image{Source: "a", Manifest: sum(a.Manifest), Config: sum(a.Config), Layers: 1}); got.A != want {
		t.Errorf("%+v, want %+v", got.A, want)
	}
	if got, err := Compare(t.Context(), a, imageOf("b", plain("d usr/"))); err != nil || got.Config != nil || got.Manifest != nil || got.A.Config == "" || got.B.Config != "" {
		t.Errorf("bare layers on one side: %+v, %v", got, err)
	}
	for what, damage := range map[string]func(*Side){"config": func(s *Side) { s.Config = []byte("{") }, "manifest": func(s *Side) { s.Manifest = []byte("{") }} {
		for i := range 2 {
			sides := [2]Side{a, b}
			damage(&sides[i])
			if got, err := Compare(t.Context(), sides[0], sides[1]); err == nil || !strings.HasPrefix(err.Error(), "the "+what+" is not valid: ") || got != nil {
				t.Errorf("%s of side %d: %v", what, i, err)
			}
		}
	}
}

// TestCompareIdentity: of one blob that both sides have, one is read; of copies both are,
// as digests that are stated prove nothing.
func TestCompareIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		a, b any
		want int64
	}{"one": {"x", "x", 1}, "copies": {"x", "y", 2}, "unknown": {nil, nil, 2}, "one is unknown": {"x", nil, 2}} {
		a, b := stated("f a"), stated("f a")
		a.identity, b.identity = c.a, c.b
		got, err := Compare(t.Context(), imageOf("a", a), imageOf("b", b))
		if err != nil || !got.Same() || got.Layers[0].B.DiffID != sum(b.archive) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if read := a.opened.Load() + b.opened.Load(); read != c.want {
			t.Errorf("%s: %d were read, want %d", name, read, c.want)
		}
		a, b = stated("f a"), stated("f a")
		a.identity, b.identity, a.verify = c.a, c.b, errFire
		if _, err := Compare(t.Context(), imageOf("a", a), imageOf("b", b)); !errors.Is(err, errFire) || !strings.HasPrefix(err.Error(), "a: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestCompareStored: archives that are the same may be stored in other bytes, the first
// of which is found if the blobs can be read once more.
func TestCompareStored(t *testing.T) {
	kept := func(text string) *memory {
		m := plain("f a")
		m.stored = []byte(text)
		return m
	}
	for name, c := range map[string]struct {
		a, b   *memory
		offset int64
	}{
		"another byte":   {kept("abcd"), kept("abXd"), 2},
		"the first byte": {kept("abcd"), kept("Xbcd"), 0},
		"longer":         {kept("abcd"), kept("abcde"), 4},
		"shorter":        {kept("abcd"), kept("abc"), 3},
		"far behind":     {kept(strings.Repeat("x", 200_000) + "a"), kept(strings.Repeat("x", 200_000) + "b"), 200_000},
		"a zero more":    {kept("ab"), kept("ab\x00"), 2},
	} {
		for _, stated := range []bool{false, true} {
			c.a.stated, c.b.stated = stated, stated
			got, err := Compare(t.Context(), imageOf("a", c.a), imageOf("b", c.b))
			if err != nil {
				t.Fatal(err)
			}
			want := &Stored{A: Blob{Digest: sum(c.a.stored), Size: int64(len(c.a.stored))}, B: Blob{Digest: sum(c.b.stored), Size: int64(len(c.b.stored))}, Offset: c.offset}
			if diff := cmp.Diff(want, got.Layers[0].Stored); diff != "" || got.Layers[0].Archive != nil {
				t.Errorf("%s: %s", name, diff)
			}
		}
		for _, m := range []*memory{c.a, c.b} {
			m.once = true
			if got, err := Compare(t.Context(), imageOf("a", c.a), imageOf("b", c.b)); err != nil || got.Layers[0].Stored.Offset != -1 {
				t.Errorf("%s: a pipe: %+v, %v", name, got, err)
			}
			m.once, m.again = false, errFire
			if got, err := Compare(t.Context(), imageOf("a", c.a), imageOf("b", c.b)); err != errFire || got != nil {
				t.Errorf("%s: it cannot be opened again: %+v, %v", name, got, err)
			}
			m.again = nil
		}
	}
}

// TestFirstDifferent: blobs that had other digests differ somewhere, or somebody has
// written into them.
func TestFirstDifferent(t *testing.T) {
	opens := func(r io.Reader) SideLayer {
		return SideLayer{OpenStored: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(r), nil }}
	}
	text := func(text string) SideLayer { return opens(strings.NewReader(text)) }
	broken := func() SideLayer { return opens(io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(errFire))) }
	if at, err := firstDifferent(t.Context(), text("abc"), text("abc")); err == nil || !strings.Contains(err.Error(), "changed while it was read") || at != -1 {
		t.Errorf("%d, %v", at, err)
	}
	for i, pair := range [][2]SideLayer{{broken(), text("abc")}, {text("abc"), broken()}} {
		if at, err := firstDifferent(t.Context(), pair[0], pair[1]); err != errFire || at != -1 {
			t.Errorf("side %d: %d, %v", i, at, err)
		}
	}
	if at, err := firstDifferent(t.Context(), broken(), text("aX")); err != nil || at != 1 {
		t.Errorf("before the fault: %d, %v", at, err)
	}
}

// TestCompareFaults: whatever is wrong with a layer, it is told of its side, nothing is
// told of the other, and all that was opened is closed.
func TestCompareFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(*memory)
		want  string
	}{
		"not there":    {func(m *memory) { m.open = errFire }, "bad: disk on fire"},
		"damaged":      {func(m *memory) { m.verify = errFire }, "bad: disk on fire"},
		"unreadable":   {func(m *memory) { m.read = errFire }, "bad: disk on fire"},
		"many entries": {func(m *memory) { m.count = errFire }, `), entry 1 "a": disk on fire`},
		"no archive":   {func(m *memory) { m.archive = bytes.Repeat([]byte("x"), 2000) }, "), entry 1: block at byte 0: this is no tar header"},
		"damaged, no archive": {func(m *memory) {
			m.archive, m.verify = bytes.Repeat([]byte("x"), 2000), errFire
		}, "bad: disk on fire"},
	} {
		for i := range 2 {
			bad, good := plain("f a =1"), plain("f a =2")
			c.fault(bad)
			sides := [2]Side{imageOf("bad", bad), imageOf("good", good)}
			got, err := Compare(t.Context(), sides[i], sides[1-i])
			if err == nil || !strings.HasPrefix(err.Error(), "bad: ") || !strings.Contains(err.Error(), c.want) || got != nil {
				t.Errorf("%s, side %d: %v, want %s", name, i, err, c.want)
			}
			for _, m := range []*memory{bad, good} {
				opened := m.opened.Load()
				if m.open != nil {
					opened = 0
				}
				if m.closed.Load() != opened {
					t.Errorf("%s, side %d: opened %d times, closed %d times", name, i, opened, m.closed.Load())
				}
			}
		}
	}
	// A layer without a partner is verified as well.
	for i := range 2 {
		bad := plain("f a")
		bad.verify = errFire
		sides := [2]Side{imageOf("bad", bad), imageOf("good")}
		if _, err := Compare(t.Context(), sides[i], sides[1-i]); err == nil || err.Error() != "bad: disk on fire" {
			t.Errorf("a layer that only side %d has: %v", i, err)
		}
	}
}

// TestCompareCancelled: who cancels is told so, whatever errors follow from it.
func TestCompareCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a, b := plain("f a"), plain("f b")
	s := imageOf("a", a)
	open := s.Layers[0].Open
	s.Layers[0].Open = func(ctx context.Context) (*Stream, error) { cancel(); return open(ctx) }
	a.verify = errFire
	if _, err := Compare(ctx, s, imageOf("b", b)); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

// TestCausesOfImages: what is in the config and how blobs are stored have causes, too.
func TestCausesOfImages(t *testing.T) {
	all := map[Cause]bool{}
	for _, c := range Causes() {
		if all[c] {
			t.Errorf("%s is listed twice", c)
		}
		all[c] = true
	}
	created := func(path string) *Document { return &Document{Changes: []DocumentChange{{Path: path}}} }
	gzip := func(h tarfile.GzipHeader) Blob { return Blob{Compression: tarfile.Gzip, Gzip: &h} }
	stored := func(a, b Blob) []*Layer { return []*Layer{{Stored: &Stored{A: a, B: b}}} }
	same := tarfile.GzipHeader{Mtime: 1, Name: "n", Comment: "c", Extra: "e", OS: 3}
	other := func(change func(*tarfile.GzipHeader)) Blob {
		h := same
		change(&h)
		return gzip(h)
	}
	end := func(a, b string) []*Layer {
		archive, err := Archives(strings.NewReader(a), strings.NewReader(b), nil)
		if err != nil {
			t.Fatal(err)
		}
		return []*Layer{{Archive: archive}}
	}
	text := string(layers.Tar("f a"))
	for name, c := range map[string]struct {
		images Images
		want   []Cause
	}{
		"the same":               {Images{Layers: []*Layer{{}}}, nil},
		"created":                {Images{Config: created("created")}, []Cause{CauseCreated}},
		"created of the history": {Images{Config: created("history[12].created")}, []Cause{CauseCreated}},
		"created_by":             {Images{Config: created("history[1].created_by")}, nil},
		"another created":        {Images{Config: created("config.Labels.created")}, nil},
		"gzip and zstd":          {Images{Layers: stored(gzip(same), Blob{Compression: tarfile.Zstd})}, []Cause{CauseCompression}},
		"gzip mtime":             {Images{Layers: stored(gzip(same), other(func(h *tarfile.GzipHeader) { h.Mtime++ }))}, []Cause{CauseGzipHeader}},
		"gzip name":              {Images{Layers: stored(gzip(same), other(func(h *tarfile.GzipHeader) { h.Name = "" }))}, []Cause{CauseGzipHeader}},
		"gzip comment":           {Images{Layers: stored(gzip(same), other(func(h *tarfile.GzipHeader) { h.Comment = "" }))}, []Cause{CauseGzipHeader}},
		"gzip extra":             {Images{Layers: stored(gzip(same), other(func(h *tarfile.GzipHeader) { h.Extra = "" }))}, []Cause{CauseGzipHeader}},
		"gzip level and system":  {Images{Layers: stored(gzip(same), other(func(h *tarfile.GzipHeader) { h.OS, h.Flags = 255, 2 }))}, []Cause{CauseCompressor}},
		"zstd in other bytes":    {Images{Layers: stored(Blob{Compression: tarfile.Zstd}, Blob{Compression: tarfile.Zstd})}, []Cause{CauseCompressor}},
		"the archive's end":      {Images{Layers: end(text, text+strings.Repeat("\x00", 512))}, []Cause{CauseEnd}},
		"its end, and created":   {Images{Layers: end(text, text[:len(text)-512]), Config: created("created")}, []Cause{CauseEnd, CauseCreated}},
	} {
		if diff := cmp.Diff(c.want, c.images.Causes()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, cause := range c.images.Causes() {
			if !all[cause] {
				t.Errorf("%s: %s is not listed", name, cause)
			}
		}
	}
	// Blobs of other archives differ because of these, unless their headers do as well.
	archives := end(text, string(layers.Tar("f a mode=600")))
	archives[0].Stored = &Stored{A: gzip(same), B: gzip(same)}
	if diff := cmp.Diff([]Cause{CauseModes}, (&Images{Layers: archives}).Causes()); diff != "" {
		t.Error(diff)
	}
}
