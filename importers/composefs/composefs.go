package composefs

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
)

// Options says how to read a dump file or a composefs image.
type Options struct {
	// Hash is that of the digests of file content.
	Hash fsverity.Algorithm
	// Lenient reads dump files of historical forms, see dumpfile.Options, and images
	// that are not what their trees give.
	Lenient bool
	// Limits bound what a source may take of memory.
	Limits limits.Limits
}

// File is what a dump file or a composefs image holds.
type File struct {
	Tree *canon.Tree
	// Image is set for a composefs image. Its Writer is found unless Options.Lenient.
	Image *erofs.Image
	// Written is the policy that was applied to a dump file's tree before it was written,
	// nil if nobody recorded it. RecordErr, a *RecordError, then says so if there is a record
	// that cannot be used.
	Written   *policy.Policy
	RecordErr error
}

// Load reads a dump file or a composefs image.
func Load(s source.Source, o Options) (*File, error) {
	var in io.Reader = os.Stdin
	var record *Record
	var recordErr error
	if s.Path != "-" {
		f, err := os.Open(s.Path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
		if s.Transport == source.Dump {
			record, recordErr = readRecord(RecordName(s.Path))
		}
	}
	sum := sha256.New()
	if record != nil {
		in = io.TeeReader(in, sum)
	}
	buffered := bufio.NewReader(in)
	// An error is one of reading it as well.
	head, _ := buffered.Peek(source.HeadSize)
	if err := s.CheckHead(head); err != nil {
		return nil, err
	}
	read, err := read(s.Transport, buffered, o)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	if record != nil {
		read.Written, recordErr = record.policyOf(sum)
	}
	if recordErr != nil {
		read.RecordErr = &RecordError{RecordName(s.Path), recordErr}
	}
	if alg := read.Tree.HashAlgorithm(); alg != 0 && alg != o.Hash {
		return nil, &HashError{Source: s, Has: alg, Want: o.Hash}
	}
	return read, nil
}

// HashError says that a dump file or composefs image has digests of another hash
// than the one that is wanted.
type HashError struct {
	Source    source.Source
	Has, Want fsverity.Algorithm
}

func (e *HashError) Error() string {
	return fmt.Sprintf("%v has %v digests of file content, not %v", e.Source, e.Has, e.Want)
}

func read(transport source.Transport, in io.Reader, o Options) (*File, error) {
	used := limits.NewBudget(o.Limits)
	if transport == source.Dump {
		tree, err := dumpfile.Parse(limits.MeteredLines(in, used), dumpfile.Options{Lenient: o.Lenient})
		return &File{Tree: tree}, err
	}
	data, err := readImage(in, used)
	if err != nil {
		return nil, err
	}
	img, err := erofs.ReadWithin(data, erofs.Mkcomposefs, used.AddMetadata)
	if err == nil && !o.Lenient {
		img, err = exact(img, data, used)
	}
	if err != nil {
		return nil, err
	}
	return &File{Tree: img.Tree, Image: img}, nil
}

// exact finds whose image it is: one by ComposefsRS only if nobody else gives it the
// bytes that were read.
func exact(img *erofs.Image, data []byte, used *limits.Budget) (*erofs.Image, error) {
	err := checkBytes(img, data)
	if err == nil || img.Writer == erofs.ComposefsRS {
		return img, err
	}
	other, otherErr := erofs.ReadWithin(data, erofs.ComposefsRS, used.AddMetadata)
	if otherErr == nil && checkBytes(other, data) == nil {
		return other, nil
	}
	return nil, err
}

func checkBytes(img *erofs.Image, data []byte) error {
	same := &sameBytes{want: data}
	err := erofs.Write(same, img.Tree.Clone(), erofs.Options{Version: img.Version, Writer: img.Writer})
	if err != nil && !errors.Is(err, errOtherBytes) {
		return err
	}
	if same.differ || same.at != len(data) {
		return &OtherBytesError{same.at}
	}
	return nil
}

// OtherBytesError says that a composefs image is not the one that its tree gives.
type OtherBytesError struct {
	// At is the first byte that differs.
	At int
}

func (e *OtherBytesError) Error() string {
	return fmt.Sprintf("from byte %d on the image is not what its tree gives: it is damaged, or another program made it", e.At)
}

// readImage looks at the beginning before it reads the rest.
func readImage(in io.Reader, used *limits.Budget) ([]byte, error) {
	head := make([]byte, 4096)
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	if n < len(head) || !erofs.IsImage(head) {
		return head, nil
	}
	data, err := io.ReadAll(io.MultiReader(bytes.NewReader(head), limits.Metered(io.LimitReader(in, imageMax), used)))
	if err == nil && len(data) > imageMax {
		err = fmt.Errorf("the image has more than %d bytes", imageMax)
	}
	return data, err
}

var errOtherBytes = errors.New("other bytes")

// sameBytes compares what is written with what is wanted.
type sameBytes struct {
	want   []byte
	at     int
	differ bool
}

func (s *sameBytes) Write(p []byte) (int, error) {
	for i, b := range p {
		if s.at == len(s.want) || s.want[s.at] != b {
			s.differ = true
			return i, errOtherBytes
		}
		s.at++
	}
	return len(p), nil
}

// imageMax is the size in bytes up to which composefs images are read: enough
// for some ten million files.
const imageMax = 4 << 30
