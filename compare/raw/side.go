package raw

import (
	"crypto/sha256"
	"hash"
	"io"
	"path"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// side is one of two archives.
type side struct {
	number int
	tar    *tarfile.Reader
	entry  func(side int, h *canon.Header, global int64) error
	// entries counts those up to the one at hand.
	entries int
	header  *canon.Header // of the entry at hand, nil at the end
	key     string        // its path, however it is written
	// held are entries, by key, that the other side did not have so far.
	held   map[string][]held
	holds  int // number of all
	hasher hash.Hash
	buffer []byte
}

// held is an entry in few bytes.
type held struct {
	number  int
	path    string
	size    int64
	content [sha256.Size]byte
	raw     string // packed
}

func newSide(number int, r io.Reader, entry func(side int, h *canon.Header, global int64) error) *side {
	s := &side{number: number, tar: tarfile.NewReader(r), entry: entry, held: map[string][]held{}, hasher: sha256.New(), buffer: make([]byte, bufferSize)}
	s.tar.Record()
	return s
}

func (s *side) fail(h *canon.Header, err error) error {
	e := &EntryError{Side: s.number, Entry: s.entries, Err: err}
	if h != nil {
		e.Path = h.Name
	}
	return e
}

// next goes to the next entry.
func (s *side) next() error {
	h, _, err := s.tar.Next()
	if err == io.EOF {
		s.header, s.key = nil, ""
		return nil
	}
	s.entries++
	if err == nil && s.entry != nil {
		err = s.entry(s.number, h, s.global())
	}
	if err != nil {
		return s.fail(h, err)
	}
	s.header, s.key = h, path.Join("/", h.Name)
	return nil
}

// global is the size in bytes of the global headers before the entry.
func (s *side) global() int64 {
	size := 0
	for i := range s.tar.Raw().Extensions {
		if x := &s.tar.Raw().Extensions[i]; x.Typeflag() == 'g' {
			size += len(x.Block) + len(x.Data)
		}
	}
	return int64(size)
}

// read reads what is left of the entry's content.
func (s *side) read() (held, error) {
	h := held{number: s.entries, path: s.header.Name}
	s.hasher.Reset()
	var err error
	if h.size, err = io.CopyBuffer(s.hasher, s.tar, s.buffer); err == nil {
		err = s.tar.End()
	}
	if err != nil {
		return h, s.fail(s.header, err)
	}
	s.hasher.Sum(h.content[:0])
	return h, nil
}

// hold keeps the entry, as the other side may have it later.
func (s *side) hold() error {
	h, err := s.read()
	if err != nil {
		return err
	}
	h.raw = pack(s.tar.Raw())
	s.held[s.key] = append(s.held[s.key], h)
	s.holds++
	return nil
}

// take removes the first entry that is held for a key, and returns it.
func (s *side) take(key string) held {
	list := s.held[key]
	if len(list) == 1 {
		delete(s.held, key)
	} else {
		s.held[key] = list[1:]
	}
	s.holds--
	return list[0]
}

// isHeld says that an entry is still held.
func (s *side) isHeld(key string, number int) bool {
	for _, h := range s.held[key] {
		if h.number == number {
			return true
		}
	}
	return false
}
