package raw

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"strconv"

	"cfsverify/canon/tarfile"
)

// end compares what stands behind the last entries.
func (j *join) end() error {
	a, b := j.sides[0], j.sides[1]
	var trails [2]*trail
	for i, s := range j.sides {
		trails[i] = &trail{sum: sha256.New()}
		size, err := s.tar.TrailingTo(trails[i])
		if err != nil {
			return &EntryError{Side: i, Entry: s.entries, Err: err}
		}
		trails[i].size, j.out.Sizes[i] = size, s.tar.Offset()
	}
	changes := tarfile.Differences(a.tar.Raw(), b.tar.Raw())
	if x, y := zeroBlocks(a.tar), zeroBlocks(b.tar); x != y {
		changes = append(changes, tarfile.Change{Part: tarfile.PartZeroBlocks, A: tarfile.Value{Text: x}, B: tarfile.Value{Text: y}})
	}
	x, y := trails[0], trails[1]
	if x.size != y.size {
		changes = append(changes, tarfile.Change{Part: tarfile.PartTrailing, A: tarfile.Value{Text: strconv.FormatInt(x.size, 10)}, B: tarfile.Value{Text: strconv.FormatInt(y.size, 10)}})
	}
	if (x.dirty || y.dirty) && (x.size != y.size || !bytes.Equal(x.sum.Sum(nil), y.sum.Sum(nil))) {
		changes = append(changes, tarfile.Change{Part: tarfile.PartTrailingData, A: tarfile.Value{Text: string(x.head)}, B: tarfile.Value{Text: string(y.head)}})
	}
	j.out.End = changes
	if j.out.First == nil && j.twins.differ {
		f := j.first()
		f.Place, f.EntryOffset, f.Changes = AtEnd, a.tar.Raw().Offset, changes
	}
	return nil
}

func zeroBlocks(r *tarfile.Reader) string {
	switch {
	case r.NoEnd:
		return "0"
	case r.OneZeroBlock:
		return "1"
	}
	return "2"
}

// trail is what follows an archive's end.
type trail struct {
	sum   hash.Hash
	size  int64
	dirty bool // not all of it is zero
	head  []byte
}

func (t *trail) Write(p []byte) (int, error) {
	t.sum.Write(p)
	t.head = append(t.head, p[:min(len(p), shownBytes-len(t.head))]...)
	t.dirty = t.dirty || len(bytes.TrimLeft(p, "\x00")) > 0
	return len(p), nil
}
