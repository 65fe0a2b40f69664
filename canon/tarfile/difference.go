package tarfile

// Differences compares how two entries are written, all but their content, in the
// order of the bytes. It leaves out what another difference entails: a checksum,
// and the size of an extension header whose content differs.
func Differences(a, b *Raw) []Change {
	changes := extensionChanges(a.Extensions, b.Extensions)
	if a.Block != b.Block {
		changes = append(changes, blockChanges(0, &a.Block, &b.Block, false)...)
	}
	return append(changes, paddingChanges(0, a.Padding, b.Padding)...)
}

func paddingChanges(extension byte, a, b string) []Change {
	if a == b {
		return nil
	}
	c := Change{Extension: extension, Part: PartPadding}
	c.A, c.B = Value{Text: a}, Value{Text: b}
	return []Change{c}
}

// extensionChanges compares headers of the same type with each other.
func extensionChanges(a, b []Extension) []Change {
	var changes []Change
	for len(a) > 0 && len(b) > 0 && a[0].Typeflag() == b[0].Typeflag() {
		changes = append(changes, a[0].changes(&b[0])...)
		a, b = a[1:], b[1:]
	}
	// From here on the two lists are in different orders.
	left := map[byte][]*Extension{}
	for i := range b {
		left[b[i].Typeflag()] = append(left[b[i].Typeflag()], &b[i])
	}
	var single, pairs []Change
	for i := range a {
		flag := a[i].Typeflag()
		if len(left[flag]) == 0 {
			single = append(single, Change{Extension: flag, Part: PartExtension, A: Value{Text: a[i].Data}, B: Value{Missing: true}})
			continue
		}
		pairs = append(pairs, a[i].changes(left[flag][0])...)
		left[flag] = left[flag][1:]
	}
	for i := range b {
		flag := b[i].Typeflag()
		if rest := left[flag]; len(rest) > 0 && rest[0] == &b[i] {
			single = append(single, Change{Extension: flag, Part: PartExtension, A: Value{Missing: true}, B: Value{Text: b[i].Data}})
			left[flag] = rest[1:]
		}
	}
	changes = append(changes, single...)
	if len(single) == 0 && len(a) > 0 {
		c := Change{Part: PartExtensionOrder}
		c.A, c.B = Value{Text: flags(a)}, Value{Text: flags(b)}
		changes = append(changes, c)
	}
	return append(changes, pairs...)
}

func flags(list []Extension) string {
	var text []byte
	for i := range list {
		text = append(text, list[i].Typeflag())
	}
	return string(text)
}

func (x *Extension) changes(y *Extension) []Change {
	if *x == *y {
		return nil
	}
	flag := x.Typeflag()
	changes := blockChanges(flag, &x.Block, &y.Block, x.Data != y.Data)
	switch {
	case x.Data == y.Data:
	case flag == 'x' || flag == 'g':
		changes = append(changes, recordChanges(flag, x.Data, y.Data)...)
	default:
		c := Change{Extension: flag, Part: PartData, A: Value{Text: x.Data}, B: Value{Text: y.Data}}
		changes = append(changes, c)
	}
	return append(changes, paddingChanges(flag, x.Padding, y.Padding)...)
}

// record is a PAX record; nth counts those of the same key before it.
type record struct {
	key, value string
	nth        int
}

func (r record) id() record { return record{key: r.key, nth: r.nth} }

// records reads PAX records in their order.
func records(data string) ([]record, bool) {
	read, err := paxRecords(data)
	var list []record
	count := map[string]int{}
	for _, r := range read {
		list = append(list, record{r.key, r.value, count[r.key]})
		count[r.key]++
	}
	return list, err == nil
}

// Keys are those of an extended header's records, in their order.
func Keys(data string) []string {
	var keys []string
	list, _ := records(data)
	for _, r := range list {
		keys = append(keys, r.key)
	}
	return keys
}

func recordChanges(flag byte, a, b string) []Change {
	listA, okA := records(a)
	listB, okB := records(b)
	if !okA || !okB {
		return []Change{{Extension: flag, Part: PartData, A: Value{Text: a}, B: Value{Text: b}}}
	}
	changes := mergeRecords(listA, listB)
	if len(changes) == 0 {
		c := Change{Part: PartRecordForm}
		c.A, c.B = values("", "", a, b)
		changes = append(changes, c)
	}
	for i := range changes {
		changes[i].Extension = flag
	}
	return changes
}

// mergeRecords compares records key by key. A record that only one side has comes
// where it stands among the others of that side.
func mergeRecords(a, b []record) []Change {
	inA, inB := byID(a), byID(b)
	var changes []Change
	ordered := true
	for len(a) > 0 || len(b) > 0 {
		if len(a) > 0 {
			if _, both := inB[a[0].id()]; !both {
				changes = append(changes, Change{Part: PartRecord, Key: a[0].key, A: Value{Text: a[0].value}, B: Value{Missing: true}})
				a = a[1:]
				continue
			}
		}
		if len(b) > 0 {
			if _, both := inA[b[0].id()]; !both {
				changes = append(changes, Change{Part: PartRecord, Key: b[0].key, A: Value{Missing: true}, B: Value{Text: b[0].value}})
				b = b[1:]
				continue
			}
		}
		// Of the records that both sides have, as many are left in a as in b.
		x, y := a[0], b[0]
		if x.id() != y.id() && ordered {
			ordered = false
			changes = append(changes, Change{Part: PartRecordOrder, A: Value{Text: x.key}, B: Value{Text: y.key}})
		}
		if value := inB[x.id()]; value != x.value {
			changes = append(changes, Change{Part: PartRecord, Key: x.key, A: Value{Text: x.value}, B: Value{Text: value}})
		}
		a, b = a[1:], b[1:]
	}
	return changes
}

func byID(list []record) map[record]string {
	values := map[record]string{}
	for _, r := range list {
		values[r.id()] = r.value
	}
	return values
}
