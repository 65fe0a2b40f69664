package limits

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cfsverify/canon"
)

// exceeded says which limit an error is of, empty for none, and fails for other errors.
func exceeded(t *testing.T, err error) Limit {
	t.Helper()
	var limit *LimitError
	if err != nil && !errors.As(err, &limit) {
		t.Fatalf("error %v", err)
	}
	if limit == nil {
		return ""
	}
	return limit.Limit
}

// TestEntries: an entry counts with the directories that the one before it lacks, and a
// symlink with those that its target goes through.
func TestEntries(t *testing.T) {
	file := func(names ...string) (list []*canon.Header) {
		for _, name := range names {
			list = append(list, &canon.Header{Name: name, Typeflag: '0'})
		}
		return list
	}
	for _, c := range []struct {
		headers []*canon.Header
		want    int64
	}{
		{file("a"), 1},
		{file("a/"), 1},
		{file("a//"), 1},
		{file("a", "a"), 2},
		{file("a/b/c/d"), 4},
		{file("/a/b"), 2},
		{file("a/", "a/b", "a/b/c", "a/x", "e"), 5},
		{file("a/b/c", "a/b/d", "a/bc/d"), 3 + 1 + 2},
		{file("a/b/c", "a/b/"), 3 + 1},
		{file("a/b", "c", "a/b"), 2 + 1 + 2},
		{file("a/b/c", "d/b/c"), 3 + 3},
		{[]*canon.Header{{Name: "a", Linkname: "x/y/z", Typeflag: '2'}}, 3},
		{[]*canon.Header{{Name: "a/b", Linkname: "/x/", Typeflag: '2'}}, 4},
		{[]*canon.Header{{Name: "a/b", Linkname: "x/y/z", Typeflag: '1'}}, 2},
	} {
		add := func(most int64) (err error) {
			b := NewBudget(Limits{Entries: most}).Layer()
			before := ""
			for _, h := range c.headers {
				err = errors.Join(err, b.AddEntry(h, before))
				before = h.Name
			}
			return err
		}
		if err := add(c.want); err != nil {
			t.Errorf("%q: %v", before(c.headers), err)
		}
		if got := exceeded(t, add(c.want-1)); c.want > 1 && got != EntriesLimit {
			t.Errorf("%q: limit %q, want one of more than %d entries", before(c.headers), got, c.want-1)
		}
	}
}

func before(headers []*canon.Header) (names []string) {
	for _, h := range headers {
		names = append(names, h.Name)
	}
	return names
}

// TestMetadata: names, targets and PAX records count with all their bytes.
func TestMetadata(t *testing.T) {
	h := &canon.Header{Name: "name/", Linkname: "target", Typeflag: '2', PAX: map[string]string{"key": "value", "\u00e9": ""}}
	const size = 5 + 6 + 3 + 5 + 2 + EntryMemory + 2*RecordMemory
	for most, want := range map[int64]Limit{size: "", size - 1: MetadataLimit, 1: MetadataLimit, 0: ""} {
		if got := exceeded(t, NewBudget(Limits{Metadata: most}).AddEntry(h, "")); got != want {
			t.Errorf("at most %d bytes: limit %q, want %q", most, got, want)
		}
	}
	b := NewBudget(Limits{Metadata: size + 100})
	if err := errors.Join(b.AddEntry(h, ""), b.AddMetadata(99), b.AddMetadata(1)); err != nil {
		t.Error(err)
	}
	if got := exceeded(t, b.AddMetadata(1)); got != MetadataLimit {
		t.Errorf("limit %q", got)
	}
}

func TestBytes(t *testing.T) {
	b := NewBudget(Limits{Bytes: 10})
	for i, c := range []struct {
		n    int
		want Limit
	}{{4, ""}, {0, ""}, {6, ""}, {0, ""}, {1, BytesLimit}, {0, BytesLimit}} {
		if got := exceeded(t, b.AddBytes(c.n, 0, 0)); got != c.want {
			t.Errorf("call %d: limit %q, want %q", i, got, c.want)
		}
	}
}

// TestRatio: a layer may grow without limit to the size that is free, and then so many
// times of what was read of it.
func TestRatio(t *testing.T) {
	for _, c := range []struct {
		ratio, free          int64
		uncompressed, stored int64
		want                 Limit
	}{
		{10, 1000, 1000, 0, ""},
		{10, 1000, 1000, 1, ""},
		{10, 1000, 1001, 0, RatioLimit},
		{10, 1000, 1001, 1, RatioLimit},
		{10, 1000, 1001, 99, RatioLimit},
		{10, 1000, 1001, 101, ""},
		{10, 1000, 9_999, 1000, ""},
		{10, 1000, 10_001 + 9, 1000, RatioLimit},
		{10, 0, 1, 1, ""},
		{10, 0, 11, 1, RatioLimit},
		{0, 0, 1 << 50, 1, ""},
		{500, 1 << 30, 1 << 40, 1 << 32, ""},
	} {
		if got := exceeded(t, NewBudget(Limits{Ratio: c.ratio, RatioFree: c.free}).AddBytes(1, c.uncompressed, c.stored)); got != c.want {
			t.Errorf("%+v: limit %q", c, got)
		}
	}
}

// TestNoLimits: without a budget, and with one of no limits, there are none.
func TestNoLimits(t *testing.T) {
	large := &canon.Header{Name: strings.Repeat("a/", 10_000), Typeflag: '0'}
	var none *Budget
	for _, b := range []*Budget{none, NewBudget(Limits{}), NewBudget(Limits{}).Layer()} {
		if err := errors.Join(b.AddEntry(large, ""), b.AddBytes(1<<40, 1<<40, 1)); err != nil {
			t.Error(err)
		}
	}
}

