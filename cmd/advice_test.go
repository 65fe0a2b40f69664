package cmd

import (
	"errors"
	"fmt"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/policy"
)

func TestAdvise(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("x"), "x"},
		{fmt.Errorf("a: %w", &policy.RootError{Rule: policy.RootCreated}), "a: --root created needs an image config with a creation time: use another --root rule, such as newest"},
		{fmt.Errorf("a: %w", &policy.RootError{Rule: policy.RootUsr}), "a: there is no /usr whose metadata the root could take: use another --root rule, such as newest or keep, or --policy raw"},
		{&policy.RootError{Rule: policy.RootUsr, Usr: canon.Symlink}, "/usr is a symlink, so the root cannot take its metadata: use another --root rule, such as newest or keep"},
		{fmt.Errorf("b: %w (c)", &policy.RunError{Kind: canon.Symlink}), "b: /run is a symlink, so it cannot be emptied: use --run keep (c)"},
	} {
		if got := advise(tt.err); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
