package reports

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/raw"
	"cfsverify/testdata/layers"
)

func rawArchive(t *testing.T, a, b string) *raw.Archive {
	t.Helper()
	x, err := raw.Archives(bytes.NewReader(layers.Tar(a)), bytes.NewReader(layers.Tar(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func rawLayer(i int) *canon.Layer {
	digest := "sha256:" + strings.Repeat(string(rune('0'+i)), 64)
	return &canon.Layer{Index: i, DiffID: digest, Digest: digest}
}

// rawSample has all that can differ.
func rawSample(t *testing.T) *raw.Images {
	digest := rawLayer(7).DiffID
	gzip := func(name string, mtime uint32) raw.Blob {
		return raw.Blob{Digest: digest, Size: 100, Compression: tarfile.Gzip, Gzip: &tarfile.GzipHeader{Mtime: mtime, Name: name, OS: 3}}
	}
	return &raw.Images{
		A:        raw.Image{Source: "oci:a\n", Manifest: digest, Config: digest, Layers: 4},
		B:        raw.Image{Source: "oci:b", Manifest: digest, Config: digest, Layers: 4},
		Manifest: &raw.Document{Offset: 17, LeftOut: true},
		Config:   &raw.Document{Offset: 3, Changes: []raw.DocumentChange{{Path: "created", A: `"1"`, B: `"2"`}, {Path: "config.Env[1]", B: `"\u001b"`}}},
		Layers: []*raw.Layer{
			{A: rawLayer(1), B: rawLayer(1)},
			{A: rawLayer(2), B: rawLayer(3), Archive: rawArchive(t,
				"d ./ mtime=1\nf \"./b\\x1b\" mtime=5 pax:atime=1 =abc\nf gone\nf c =1\nf d",
				"d ./ mtime=2\nf \"./b\\x1b\" mtime=6 pax:atime=2 =abd\nf d\nf c =2\nf new")},
			{A: rawLayer(3), B: rawLayer(4), Stored: &raw.Stored{A: gzip("x\x1b", 5), B: gzip("", 0), Offset: 4}},
			{A: rawLayer(4)},
		},
	}
}

func rawJSON(t *testing.T, i *raw.Images) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, JSON, Raw{i}, Options{}); err != nil {
		t.Fatal(err)
	}
	return &buf
}

func TestRawJSONFollowsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("raw.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	bare := &raw.Images{A: raw.Image{Source: "tar:a", Layers: 1}, B: raw.Image{Source: "tar:b", Layers: 1}, Layers: []*raw.Layer{{A: rawLayer(1), B: rawLayer(1)}}}
	bare.Layers[0].A.Digest = ""
	for _, i := range []*raw.Images{rawSample(t), bare} {
		validate(t, schema, rawJSON(t, i))
	}
	// Every kind of difference, with all fields of both header formats.
	for _, pair := range [][2]string{
		{"f a", "f b"}, {"f a", ""}, {"f a\nf b", "f b\nf a"}, {"f a magic=gnu", "f a"}, {"f a L=x", "f a pax:path=x"},
		{"'g' g =\"9 p=path\\n\"\nf a", "'g' g =\"9 p=half\\n\"\nf a"}, {"f a =1", "f a =22"},
	} {
		i := rawSample(t)
		i.Layers[1].Archive = rawArchive(t, pair[0], pair[1])
		validate(t, schema, rawJSON(t, i))
	}
}

// The schema lists the causes, places and parts that there are.
func TestRawSchemaLists(t *testing.T) {
	data, err := os.ReadFile("raw.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct {
			Causes struct {
				Items struct {
					Properties struct{ Cause struct{ Enum []raw.Cause } }
				}
			}
		}
		Defs struct {
			Part struct {
				Properties struct{ Part struct{ Enum []string } }
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(raw.Causes(), schema.Properties.Causes.Items.Properties.Cause.Enum); diff != "" {
		t.Error(diff)
	}
	for _, c := range raw.Causes() {
		if rawCauses[c] == "" {
			t.Errorf("%s has no text", c)
		}
	}
	for _, f := range tarfile.Fields() {
		if !slices.Contains(schema.Defs.Part.Properties.Part.Enum, f.Name) {
			t.Errorf("the schema has no part %q", f.Name)
		}
	}
}

func TestRawText(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, Text, Raw{rawSample(t)}, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"DIFFERENT: layer 2 of a, which is layer 3 of b, first differs at entry 1 ./: mtime\n",
		`  a  oci:a\x0a  (4 layers)` + "\n",
		"likely cause: mtimes: ", "likely cause: access-times: ", "likely cause: order: ", "likely cause: created: ", "likely cause: gzip-header: ",
		"manifest: differs in nothing but what follows from the config and the layers\n",
		`  config.Env[1]: a none, b "\\u001b"` + "\n",
		"layer 1: the same, sha256:1111",
		"layer 2 of a, which is layer 3 of b: the archives differ from byte 146 on, at entry 1 ./: mtime\n",
		"  mtime: a 1970-01-01T00:00:01.000000000Z, b 1970-01-01T00:00:02.000000000Z\n",
		"    mtime: 2 entries, first ./\n", `    PAX record atime: 1 entry, ./b\x1b` + "\n", "    content: 2 entries, first ",
		"    only in a: 1 entry, gone\n", "    only in b: 1 entry, new\n", "    at another place: 1 entry, c\n",
		"layer 3 of a, which is layer 4 of b: the archive is the same, but stored differently, from byte 4 of the blob on\n",
		`  gzip name: a "x\x1b", b ""` + "\n", "layer 4 of a: the other side has none to compare it with",
	} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(buf.String(), "\x1b") {
		t.Error("a name of the image was not escaped")
	}
	if t.Failed() {
		t.Log(buf.String())
	}
}

func TestRawHeadline(t *testing.T) {
	same := []*raw.Layer{{A: rawLayer(1), B: rawLayer(1)}}
	stored := []*raw.Layer{{A: rawLayer(1), B: rawLayer(1), Stored: &raw.Stored{}}}
	archive := func(a, b string) []*raw.Layer {
		return []*raw.Layer{{A: rawLayer(1), B: rawLayer(1), Archive: rawArchive(t, a, b)}}
	}
	equal, other := &raw.Document{Same: true}, &raw.Document{Changes: []raw.DocumentChange{{Path: "created"}}}
	for want, i := range map[string]*raw.Images{
		"the images have the same manifest":                                             {Manifest: equal, Config: equal, Layers: same},
		"only the manifests differ in created; the configs and all layers are the same": {Manifest: other, Config: equal, Layers: same},
		"the configs and all layers are the same":                                       {Config: equal, Layers: same},
		"all layers are the same":                                                       {Layers: same},
		"the configs differ in created; the archives of all layers are the same":        {Config: other, Layers: same},
		"only compression differs: the archives of all layers are the same":             {Config: equal, Layers: stored},
		"layer 1 of b is on one side alone":                                             {Layers: []*raw.Layer{{B: rawLayer(1)}}},
		"layer 1 first differs at entry 2 b: mode":                                      {Layers: archive("f a\nf b mode=1", "f a\nf b mode=2")},
		"layer 1 first differs at entry 1 a: PAX record atime":                          {Layers: archive("f a pax:atime=1", "f a pax:atime=2")},
		"layer 1 first differs at entry 2 b, which b does not have":                     {Layers: archive("f a\nf b", "f a")},
		"layer 1 first differs at entry 1 a, which a does not have":                     {Layers: archive("f b", "f a\nf b")},
		"layer 1 first differs at entry 1 a, where b has b":                             {Layers: archive("f a", "f b")},
		"layer 1 first differs at entry 1 a, where b has b: the order":                  {Layers: archive("f a\nf b", "f b\nf a")},
		"layer 1 first differs at the archive's end: global PAX header":                 {Layers: archive("f a", "f a\n'g' g =\"9 p=path\\n\"")},
		"layer 1 first differs at entry 1 a: name of the PAX header":                    {Layers: archive("'x' x/1 =\"11 atime=1\\n\"\nf a", "'x' x/2 =\"11 atime=1\\n\"\nf a")},
	} {
		if got := rawHeadline(i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
