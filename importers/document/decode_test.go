package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// sample has what the documents of images have.
type sample struct {
	Embedded
	Layers   []item            `json:"layers"`
	Digest   v1.Hash           `json:"digest"`
	Subject  *item             `json:"subject,omitempty"`
	Labels   map[string]string `json:"Labels"`
	Times    map[string]item   `json:"times"`
	Any      json.RawMessage   `json:"any"`
	Data     []byte            `json:"data"`
	Interval time.Duration     `json:",omitempty"`
	Hidden   string            `json:"-"`
}

type Embedded struct {
	MediaType string `json:"mediaType"`
}

type item struct {
	Size int64 `json:"size"`
	Name string
}

func TestDecode(t *testing.T) {
	const doc = ` {"mediaType":"m","layers":[{"size":1,"Name":"n","x":{"Size":2}},null,{}],"subject":{"size":3},"Labels":{"k":"v","K":"<&>\u00e9","Size":""},
		"digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","times":{"a":{"size":4}},"any":[ 1.50, {"Layers":1}],"data":"AAE=","Interval":5,
		"unknown":{"Layers":[],"layers":{}},"hidden":1,"-":2} `
	want := sample{Embedded: Embedded{"m"}, Layers: []item{{1, "n"}, {}, {}}, Subject: &item{Size: 3}, Labels: map[string]string{"k": "v", "K": "<&>é", "Size": ""},
		Digest: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}, Times: map[string]item{"a": {Size: 4}}, Any: json.RawMessage(`[ 1.50, {"Layers":1}]`), Data: []byte{0, 1}, Interval: 5}
	var got sample
	if err := Decode([]byte(doc), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The standard library agrees on what is not ambiguous.
	var lenient sample
	if err := json.Unmarshal([]byte(doc), &lenient); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, lenient); diff != "" {
		t.Error(diff)
	}
	for _, to := range []any{new(map[string]json.RawMessage), new([]string), new(map[string]string)} {
		if err := Decode([]byte("null"), to); err != nil {
			t.Errorf("%T: %v", to, err)
		}
	}
}

