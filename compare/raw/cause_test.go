package raw

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/testdata/layers"
)

func TestCauses(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want []Cause
	}{
		{"f a mtime=1", "f a mtime=2", []Cause{CauseMtimes}},
		{"f a pax:mtime=1.5", "f a pax:mtime=1.25", []Cause{CauseMtimes}},
		{"f a pax:ctime=1", "f a pax:ctime=2", []Cause{CauseAccessTimes}},
		{"f a", "f a pax:atime=2", []Cause{CauseAccessTimes}},
		{"f a", "f a pax:mtime=0.5", []Cause{CauseFormat}},
		{"f a", "f a pax:SCHILY.xattr.user.x=1", []Cause{CauseXattrs}},
		{"f a", "f a pax:SCHILY.xattr.user.x=1 mode=600", []Cause{CauseXattrs, CauseModes}},
		{"f a uid=1", "f a gid=1", []Cause{CauseOwners}},
		{"f a magic=gnu dev=1,2", "f a", []Cause{CauseFormat}},
		{"f a L=x", "f a pax:path=x", []Cause{CauseFormat}},
		{"f a\nf b", "f b\nf a", []Cause{CauseOrder}},
		{"f var/log/x =1", "f var/log/x =2", []Cause{CauseVolatile}},
		{"f ./usr/x.pyc =1", "f ./usr/x.pyc =2", []Cause{CauseVolatile}},
		{"f usr/x =1", "f usr/x =2", nil},
		{"f usr/x", "f usr/y", nil},
		{"'x' ./PaxHeaders.11/a =\"11 atime=1\\n\"\nf a", "'x' ./PaxHeaders.23/a =\"11 atime=1\\n\"\nf a", []Cause{CauseHeaderNames}},
		{"'x' x mtime=1 =\"11 atime=1\\n\"\nf a", "'x' x mtime=2 =\"11 atime=1\\n\"\nf a", []Cause{CauseHeaderTimes}},
		{"f a pax:atime=1 pax:ctime=2", "f a pax:ctime=2 pax:atime=1", []Cause{CauseWriter}},
	} {
		archive, err := Archives(bytes.NewReader(layers.Tar(tt.a)), bytes.NewReader(layers.Tar(tt.b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		i := &Images{Layers: []*Layer{{A: &canon.Layer{Index: 1}, B: &canon.Layer{Index: 1}, Archive: archive}}}
		if diff := cmp.Diff(tt.want, i.Causes()); diff != "" {
			t.Errorf("%s and %s: %s", tt.a, tt.b, diff)
		}
	}
}