// TestDefault: the default has all limits. A usual layer reaches none of them, and one
// that deflate shrinks as far as it can goes over the ratio.
func TestDefault(t *testing.T) {
	d := Default()
	for name, most := range map[string]int64{"entries": d.Entries, "bytes": d.Bytes, "metadata": d.Metadata, "ratio": d.Ratio, "ratio free": d.RatioFree} {
		if most <= 0 {
			t.Errorf("there is no limit of %s", name)
		}
	}
	b := NewBudget(d).Layer()
	if err := errors.Join(b.AddEntry(&canon.Header{Name: "usr/bin/a", Typeflag: '0'}, ""), b.AddBytes(1<<20, 1<<20, 1<<10)); err != nil {
		t.Error(err)
	}
	// 1032:1 is the most that deflate can do.
	if got := exceeded(t, b.AddBytes(0, 1032<<21, 1<<21)); got != RatioLimit {
		t.Errorf("limit %q", got)
	}
}

// TestLayers: the limits are for all layers of an image together.
func TestLayers(t *testing.T) {
	image := NewBudget(Limits{Bytes: 10})
	one, two := image.Layer(), image.Layer()
	if err := errors.Join(one.AddBytes(6, 0, 0), two.AddBytes(4, 0, 0)); err != nil {
		t.Error(err)
	}
	for name, b := range map[string]*Budget{"one": one, "two": two, "a new one": image.Layer(), "the image": image} {
		if got := exceeded(t, b.AddBytes(1, 0, 0)); got != BytesLimit {
			t.Errorf("%s: limit %q", name, got)
		}
	}
	if err := NewBudget(Limits{Bytes: 10}).Layer().AddBytes(10, 0, 0); err != nil {
		t.Errorf("the layer of another image: %v", err)
	}
}

// TestAddRead: a layer that was read for another image counts for this image as if it
// had been read for it, and leaves the layer's own budget as it is.
func TestAddRead(t *testing.T) {
	read := NewBudget(Limits{}).Layer()
	if err := errors.Join(read.AddEntry(&canon.Header{Name: "abc/d"}, ""), read.AddBytes(100, 0, 0), read.AddMetadata(5)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		most Limits
		want Limit
	}{
		"all at the limit": {Limits{Entries: 2, Bytes: 100, Metadata: 10 + 2*EntryMemory}, ""},
		"entries":          {Limits{Entries: 1, Bytes: 100, Metadata: 10 + 2*EntryMemory}, EntriesLimit},
		"bytes":            {Limits{Entries: 2, Bytes: 99, Metadata: 10 + 2*EntryMemory}, BytesLimit},
		"metadata":         {Limits{Entries: 2, Bytes: 100, Metadata: 9 + 2*EntryMemory}, MetadataLimit},
	} {
		image := NewBudget(c.most)
		shared := image.Layer()
		if got := exceeded(t, shared.AddRead(read)); got != c.want {
			t.Errorf("%s: limit %q", name, got)
		}
		if c.want != "" {
			continue
		}
		if got := exceeded(t, image.Layer().AddBytes(1, 0, 0)); got != BytesLimit {
			t.Errorf("%s: the image has room for more: limit %q", name, got)
		}
		third := NewBudget(Limits{Bytes: 1}).Layer()
		if err := third.AddRead(shared); err != nil {
			t.Errorf("%s: the layer was charged: %v", name, err)
		}
	}
}

// TestSideBySide: layers that are read side by side are all counted.
func TestSideBySide(t *testing.T) {
	const layers, entries = 8, 1000
	for most, wantFails := range map[int64]int64{layers * entries: 0, layers*entries - 5: 5} {
		image := NewBudget(Limits{Entries: most})
		var fails atomic.Int64
		var group sync.WaitGroup
		for range layers {
			b := image.Layer()
			group.Go(func() {
				for range entries {
					if err := b.AddEntry(&canon.Header{Name: "a"}, ""); err != nil {
						fails.Add(1)
					}
				}
			})
		}
		group.Wait()
		if fails.Load() != wantFails {
			t.Errorf("of %d entries %d fail, want %d", most, fails.Load(), wantFails)
		}
	}
}

func TestLimitError(t *testing.T) {
	for limit, want := range map[Limit]string{
		EntriesLimit:  "the image has more than 7 tar entries and directories that they need",
		BytesLimit:    "the image has more than 7 uncompressed bytes",
		MetadataLimit: "the image has more than 7 bytes of names, link targets, PAX records and inodes in memory",
		CopyLimit:     "the image has more than 7 bytes in a layer",
		RatioLimit:    "the layer grows to more than 7 times of its compressed size",
	} {
		if got := (&LimitError{limit, 7}).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	err := NewBudget(Limits{Bytes: 7}).AddBytes(8, 0, 0)
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Most != 7 {
		t.Errorf("error %+v", limit)
	}
}

// TestCommonDirectory holds all short names against what the words say.
func TestCommonDirectory(t *testing.T) {
	names := []string{""}
	for i := 0; len(names[i]) < 5; i++ {
		for _, c := range "ab/" {
			names = append(names, names[i]+string(c))
		}
	}
	for _, a := range names {
		for _, b := range names {
			want := 0
			for i := range a {
				if a[i] == '/' && strings.HasPrefix(b+"/", a[:i+1]) {
					want = i + 1
				}
			}
			if got := CommonDirectory(a, b); got != want {
				t.Fatalf("%q and %q: %d, want %d", a, b, got, want)
			}
		}
	}
}
