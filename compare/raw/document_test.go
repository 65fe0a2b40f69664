package raw

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocuments(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want Document
	}{
		{`{"a":1}`, `{"a":1}`, Document{Same: true}},
		{`{"a":1}`, `{"a": 1}`, Document{Offset: 5}},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, Document{Offset: 2}},
		{`{"created":"x"}`, `{"created":"y"}`, Document{Offset: 12, Changes: []DocumentChange{{"created", `"x"`, `"y"`}}}},
		{`{"history":[{"created":"x"},{"created":"y"}]}`, `{"history":[{"created":"x"},{"created":"z"}]}`,
			Document{Offset: 40, Changes: []DocumentChange{{"history[1].created", `"y"`, `"z"`}}}},
		{`{"config":{"Env":["A=1"]}}`, `{"config":{"Env":["A=1","B=<2>"]}}`, Document{Offset: 23, Changes: []DocumentChange{{"config.Env[1]", "", `"B=<2>"`}}}},
		{`{"Labels":{"org.example":"1"}}`, `{"Labels":null}`, Document{Offset: 10, Changes: []DocumentChange{{"Labels", `{"org.example":"1"}`, "null"}}}},
		{`{"Labels":{"org.example":"1"}}`, `{"Labels":{}}`, Document{Offset: 11, Changes: []DocumentChange{{`Labels["org.example"]`, `"1"`, ""}}}},
		{`{"n":9007199254740993}`, `{"n":9007199254740992}`, Document{Offset: 20, Changes: []DocumentChange{{"n", "9007199254740993", "9007199254740992"}}}},
		{`{"rootfs":{"diff_ids":["1"]}}`, `{"rootfs":{"diff_ids":["2"]}}`, Document{Offset: 24, LeftOut: true}},
	} {
		got, err := Documents([]byte(tt.a), []byte(tt.b), func(path string) bool { return path == "rootfs.diff_ids" })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, *got); diff != "" {
			t.Errorf("%s and %s: %s", tt.a, tt.b, diff)
		}
	}
	for _, doc := range []string{"{", `{"a":1,"a":2}`, `{"x":[{"a":1,"a":1}]}`, "{}{}", "{} x", "\"\xff\""} {
		if _, err := Documents([]byte("{}"), []byte(doc), nil); err == nil {
			t.Errorf("%q was read", doc)
		}
		if _, err := Documents([]byte(doc), []byte("{}"), nil); err == nil {
			t.Errorf("%q was read", doc)
		}
	}
}

func TestPairs(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want [][2]int
	}{
		{"1 2 3", "1 2 3", [][2]int{{0, 0}, {1, 1}, {2, 2}}},
		{"1 2 3", "1 9 3", [][2]int{{0, 0}, {1, 1}, {2, 2}}},
		{"1 2 3", "1 9 2 3", [][2]int{{0, 0}, {-1, 1}, {1, 2}, {2, 3}}},
		{"1 2 3", "2 3", [][2]int{{0, -1}, {1, 0}, {2, 1}}},
		{"1 2 3", "4 5", [][2]int{{0, 0}, {1, 1}, {2, -1}}},
		{"1 1 1", "1 1", [][2]int{{0, 0}, {1, 1}, {2, -1}}},
		{"? ?", "? ? ?", [][2]int{{0, 0}, {1, 1}, {-1, 2}}},
		{"", "1", [][2]int{{-1, 0}}},
	} {
		ids := func(text string) []string {
			list := strings.Fields(text)
			for i, id := range list {
				if id == "?" {
					list[i] = ""
				}
			}
			return list
		}
		if diff := cmp.Diff(tt.want, Pairs(ids(tt.a), ids(tt.b))); diff != "" {
			t.Errorf("%q and %q: %s", tt.a, tt.b, diff)
		}
	}
}

// TestPairsOfMany: images of very many layers are paired by position.
func TestPairsOfMany(t *testing.T) {
	a, b := make([]string, 100000), make([]string, 100000)
	for i := range a {
		a[i], b[i] = strings.Repeat("a", i%7+1), strings.Repeat("a", (i+1)%7+1)
	}
	if n := len(Pairs(a, b)); n != len(a) {
		t.Errorf("%d pairs", n)
	}
}
