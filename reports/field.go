package reports

import (
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
)

// side is one side of a change.
type side struct {
	*canon.Node
	// path is one of links, which are all paths of the inode; xattr is the attribute
	// that changed.
	path, xattr string
	links       []string
}

func sideA(c compare.Change, d *compare.Difference) side {
	return side{d.A.Node, d.Path, c.Xattr, d.LinksA}
}

func sideB(c compare.Change, d *compare.Difference) side {
	return side{d.B.Node, d.Path, c.Xattr, d.LinksB}
}

// fieldRow is how reports show a field.
type fieldRow struct {
	text func(side) string
	// json gives a number, a string, a list of paths, or nil for what is not there;
	// without it the text is taken.
	json func(side) any
}

// fieldRows are for all fields that can differ.
var fieldRows = map[compare.Field]fieldRow{
	compare.Type:      {text: func(s side) string { return s.Kind.String() }},
	compare.Mode:      {text: func(s side) string { return modeText(s.Node) }},
	compare.UID:       {func(s side) string { return fmt.Sprint(s.UID) }, func(s side) any { return s.UID }},
	compare.GID:       {func(s side) string { return fmt.Sprint(s.GID) }, func(s side) any { return s.GID }},
	compare.Mtime:     {func(s side) string { return timeText(s.Mtime) }, func(s side) any { return s.Mtime.Sec }},
	compare.MtimeNsec: {func(s side) string { return fmt.Sprintf(".%09d", s.Mtime.Nsec) }, func(s side) any { return s.Mtime.Nsec }},
	compare.Size:      {func(s side) string { return fmt.Sprintf("%d bytes", s.Size) }, func(s side) any { return s.Size }},

	compare.ContentDigest: {text: func(s side) string { return contentText(s.Node) }},
	compare.Storage: {
		func(s side) string { return s.storage("in the image", "in the content store") },
		func(s side) any { return s.storage("inline", "external") },
	},
	compare.Payload: {
		func(s side) string {
			if path := s.payload(); path != "" {
				return path
			}
			return "no path"
		},
		func(s side) any { return s.payload() },
	},
	compare.Target: {text: func(s side) string { return printable.Text(s.Target) }},
	compare.Rdev:   {text: func(s side) string { return rdevText(s.Node) }},
	compare.Xattr: {
		func(s side) string { return xattrText(s.Node, s.xattr) },
		func(s side) any {
			if value, ok := s.Xattrs.Get(s.xattr); ok {
				return []byte(value)
			}
			return nil
		},
	},
	compare.Links: {linksText, func(s side) any {
		others, _ := otherLinks(s, jsonLinks)
		return append([]string{}, others...)
	}},
	compare.Nlink: {func(s side) string { return fmt.Sprintf("%d links", s.Nlink) }, func(s side) any { return s.Nlink }},
}

func (s side) storage(inline, external string) string {
	if s.Content != nil && s.Content.Inline != nil {
		return inline
	}
	return external
}

// payload is the path in the content store, empty if there is none.
func (s side) payload() string {
	if s.Content == nil {
		return ""
	}
	return printable.Text(s.Content.Payload())
}

// fieldText shows one side of a change to a person.
func fieldText(c compare.Change, s side) string { return fieldRows[c.Field].text(s) }

// fieldJSON shows one side of a change to a program.
func fieldJSON(c compare.Change, s side) any {
	row := fieldRows[c.Field]
	if row.json == nil {
		return row.text(s)
	}
	return row.json(s)
}
