package policy

import (
	"strings"
	"testing"
)

// TestWords: words and policies say the same, and words that nobody knows are refused.
func TestWords(t *testing.T) {
	for _, name := range Names() {
		want, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := want.Words().Policy(); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, change := range []func(*Words){
		func(w *Words) { w.Root = "best" }, func(w *Words) { w.DirMtime = "best" }, func(w *Words) { w.Run = "best" }, func(w *Words) { w.Xattrs = "best" },
		func(w *Words) { w.Mtime = "best" }, func(w *Words) { w.Boot = "best" }, func(w *Words) { w.Hardlinks = "best" },
	} {
		w := Raw().Words()
		change(&w)
		if p, err := w.Policy(); err == nil || !strings.Contains(err.Error(), `"best"`) {
			t.Errorf("%+v: %+v, %v", w, p, err)
		}
	}
}

func TestAfter(t *testing.T) {
	boot := ComposefsRS()
	boot.Boot, boot.Links = BootNanoseconds, LinksLastLabel
	for _, tt := range []struct{ earlier, later, want Policy }{
		{Raw(), ComposefsRS(), ComposefsRS()},
		{ComposefsRS(), Raw(), ComposefsRS()},
		{boot, Raw(), boot},
		{boot, ComposefsRS(), boot},
		{
			Policy{RootEpoch, DirMtimeNewestChild, RunEmpty, XattrUser, MtimeSeconds, BootEpoch, LinksKeep, nil, false},
			Policy{RootUsr, DirMtimeKeep, RunKeep, XattrNone, MtimeNanoseconds, BootSeconds, LinksBreak, nil, false},
			Policy{RootUsr, DirMtimeNewestChild, RunEmpty, XattrNone, MtimeSeconds, BootSeconds, LinksBreak, nil, false},
		},
	} {
		if got := tt.later.After(tt.earlier); got != tt.want {
			t.Errorf("%+v after %+v: %+v, want %+v", tt.later, tt.earlier, got, tt.want)
		}
	}
}