// TestDecodeAmbiguous: what readers differ about is refused, at every depth that is read,
// and names that are there twice at every depth.
func TestDecodeAmbiguous(t *testing.T) {
	for doc, want := range map[string]string{
		`{"Layers":[]}`:                      `member "/Layers" is "layers" in another case`,
		`{"layers":[],"LAYERS":[]}`:          `member "/LAYERS" is "layers" in another case`,
		`{"layer\u017f":[]}`:                 `member "/layerſ" is "layers" in another case`,
		`{"labels":{}}`:                      `member "/labels" is "Labels" in another case`,
		`{"mediatype":"x"}`:                  `member "/mediatype" is "mediaType" in another case`,
		`{"interval":1}`:                     `member "/interval" is "Interval" in another case`,
		`{"layers":[{},{"Size":1}]}`:         `member "/layers/1/Size" is "size" in another case`,
		`{"layers":[{"size":1,"name":"x"}]}`: `member "/layers/0/name" is "Name" in another case`,
		`{"subject":{"SIZE":1}}`:             `member "/subject/SIZE" is "size" in another case`,
		`{"times":{"a/b":{"sizE":1}}}`:       `member "/times/a~1b/sizE" is "size" in another case`,
		`{"layers":[],"layers":[]}`:          `member "/layers" is there twice`,
		`{"layers":[],"\u006cayers":[]}`:     `member "/layers" is there twice`,
		`{"layers":[{"size":1,"size":1}]}`:   `member "/layers/0/size" is there twice`,
		`{"Labels":{"k":"v","k":"v"}}`:       `member "/Labels/k" is there twice`,
		`{"x":1,"x":1}`:                      `member "/x" is there twice`,
		`{"x":[[{"y":{"":1,"":2}}]]}`:        `member "/x/0/0/y/" is there twice`,
		`{"any":{"a":1,"a":2}}`:              `member "/any/a" is there twice`,
		`{"digest":{"a":1,"a":2}}`:           `member "/digest/a" is there twice`,
		`{"\u001b\n":1,"\u001b\n":1}`:        `member "/\x1b\n" is there twice`,
		`{"` + strings.Repeat("n", 300) + `":1,"x":1,"` + strings.Repeat("n", 300) + `":1}`: `member "/` + strings.Repeat("n", 199) + `"… is there twice`,
	} {
		err := Decode([]byte(doc), &sample{})
		var ambiguous *AmbiguityError
		if !errors.As(err, &ambiguous) || err.Error() != want+", and readers differ about what counts" {
			t.Errorf("%.80s: error %v\nwant %s", doc, err, want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	deep := func(n int) string { return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for doc, want := range map[string]string{
		"":                          "it is empty",
		" ":                         "it is empty",
		`{"layers":[`:               "it breaks off at byte 11",
		`{"layers":[{"size":1}]`:    "it breaks off at byte 22",
		`{"layers":[]} x`:           "invalid character 'x' after top-level value, at byte 14",
		`{"layers":[]}{}`:           "invalid character '{' after top-level value, at byte 13",
		`{"layers":[],}`:            "at byte 12",
		`{'layers':[]}`:             `invalid character '\'' at start of value, at byte 1`,
		`{layers:[]}`:               "at byte 1",
		"\ufeff{}":                  `invalid character '\ufeff' at start of value, at byte 0`,
		`{"x":01}`:                  "at byte 6",
		`{"x":NaN}`:                 "at byte 5",
		"{\"x\":\"\n\"}":            "at byte 6",
		"{\"x\":\"\xff\"}":          "invalid UTF-8, at byte 6",
		"{\"\xff\":1}":              "invalid UTF-8, at byte 2",
		`{"x":"\ud800"}`:            "invalid surrogate pair",
		"null":                      "it is null",
		"no JSON":                   "at byte 1",
		"[]":                        "it cannot be a list",
		`"x"`:                       "it cannot be a string",
		`{"layers":"x"}`:            `member "/layers" cannot be a string`,
		`{"layers":{}}`:             `member "/layers" cannot be an object`,
		`{"layers":[{"size":"5"}]}`: `member "/layers/0/size" cannot be a string`,
		`{"layers":[{"size":1.0}]}`: `member "/layers/0/size" cannot be such a number`,
		`{"layers":[{"size":1e3}]}`: `member "/layers/0/size" cannot be such a number`,
		`{"layers":[{"size":9223372036854775808}]}`: `member "/layers/0/size" cannot be such a number`,
		`{"subject":true}`:                          `member "/subject" cannot be true`,
		`{"Labels":{"k":1}}`:                        `member "/Labels/k" cannot be such a number`,
		`{"Labels":[]}`:                             `member "/Labels" cannot be a list`,
		`{"digest":"sha256:x"}`:                     `member "/digest": `,
		`{"digest":1}`:                              `member "/digest" cannot be such a number`,
		`{"data":"?"}`:                              `member "/data": `,
		deep(10_000):                                "exceeded max depth, at byte 10004",
		deep(100_000):                               "exceeded max depth, at byte 10004",
	} {
		err := Decode([]byte(doc), &sample{})
		var ambiguous *AmbiguityError
		if err == nil || !strings.Contains(err.Error(), want) || errors.As(err, &ambiguous) {
			t.Errorf("%.80q: error %v, want %s", doc, err, want)
		}
	}
	if err := Decode([]byte(deep(9_999)), &sample{}); err != nil {
		t.Error(err)
	}
}

// TestDecodeBounded: a document of few bytes for each value costs memory for so many
// values, not more.
func TestDecodeBounded(t *testing.T) {
	list := func(n int) []byte { return []byte(`{"layers":[` + strings.Repeat("{},", n-1) + "{}]}") }
	var manifest v1.Manifest
	if err := Decode(list(ValuesMax-2), &manifest); err != nil || len(manifest.Layers) != ValuesMax-2 {
		t.Errorf("%d layers, %v", len(manifest.Layers), err)
	}
	want := fmt.Sprintf("it has more than %d values", ValuesMax)
	for _, doc := range [][]byte{list(ValuesMax - 1), list(SizeMax/3 - 10), []byte(`{"x":[` + strings.Repeat("0,", ValuesMax) + `0]}`), []byte("[" + strings.Repeat(`{"":0},`, ValuesMax/2) + "0]")} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decode(doc, &v1.Manifest{})
		runtime.ReadMemStats(&after)
		if err == nil || err.Error() != want {
			t.Errorf("%d bytes: error %v, want %s", len(doc), err, want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
			t.Errorf("%d bytes of memory were used", used)
		}
	}
	// Names are no values.
	var names strings.Builder
	for i := range ValuesMax - 10 {
		fmt.Fprintf(&names, `"%d":0,`, i)
	}
	if err := CheckValues([]byte("{" + names.String() + `"":0}`)); err != nil {
		t.Error(err)
	}
}

func TestMentions(t *testing.T) {
	for doc, want := range map[string]bool{
		`"x"`: true, `{"x":1}`: true, `{"a":[1,{"b":"x"}]}`: true, `["\u0078"]`: true, `{"a":1,"a":"x"}`: true, "[\"\xff\",\"x\"": true,
		`"xx"`: false, `{"a":"X"}`: false, ``: false, `[}"x"]`: false,
	} {
		if got := Mentions([]byte(doc), "x"); got != want {
			t.Errorf("%q: %v", doc, got)
		}
	}
}
