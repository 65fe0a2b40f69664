package composefs

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"cfsverify/canon/policy"
	"cfsverify/importers/document"
	"cfsverify/importers/source"
)

// Record says how a dump file was made. A dump file itself has no room for it: mkcomposefs
// and composefs-rs take no comments. So it is a JSON document beside the dump file, and
// names that by its digest.
type Record struct {
	SchemaVersion int `json:"schemaVersion"`
	// Dump is the SHA-256 digest of the dump file, as "sha256:HEX".
	Dump string `json:"dump"`
	// Source is what the dump file was made of.
	Source source.Transport `json:"source"`
	// LayerRules made the tree of an image; empty for other sources.
	LayerRules string `json:"layerRules,omitempty"`
	// Policy is what was done to the tree.
	Policy policy.Words `json:"policy"`
}

// RecordName is the name of the record of a dump file.
func RecordName(dump string) string { return dump + ".policy" }

// Digest gives a digest as records have it.
func Digest(sum hash.Hash) string { return "sha256:" + hex.EncodeToString(sum.Sum(nil)) }

// recordVersion is the only SchemaVersion so far.
const recordVersion = 1

// NewRecord records what was done to a source: the policy that was applied, and the one
// that had been applied before it was written, if it is a dump file or composefs image. It is
// nil where that is not known. Dump is left to set.
func NewRecord(s source.Source, layerRules string, applied policy.Policy, before *policy.Policy) *Record {
	r := &Record{SchemaVersion: recordVersion, Source: s.Transport}
	switch {
	case s.HasLayers():
		r.LayerRules = layerRules
	case s.IsFinal() && before == nil:
		return nil
	case s.IsFinal():
		applied = applied.After(*before)
	}
	r.Policy = applied.Words()
	return r
}

// Write writes the record.
func (r *Record) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// recordSizeMax is more than any record has.
const recordSizeMax = 64 << 10

// RecordError says that what is beside a dump file as its record was not used.
type RecordError struct {
	// Path is that of the record.
	Path string
	Err  error
}

func (e *RecordError) Error() string { return fmt.Sprintf("%q is ignored: %v", e.Path, e.Err) }
func (e *RecordError) Unwrap() error { return e.Err }

var errOtherDump = errors.New("it is of another dump file, or the dump file was changed since")

// readRecord reads what is beside a dump file, nil if there is no file.
func readRecord(name string) (*Record, error) {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, recordSizeMax))
	if err != nil {
		return nil, err
	}
	var r Record
	if err := document.Decode(raw, &r); err != nil {
		return nil, fmt.Errorf("it is no record: %w", err)
	}
	if r.SchemaVersion != recordVersion {
		return nil, fmt.Errorf("its schemaVersion is %d, not %d", r.SchemaVersion, recordVersion)
	}
	return &r, nil
}

// policyOf gives the policy that was applied to a dump file before it was written.
func (r *Record) policyOf(dump hash.Hash) (*policy.Policy, error) {
	if r.Dump != Digest(dump) {
		return nil, errOtherDump
	}
	p, err := r.Policy.Policy()
	if err != nil {
		return nil, err
	}
	return &p, nil
}
