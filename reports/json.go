package reports

import (
	"strconv"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/canon/printable"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// SchemaVersion is the version of the JSON report's form; reports/schema.json
// describes it. It grows when a reader of the old form could be misled.
const SchemaVersion = 1

type jsonReport struct {
	SchemaVersion int               `json:"schemaVersion"`
	Equal         bool              `json:"equal"`
	Recipe        jsonRecipe        `json:"recipe"`
	Recognised    *jsonRecognised   `json:"recognised,omitempty"`
	A             jsonSide          `json:"a"`
	B             jsonSide          `json:"b"`
	Differences   []jsonDifference  `json:"differences"`
	LeftOut       int               `json:"leftOut,omitempty"`
	Findings      []jsonFinding     `json:"findings"`
	Proof         *jsonProof        `json:"proof,omitempty"`
	Masked        *jsonMasked       `json:"masked,omitempty"`
	Passed        bool              `json:"passed"`
	Conclusion    verify.Conclusion `json:"conclusion"`
	Gate          *jsonGate         `json:"gate,omitempty"`
	ByOtherRules  *jsonByOtherRules `json:"byOtherRules,omitempty"`
}

type jsonRecipe struct {
	ErofsVersion int          `json:"erofsVersion"`
	Hash         string       `json:"hash"`
	LayerRules   string       `json:"layerRules"`
	Policy       policy.Words `json:"policy"`
	Releases     []string     `json:"releases,omitempty"`
}

type jsonSide struct {
	Name       string          `json:"name"`
	Source     string          `json:"source"`
	Entries    int             `json:"entries"`
	Digest     string          `json:"digest"`
	Written    *policy.Words   `json:"written,omitempty"`
	Layers     []jsonLayer     `json:"layers,omitempty"`
	OtherRules *jsonOtherRules `json:"otherRules,omitempty"`
	Writer     string          `json:"writer,omitempty"`
	Corners    []jsonCorner    `json:"corners,omitempty"`
}

type jsonLayer struct {
	Index  int    `json:"index"`
	DiffID string `json:"diffID"`
	Digest string `json:"digest,omitempty"`
	Name   string `json:"name,omitempty"`
}

type jsonOtherRules struct {
	Rules       string           `json:"rules"`
	Refusal     string           `json:"refusal,omitempty"`
	Digest      string           `json:"digest,omitempty"`
	Differences []jsonDifference `json:"differences,omitempty"`
	LeftOut     int              `json:"leftOut,omitempty"`
	Events      []jsonEvent      `json:"events"`
}

type jsonEvent struct {
	Layer  int    `json:"layer,omitempty"`
	Entry  int    `json:"entry,omitempty"`
	Path   string `json:"path"`
	Effect string `json:"effect"`
}

type jsonDifference struct {
	Path    string         `json:"path"`
	Status  compare.Status `json:"status"`
	Changes []jsonChange   `json:"changes,omitempty"`
	A       *jsonEntry     `json:"a,omitempty"`
	B       *jsonEntry     `json:"b,omitempty"`
}

type jsonChange struct {
	Field compare.Field `json:"field"`
	Xattr string        `json:"xattr,omitempty"`
	A     any           `json:"a"`
	B     any           `json:"b"`
	// MoreA and MoreB are how many paths the lists of hardlinks leave out.
	MoreA int `json:"aMore,omitempty"`
	MoreB int `json:"bMore,omitempty"`
}

type jsonEntry struct {
	Type    string      `json:"type"`
	Mode    string      `json:"mode"`
	UID     uint32      `json:"uid"`
	GID     uint32      `json:"gid"`
	Mtime   jsonTime    `json:"mtime"`
	Nlink   uint32      `json:"nlink,omitempty"`
	Size    *uint64     `json:"size,omitempty"`
	Inline  *[]byte     `json:"inline,omitempty"`
	Digest  string      `json:"digest,omitempty"`
	Payload string      `json:"payload,omitempty"`
	Target  string      `json:"target,omitempty"`
	Rdev    *jsonRdev   `json:"rdev,omitempty"`
	Xattrs  []jsonXattr `json:"xattrs,omitempty"`
	Origin  *jsonOrigin `json:"origin,omitempty"`
}

type jsonTime struct {
	Sec  int64  `json:"sec"`
	Nsec uint32 `json:"nsec"`
}

type jsonRdev struct {
	Major uint32 `json:"major"`
	Minor uint32 `json:"minor"`
}

type jsonXattr struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

type jsonOrigin struct {
	Layer    int         `json:"layer"`
	Entry    int         `json:"entry"`
	Implicit bool        `json:"implicit"`
	Header   *jsonHeader `json:"header,omitempty"`
}

type jsonHeader struct {
	Offset   int64             `json:"offset"`
	Typeflag string            `json:"typeflag"`
	Name     string            `json:"name"`
	Linkname string            `json:"linkname,omitempty"`
	Mode     string            `json:"mode"`
	UID      int64             `json:"uid"`
	GID      int64             `json:"gid"`
	Size     int64             `json:"size"`
	Mtime    jsonTime          `json:"mtime"`
	PAX      map[string][]byte `json:"pax,omitempty"`
}

func (c Comparison) json() any {
	return compactIfLong(comparisonJSON(c, differencesMax), len(c.Differences))
}

// comparisonJSON has so many differences at most.
func comparisonJSON(r Comparison, most int) jsonReport {
	shown := shownOf(r.Differences, r.Findings, most)
	return jsonReport{
		SchemaVersion: SchemaVersion,
		Equal:         r.Equal(),
		Recipe:        recipeJSON(r.Recipe, r.Rules),
		Recognised:    recognisedJSON(r.Recognised),
		A:             sideJSON(&r.A, r.Recipe),
		B:             sideJSON(&r.B, r.Recipe),
		Differences:   differencesJSON(r.Differences, shown),
		LeftOut:       shown.leftOut,
		Findings:      findingsJSON(r.Findings, shown),
		Proof:         proofJSON(r.Proof),
		Masked:        maskedJSON(r.Masked, most),
		Passed:        r.Passed(),
		Conclusion:    r.Conclusion(),
		Gate:          gateJSON(r.Gate),
		ByOtherRules:  byOtherRulesJSON(r.Disagreement),
	}
}

func recipeJSON(r recipe.Recipe, rules layer.Rules) jsonRecipe {
	return jsonRecipe{ErofsVersion: int(r.Version), Hash: r.Hash.String(), LayerRules: string(rules), Policy: r.Policy.Words(), Releases: releaseNames(r)}
}

func sideJSON(s *verify.Side, r recipe.Recipe) jsonSide {
	j := jsonSide{Name: s.Name, Source: printable.Text(s.Source), Entries: s.Entries, Digest: s.Digest.String(), Corners: cornersJSON(s.Corners)}
	if len(s.Corners) > 0 {
		j.Writer = r.Writer.String()
	}
	if s.Written != nil {
		words := s.Written.Words()
		j.Written = &words
	}
	j.Layers = layersJSON(s.Layers)
	if o := s.OtherRules; o != nil {
		j.OtherRules = otherRulesJSON(&o.OtherRules)
		j.OtherRules.Digest = o.Digest.String()
		if len(o.Differences) > 0 {
			shown := shownOf(o.Differences, nil, differencesMax)
			j.OtherRules.Differences, j.OtherRules.LeftOut = differencesJSON(o.Differences, shown), shown.leftOut
		}
	}
	return j
}

func otherRulesJSON(o *layer.OtherRules) *jsonOtherRules {
	j := &jsonOtherRules{Rules: string(o.Rules), Refusal: printable.Text(errorText(o.Err)), Events: []jsonEvent{}}
	for _, e := range o.Events {
		event := jsonEvent{Entry: e.Entry, Path: printable.Text(e.Path), Effect: e.What}
		if e.Layer != nil {
			event.Layer = e.Layer.Index
		}
		j.Events = append(j.Events, event)
	}
	return j
}

func layersJSON(layers []*canon.Layer) []jsonLayer {
	list := make([]jsonLayer, 0, len(layers))
	for _, l := range layers {
		list = append(list, jsonLayer{l.Index, l.DiffID, l.Digest, printable.Text(l.Name)})
	}
	return list
}

func differencesJSON(all []compare.Difference, shown shown) []jsonDifference {
	list := make([]jsonDifference, 0, len(all)-shown.leftOut)
	for _, d := range all {
		if !shown.has(d.Path) {
			continue
		}
		j := jsonDifference{Path: printable.Text(d.Path), Status: d.Status, A: entryJSON(d.A), B: entryJSON(d.B)}
		for _, c := range d.Changes {
			j.Changes = append(j.Changes, changeJSON(c, sideA(c, &d), sideB(c, &d)))
		}
		list = append(list, j)
	}
	return list
}

func changeJSON(c compare.Change, a, b side) jsonChange {
	j := jsonChange{Field: c.Field, Xattr: printable.Text(c.Xattr), A: fieldJSON(c, a), B: fieldJSON(c, b)}
	if c.Field == compare.Links {
		_, j.MoreA = otherLinks(a, jsonLinks)
		_, j.MoreB = otherLinks(b, jsonLinks)
	}
	return j
}

func escapeAll(paths []string) []string {
	list := make([]string, 0, len(paths))
	for _, p := range paths {
		list = append(list, printable.Text(p))
	}
	return list
}

func entryJSON(e *canon.Dirent) *jsonEntry {
	if e == nil {
		return nil
	}
	n := e.Node
	j := &jsonEntry{
		Type: n.Kind.String(), Mode: modeText(n), UID: n.UID, GID: n.GID,
		Mtime: jsonTime{n.Mtime.Sec, n.Mtime.Nsec}, Target: printable.Text(n.Target), Origin: originJSON(e.Origin),
	}
	if n.Kind != canon.Directory {
		j.Nlink = n.Nlink
	}
	if n.Kind == canon.Regular {
		j.Size = &n.Size
	}
	if c := n.Content; c != nil {
		if c.Inline != nil {
			j.Inline = &c.Inline
		}
		j.Digest, j.Payload = c.Digest.String(), printable.Text(c.Payload())
	}
	if n.Kind.IsDevice() {
		major, minor := n.Device()
		j.Rdev = &jsonRdev{major, minor}
	}
	for _, x := range n.Xattrs {
		j.Xattrs = append(j.Xattrs, jsonXattr{printable.Text(x.Name), []byte(x.Value)})
	}
	return j
}

func originJSON(o *canon.Origin) *jsonOrigin {
	if o == nil || o.Layer == nil {
		return nil
	}
	j := &jsonOrigin{Layer: o.Layer.Index, Entry: int(o.Entry), Implicit: o.Implicit}
	if h := o.Header; h != nil {
		j.Header = &jsonHeader{
			Offset: h.Offset, Typeflag: printable.Text(string(rune(h.Typeflag))), Name: printable.Text(h.Name), Linkname: printable.Text(h.Linkname),
			Mode: "0" + strconv.FormatInt(h.Mode, 8), UID: h.UID, GID: h.GID, Size: h.Size, Mtime: jsonTime{h.Mtime.Sec, h.Mtime.Nsec},
		}
		for key, value := range h.PAX {
			if j.Header.PAX == nil {
				j.Header.PAX = map[string][]byte{}
			}
			j.Header.PAX[printable.Text(key)] = []byte(value)
		}
	}
	return j
}
