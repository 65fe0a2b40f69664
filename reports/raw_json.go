package reports

import (
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/raw"
)

type jsonRaw struct {
	SchemaVersion int            `json:"schemaVersion"`
	Same          bool           `json:"same"`
	SameArchives  bool           `json:"sameArchives"`
	Summary       string         `json:"summary"`
	Causes        []jsonRawCause `json:"causes"`
	A             jsonRawImage   `json:"a"`
	B             jsonRawImage   `json:"b"`
	Manifest      *jsonDocument  `json:"manifest,omitempty"`
	Config        *jsonDocument  `json:"config,omitempty"`
	Layers        []jsonRawLayer `json:"layers"`
}

type jsonRawCause struct {
	Cause raw.Cause `json:"cause"`
	Text  string    `json:"text"`
}

type jsonRawImage struct {
	Source   string `json:"source"`
	Manifest string `json:"manifest,omitempty"`
	Config   string `json:"config,omitempty"`
	Layers   int    `json:"layers"`
}

type jsonDocument struct {
	Same    bool                 `json:"same"`
	Offset  *int64               `json:"offset,omitempty"`
	LeftOut bool                 `json:"leftOut"`
	Changes []jsonDocumentChange `json:"changes"`
}

type jsonDocumentChange struct {
	Path string `json:"path"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
}

type jsonRawLayer struct {
	A       *jsonLayer   `json:"a,omitempty"`
	B       *jsonLayer   `json:"b,omitempty"`
	Same    bool         `json:"same"`
	Stored  *jsonStored  `json:"stored,omitempty"`
	Archive *jsonArchive `json:"archive,omitempty"`
}

type jsonStored struct {
	A      jsonBlob `json:"a"`
	B      jsonBlob `json:"b"`
	Offset *int64   `json:"offset,omitempty"`
}

type jsonBlob struct {
	Digest      string              `json:"digest"`
	Size        int64               `json:"size"`
	Compression tarfile.Compression `json:"compression"`
	Gzip        *jsonGzip           `json:"gzip,omitempty"`
}

type jsonGzip struct {
	Mtime   uint32 `json:"mtime"`
	Name    string `json:"name"`
	Comment string `json:"comment"`
	Extra   []byte `json:"extra"`
	OS      byte   `json:"os"`
	Flags   byte   `json:"flags"`
}

type jsonArchive struct {
	A      jsonArchiveSide `json:"a"`
	B      jsonArchiveSide `json:"b"`
	First  jsonFirst       `json:"first"`
	Counts []jsonCount     `json:"counts"`
	OnlyA  jsonPaths       `json:"onlyA"`
	OnlyB  jsonPaths       `json:"onlyB"`
	Moved  jsonPaths       `json:"moved"`
	End    []jsonPart      `json:"end"`
}

type jsonArchiveSide struct {
	Entries int   `json:"entries"`
	Size    int64 `json:"size"`
}

type jsonFirst struct {
	Place       raw.Place    `json:"place"`
	Offset      int64        `json:"offset"`
	Entry       int          `json:"entry"`
	EntryOffset int64        `json:"entryOffset"`
	PathA       string       `json:"pathA,omitempty"`
	PathB       string       `json:"pathB,omitempty"`
	Parts       []jsonPart   `json:"parts"`
	Content     *jsonContent `json:"content,omitempty"`
	BytesA      []byte       `json:"bytesA"`
	BytesB      []byte       `json:"bytesB"`
}

// jsonPart is a tarfile.Change.
type jsonPart struct {
	Header string    `json:"header"`
	Part   string    `json:"part"`
	Key    string    `json:"key,omitempty"`
	A      jsonValue `json:"a"`
	B      jsonValue `json:"b"`
}

type jsonValue struct {
	Missing bool   `json:"missing,omitempty"`
	Text    string `json:"text"`
	Raw     string `json:"raw,omitempty"`
}

type jsonContent struct {
	Offset *int64 `json:"offset,omitempty"`
	SizeA  int64  `json:"sizeA"`
	SizeB  int64  `json:"sizeB"`
	Before int    `json:"before"`
	BytesA []byte `json:"bytesA"`
	BytesB []byte `json:"bytesB"`
}

type jsonCount struct {
	jsonPaths
	First   jsonPart     `json:"first"`
	Content *jsonContent `json:"content,omitempty"`
}

type jsonPaths struct {
	Number int      `json:"number"`
	Paths  []string `json:"paths"`
}

// json is in the form that raw.schema.json describes.
func (r Raw) json() any {
	i := r.Images
	doc := jsonRaw{
		SchemaVersion: SchemaVersion, Same: i.Same(), SameArchives: i.SameArchives(), Summary: rawHeadline(i), Causes: []jsonRawCause{},
		A: rawImageJSON(i.A), B: rawImageJSON(i.B), Manifest: documentJSON(i.Manifest), Config: documentJSON(i.Config), Layers: []jsonRawLayer{},
	}
	for _, c := range i.Causes() {
		doc.Causes = append(doc.Causes, jsonRawCause{c, rawCauses[c]})
	}
	for _, l := range i.Layers {
		doc.Layers = append(doc.Layers, jsonRawLayer{A: layerJSON(l.A), B: layerJSON(l.B), Same: l.Same(), Stored: storedJSON(l.Stored), Archive: archiveJSON(l.Archive)})
	}
	return doc
}

func rawImageJSON(i raw.Image) jsonRawImage {
	return jsonRawImage{Source: printable.Text(i.Source), Manifest: i.Manifest, Config: i.Config, Layers: i.Layers}
}

func layerJSON(l *canon.Layer) *jsonLayer {
	if l == nil {
		return nil
	}
	return &jsonLayer{l.Index, l.DiffID, l.Digest, printable.Text(l.Name)}
}

func documentJSON(d *raw.Document) *jsonDocument {
	if d == nil {
		return nil
	}
	j := &jsonDocument{Same: d.Same, LeftOut: d.LeftOut, Changes: []jsonDocumentChange{}}
	if !d.Same {
		j.Offset = &d.Offset
	}
	for _, c := range d.Changes {
		j.Changes = append(j.Changes, jsonDocumentChange{printable.Text(c.Path), c.A, c.B})
	}
	return j
}

// known is nil for an offset that is not known.
func known(offset int64) *int64 {
	if offset < 0 {
		return nil
	}
	return &offset
}

func storedJSON(s *raw.Stored) *jsonStored {
	if s == nil {
		return nil
	}
	return &jsonStored{A: blobJSON(s.A), B: blobJSON(s.B), Offset: known(s.Offset)}
}

func blobJSON(b raw.Blob) jsonBlob {
	j := jsonBlob{Digest: b.Digest, Size: b.Size, Compression: b.Compression}
	if g := b.Gzip; g != nil {
		j.Gzip = &jsonGzip{g.Mtime, printable.Text(g.Name), printable.Text(g.Comment), []byte(g.Extra), g.OS, g.Flags}
	}
	return j
}

func archiveJSON(x *raw.Archive) *jsonArchive {
	if x == nil {
		return nil
	}
	f := x.First
	j := &jsonArchive{
		A: jsonArchiveSide{x.Entries[0], x.Sizes[0]}, B: jsonArchiveSide{x.Entries[1], x.Sizes[1]},
		First: jsonFirst{
			Place: f.Place, Offset: f.Offset, Entry: f.Entry, EntryOffset: f.EntryOffset, PathA: printable.Text(f.Paths[0]), PathB: printable.Text(f.Paths[1]),
			Parts: partsJSON(f.Changes), Content: contentJSON(f.Content), BytesA: notNil(f.Bytes[0]), BytesB: notNil(f.Bytes[1]),
		},
		Counts: []jsonCount{}, OnlyA: pathsJSON(x.Only[0]), OnlyB: pathsJSON(x.Only[1]), Moved: pathsJSON(x.Moved), End: partsJSON(x.End),
	}
	for _, c := range x.Counts {
		j.Counts = append(j.Counts, jsonCount{pathsJSON(c.Paths), partJSON(c.First), contentJSON(c.Content)})
	}
	return j
}

func partsJSON(changes []tarfile.Change) []jsonPart {
	parts := []jsonPart{}
	for _, c := range changes {
		parts = append(parts, partJSON(c))
	}
	return parts
}

func partJSON(c tarfile.Change) jsonPart {
	j := jsonPart{Header: "entry", Part: c.Part, Key: printable.Text(c.Key), A: valueJSON(c.A), B: valueJSON(c.B)}
	if c.Extension != 0 {
		j.Header = fmt.Sprintf("%c", c.Extension)
	}
	return j
}

func valueJSON(v tarfile.Value) jsonValue {
	return jsonValue{Missing: v.Missing, Text: printable.Text(v.Text), Raw: printable.Text(v.Raw)}
}

func contentJSON(c *raw.Content) *jsonContent {
	if c == nil {
		return nil
	}
	return &jsonContent{known(c.Offset), c.Sizes[0], c.Sizes[1], c.Before, notNil(c.Bytes[0]), notNil(c.Bytes[1])}
}

func pathsJSON(p raw.Paths) jsonPaths {
	return jsonPaths{p.Number, escapeAll(p.First)}
}

// notNil is for base64: nil would be null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
