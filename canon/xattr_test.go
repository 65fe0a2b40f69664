package canon

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestXattrsAgainstMap: whatever is set and removed, the list has what a map has,
// in the order of the names' bytes.
func TestXattrsAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	var xattrs Xattrs
	model := map[string]string{}
	for range 5000 {
		name, value := fmt.Sprintf("user.%c", 'a'+rune(random.IntN(20))), fmt.Sprint(random.IntN(3))
		if random.IntN(3) == 0 {
			xattrs.Remove(name)
			delete(model, name)
		} else {
			xattrs.Set(name, value)
			model[name] = value
		}
		asked := fmt.Sprintf("user.%c", 'a'+rune(random.IntN(20)))
		got, ok := xattrs.Get(asked)
		if want, has := model[asked]; got != want || ok != has {
			t.Fatalf("%s is %q, %v, want %q, %v", asked, got, ok, want, has)
		}
		var names []string
		for _, x := range xattrs {
			names = append(names, x.Name)
		}
		if !slices.Equal(names, slices.Sorted(maps.Keys(model))) {
			t.Fatalf("names %q", names)
		}
	}
}

// TestXattrsClone: a clone can be changed alone, and that of nothing is nothing.
func TestXattrsClone(t *testing.T) {
	original := Xattrs{{"user.a", "1"}, {"user.b", "2"}}
	clone := original.Clone()
	clone.Set("user.a", "changed")
	clone.Remove("user.b")
	if a, _ := original.Get("user.a"); a != "1" || len(original) != 2 || len(clone) != 1 {
		t.Errorf("%v and its clone %v", original, clone)
	}
	if Xattrs(nil).Clone() != nil {
		t.Error("the clone of nil is not nil")
	}
}
