package reports

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/compare/proof"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// hostileNames are names of files that would be markup, script or noise to
// something that does not take them for data.
func hostileNames() []string {
	return []string{
		"</script><img src=x onerror=alert(1)>", "<!--<script>", "-->", "]]>", "\u2028alert(1)\u2029", "\u202egpj.exe", "a\x00b"[:1] + "\x01\x1b[31m", "\xff\xfe",
		`";alert(1);//`, "'><svg onload=alert(1)>", "{{.Report}}", "${alert(1)}", "javascript:alert(1)", "&lt;b&gt;", `\`, `\x3c`, "__proto__", "constructor", "toString",
		"\n::error::x", strings.Repeat("x", 255),
	}
}

// hostile is a report in which all that an image can name is hostile.
func hostile() *verify.Result {
	top := &canon.Layer{Index: 1, DiffID: "sha256:" + strings.Repeat("1", 64), Name: "<img src=x onerror=alert(1)>.tar"}
	a, b := canon.NewTree(), canon.NewTree()
	same := &canon.Node{Kind: canon.Directory}
	for i, name := range hostileNames() {
		origin := &canon.Origin{Layer: top, Entry: int32(i + 1), Header: &canon.Header{Typeflag: '<', Name: name, Linkname: name, PAX: map[string]string{name: name, "__proto__": name}}}
		b.Root.Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.Symlink, Target: name, Xattrs: canon.Xattrs{{Name: "user." + name, Value: name}}}, Origin: origin})
		if i%2 == 0 {
			a.Root.Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.Symlink, Target: "x", Mtime: canon.Time{Sec: 1}}})
		}
		same.Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.FIFO}})
	}
	a.Root.Put(canon.Dirent{Name: "same", Node: same})
	b.Root.Put(canon.Dirent{Name: "same", Node: same})
	a.CountLinks()
	b.CountLinks()
	r := reportOf(a, b)
	name := strings.Join(hostileNames(), " ")
	r.A.Source, r.B.Source, r.B.Layers = name, name, []*canon.Layer{top}
	r.B.OtherRules = &verify.OtherRules{OtherRules: layer.OtherRules{Rules: layer.RulesComposefsRS, Err: errors.New(hostileNames()[0]), Events: []layer.Event{{Layer: top, Entry: 1, Path: name, What: hostileNames()[0]}}}}
	r.Gate = gate.Gate{File: name, Allowances: []gate.Allowance{{Path: "/__proto__", Reason: name}, {Path: hostileNames()[0], Reason: name}}}.Judge(r.Findings, r.Equal())
	r.Masked = &verify.Masked{Differences: r.Differences, Findings: r.Findings}
	return r
}

// reportOf compares two trees.
func reportOf(a, b *canon.Tree) *verify.Result {
	differences := compare.Trees(a, b)
	entries := func(tree *canon.Tree) int {
		n := 0
		for range tree.All() {
			n++
		}
		return n
	}
	return &verify.Result{
		Recipe: recipe.Recipe{Version: 1, Hash: fsverity.SHA512, Policy: policy.Raw()}, Rules: layer.RulesOCI,
		A:       verify.Side{Name: "inside", Source: "dump:inside.dump", Tree: a, Entries: entries(a), Digest: fsverity.SumBytes(fsverity.SHA512, []byte("a"))},
		B:       verify.Side{Name: "outside", Source: "oci:image", Tree: b, Entries: entries(b), Digest: fsverity.SumBytes(fsverity.SHA512, []byte("b"))},
		Outcome: verify.Outcome{Differences: differences, Findings: blame.Explain(blame.Comparison{A: a, B: b, NameA: "inside", NameB: "outside", Differences: differences, Policy: policy.Raw()})},
	}
}

// large is a report with so many files of which each differs, of three layers,
// and as many that do not.
func large(n int) *verify.Result {
	a, b := canon.NewTree(), canon.NewTree()
	var layers []*canon.Layer
	for i := range 3 {
		layers = append(layers, &canon.Layer{Index: i + 1, DiffID: fmt.Sprintf("sha256:%064d", i), Digest: fmt.Sprintf("sha256:%064d", i+10)})
	}
	put := func(t *canon.Tree, dir, name string, node *canon.Node, o *canon.Origin) {
		d := t.Root.Child(dir)
		if d == nil {
			t.Root.Put(canon.Dirent{Name: dir, Node: &canon.Node{Kind: canon.Directory, Perm: 0o755}})
			d = t.Root.Child(dir)
		}
		d.Node.Put(canon.Dirent{Name: name, Node: node, Origin: o})
	}
	for i := range n {
		dir, name := fmt.Sprintf("directory-%03d", i/500), fmt.Sprintf("file-with-a-name-of-usual-length-%06d", i)
		content := canon.External(fsverity.SumBytes(fsverity.SHA512, []byte(name)))
		node := canon.Node{Kind: canon.Regular, Perm: 0o644, Size: uint64(1000 + i), Mtime: canon.Time{Sec: 1700000000 + int64(i)}, Content: content}
		other := node
		other.Mtime.Nsec = 123456789
		o := &canon.Origin{Layer: layers[i%3], Entry: int32(i + 1), Header: &canon.Header{Offset: int64(i) * 1024, Typeflag: '0', Name: "./" + dir + "/" + name, Mode: 0o644, Size: int64(node.Size), Mtime: node.Mtime}}
		put(a, dir, name, &other, nil)
		put(b, dir, name, &node, o)
		sameA, sameB := node, node
		put(a, dir, "same-"+name, &sameA, nil)
		put(b, dir, "same-"+name, &sameB, nil)
	}
	a.CountLinks()
	b.CountLinks()
	r := reportOf(a, b)
	r.B.Layers = layers
	return r
}

// reports are one of every sort.
func allReports() map[string]*verify.Result {
	return map[string]*verify.Result{
		"sample": sample(), "same": same(), "gated": gated(), "accepted": accepted(), "ignored": ignored(), "implied": implied(), "hostile": hostile(), "large": large(1000),
	}
}

// showcase is a report of an image with most of what there is to show.
func showcase() *verify.Result {
	lower := &canon.Layer{Index: 1, DiffID: "sha256:" + strings.Repeat("1", 64), Digest: "sha256:" + strings.Repeat("a", 64)}
	upper := &canon.Layer{Index: 2, DiffID: "sha256:" + strings.Repeat("2", 64), Digest: "sha256:" + strings.Repeat("b", 64)}
	empty := &canon.Layer{Index: 3, DiffID: "sha256:" + strings.Repeat("3", 64), Digest: "sha256:" + strings.Repeat("c", 64)}
	entry := int32(0)
	origin := func(l *canon.Layer, flag byte, name string, n *canon.Node) *canon.Origin {
		entry++
		h := &canon.Header{Offset: int64(entry) * 512, Typeflag: flag, Name: "./" + name, Linkname: n.Target, Mode: int64(n.Perm), UID: int64(n.UID), GID: int64(n.GID), Size: int64(n.Size), Mtime: n.Mtime}
		for _, x := range n.Xattrs {
			h.PAX = map[string]string{"SCHILY.xattr." + x.Name: x.Value}
		}
		return &canon.Origin{Layer: l, Entry: entry, Header: h}
	}
	a, b := canon.NewTree(), canon.NewTree()
	dir := func(t *canon.Tree, path string, perm uint16, mtime canon.Time, o *canon.Origin) *canon.Node {
		parent, name := t.Root, path
		if i := strings.LastIndex(path, "/"); i >= 0 {
			parent, name = t.Lookup(path[:i]).Node, path[i+1:]
		}
		n := &canon.Node{Kind: canon.Directory, Perm: perm, Mtime: mtime}
		parent.Put(canon.Dirent{Name: name, Node: n, Origin: o})
		return n
	}
	old, now := canon.Time{Sec: 1772366400}, canon.Time{Sec: 1777000000, Nsec: 123456789}
	for i, t := range []*canon.Tree{a, b} {
		for _, path := range []string{"etc", "usr", "usr/bin", "usr/lib", "usr/lib/modules", "usr/lib/modules/6.12", "usr/share", "var"} {
			perm, mtime := uint16(0o755), old
			var o *canon.Origin
			if i == 1 {
				o = origin(lower, '5', path+"/", &canon.Node{Perm: 0o755, Mtime: old})
			}
			if path == "usr/share" && i == 0 {
				mtime = now
			}
			if path == "usr/share" && i == 1 {
				perm = 0o711
				o.ImpliedBy = origin(upper, '0', "usr/share/late", &canon.Node{Perm: 0o644, Mtime: old})
			}
			dir(t, path, perm, mtime, o)
		}
	}
	file := func(path, content string, change func(inside, outside *canon.Node)) {
		i := strings.LastIndex(path, "/")
		n := canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: old, Size: uint64(len(content)), Content: canon.External(fsverity.SumBytes(fsverity.SHA512, []byte(content)))}
		inside, outside := n, n
		if change != nil {
			change(&inside, &outside)
		}
		a.Lookup(path[:i]).Node.Put(canon.Dirent{Name: path[i+1:], Node: &inside})
		b.Lookup(path[:i]).Node.Put(canon.Dirent{Name: path[i+1:], Node: &outside, Origin: origin(lower, '0', path[1:], &outside)})
	}
	for i := range 30 {
		file(fmt.Sprintf("/usr/bin/tool-%02d", i), strings.Repeat("x", 100+i), nil)
	}
	for i := range 24 {
		file(fmt.Sprintf("/usr/lib/modules/6.12/module-%02d.ko.xz", i), strings.Repeat("m", 900+i), func(inside, _ *canon.Node) { inside.Mtime.Nsec = uint32(i+1) * 1000003 })
	}
	capability := canon.Xattrs{{Name: "security.capability", Value: "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}}
	file("/usr/bin/ping", strings.Repeat("p", 70000), func(_, outside *canon.Node) { outside.Xattrs = capability })
	file("/usr/bin/su", strings.Repeat("s", 55000), func(_, outside *canon.Node) { outside.Perm = 0o4755 })
	file("/etc/os-release", "NAME=os\n", func(inside, outside *canon.Node) {
		inside.Content, outside.Content = &canon.Content{Inline: []byte("NAME=os\n")}, &canon.Content{Inline: []byte("NAME=os\n")}
		outside.UID, outside.GID = 1000, 1000
	})
	file("/etc/machine-id", strings.Repeat("i", 33), func(inside, _ *canon.Node) {
		inside.Content = canon.External(fsverity.SumBytes(fsverity.SHA512, []byte("other")))
	})
	a.Lookup("/etc").Node.Put(canon.Dirent{Name: "resolv.conf", Node: &canon.Node{Kind: canon.Regular, Perm: 0o700, Mtime: now}})
	link := &canon.Node{Kind: canon.Symlink, Perm: 0o777, Mtime: old, Target: "../usr/lib/os-release"}
	b.Lookup("/var").Node.Put(canon.Dirent{Name: "lib\u202e-\u05d0\u05d1", Node: link, Origin: origin(upper, '2', "var/lib\u202e", link)})
	a.CountLinks()
	b.CountLinks()
	r := reportOf(a, b)
	r.Recipe.Policy = policy.ComposefsRS()
	r.B.Layers = []*canon.Layer{lower, upper, empty}
	r.B.OtherRules = &verify.OtherRules{Digest: fsverity.SumBytes(fsverity.SHA512, []byte("c")), Differences: r.Differences[:2], OtherRules: layer.OtherRules{Rules: layer.RulesComposefsRS,
		Events: []layer.Event{{Layer: upper, Entry: 9, Path: "usr/share/late", What: "no layer has an entry for the parent"}}}}
	var all []blame.Cause
	for _, f := range r.Findings {
		all = append(all, f.Cause)
	}
	r.Proof = &proof.Proof{Complete: true, Digest: r.B.Digest, Smallest: all, Needed: all, Effects: []proof.Effect{
		{Part: proof.Mtime, Word: "s", Removes: []blame.Cause{blame.SubsecondMtime}, DigestA: r.A.Digest, DigestB: r.B.Digest}}}
	return r
}

func gatedShowcase() *verify.Result {
	r := showcase()
	r.Gate = gate.Gate{File: "allow.yaml", Allowances: []gate.Allowance{
		{Cause: blame.SubsecondMtime, Reason: "the file system of the build has them"}, {Path: "/opt/**", Reason: "unused"},
		{Path: "/usr/share", Attribute: "mode", Reason: "known"}}}.Judge(r.Findings, r.Equal())
	r.Masked = &verify.Masked{Differences: r.Differences[:3], Findings: slices.Clone(r.Findings[:1])}
	for i := range r.Masked.Findings {
		f := &r.Masked.Findings[i]
		f.Entries = slices.DeleteFunc(slices.Clone(f.Entries), func(e blame.Entry) bool {
			return !slices.ContainsFunc(r.Masked.Differences, func(d compare.Difference) bool { return d.Path == e.Path })
		})
	}
	return r
}
