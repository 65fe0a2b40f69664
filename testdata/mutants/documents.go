package mutants

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// documentMaker writes documents, and changes some of them.
type documentMaker struct {
	*maker
	// left are the changes to make, all in what is written last.
	left int
	last bool
}

// json writes a document.
func (d *documentMaker) json(name string, doc object) []byte {
	var edits []func(string) string
	for d.left > 0 && (d.last || d.IntN(2) == 0) {
		d.left--
		var what string
		if d.IntN(3) == 0 {
			var edit func(string) string
			edit, what = d.changeText()
			edits = append(edits, edit)
		} else {
			what = d.changeDocument(name, doc)
		}
		d.note("%s: %s", name, what)
	}
	text := string(marshal(doc))
	for _, edit := range edits {
		text = edit(text)
	}
	return []byte(text)
}

// changeText changes what is JSON's alone.
func (d *documentMaker) changeText() (func(string) string, string) {
	member := d.pick(`"mediaType"`, `"digest"`, `"size"`, `"layers"`, `"config"`, `"rootfs"`, `"diff_ids"`, `"manifests"`, `"schemaVersion"`, `"type"`, `"os"`)
	other := d.pick(strings.ToUpper(member), `"M`+member[2:], strings.Replace(member, "e", `\u0065`, 1), member)
	value := d.pick("null", "[]", "{}", `""`, "0", "2", "true")
	switch d.IntN(6) {
	case 0:
		return func(s string) string { return strings.Replace(s, member, other+":"+value+","+member, 1) }, fmt.Sprintf("%s is %s before %s", other, value, member)
	case 1:
		return func(s string) string { return strings.Replace(s, member, other, 1) }, fmt.Sprintf("%s is called %s", member, other)
	case 2:
		tail := d.pick(" ", "\n\n", "{}", "x", "\x00", ",", "null")
		return func(s string) string { return s + tail }, fmt.Sprintf("%q at the end", tail)
	case 3:
		head := d.pick(" ", "\n", "\ufeff", "\x00", "// x\n")
		return func(s string) string { return head + s }, fmt.Sprintf("%q at the beginning", head)
	case 4:
		return func(s string) string {
			return strings.Replace(s, "{", "{\"x\":\""+d.pick("\xff", `\ud800`, `\u0000`, "\t", `\x`, `é`)+"\",", 1)
		}, "an odd string"
	}
	old, number := `"size":`, d.pick("1.0", "1e1", "-0", "01", "1E400", `"1"`, "9223372036854775808")
	return func(s string) string {
		before, after, found := strings.Cut(s, old)
		if end := strings.IndexAny(after, ",}"); found && end >= 0 {
			return before + old + number + after[end:]
		}
		return s
	}, fmt.Sprintf("a size is %s", number)
}

var mediaTypes = []string{configType, manifestType, indexType, layerTypes[0], layerTypes[1], layerTypes[2],
	"application/vnd.oci.image.layer.nondistributable.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.container.image.v1+json",
	"application/vnd.oci.empty.v1+json", "application/vnd.oci.artifact.manifest.v1+json", "application/x-other", "", "Application/vnd.oci.image.manifest.v1+json"}

// changeDocument changes a value of a document, and says which.
func (d *documentMaker) changeDocument(name string, doc object) string {
	if d.IntN(4) == 0 {
		return d.changeAny(doc)
	}
	switch name {
	case "config":
		rootfs, _ := doc["rootfs"].(object)
		ids, ok := rootfs["diff_ids"].([]any)
		if !ok {
			return d.changeAny(doc)
		}
		switch d.IntN(5) {
		case 0:
			rootfs["diff_ids"] = d.reorder(ids)
			return "other diffIDs"
		case 1:
			rootfs["type"] = d.pick("layers", "Layers", "", "other")
			return fmt.Sprintf("rootfs of type %q", rootfs["type"])
		case 2:
			doc["os"], doc["architecture"] = d.pick("linux", "windows", ""), d.pick("amd64", "arm64", "", "x")
			return fmt.Sprintf("for %v/%v", doc["os"], doc["architecture"])
		case 3:
			doc["created"] = d.pick("", "x", "2026-01-02T03:04:05.5+01:00", "2026-01-02", "0001-01-01T00:00:00Z")
			return fmt.Sprintf("created %q", doc["created"])
		}
		doc["history"] = []any{object{"created_by": "x", "empty_layer": d.IntN(2) == 0}}
		return "a history"
	case "manifest":
		list, layer := d.element(doc, "layers")
		config, ok := doc["config"].(object)
		if layer == nil || !ok {
			return d.changeAny(doc)
		}
		switch d.IntN(7) {
		case 0:
			doc["layers"] = d.reorder(list)
			return "other layers"
		case 1, 2:
			layer["mediaType"] = mediaTypes[d.IntN(len(mediaTypes))]
			return fmt.Sprintf("a layer of type %q", layer["mediaType"])
		case 3:
			config["mediaType"] = mediaTypes[d.IntN(len(mediaTypes))]
			return fmt.Sprintf("a config of type %q", config["mediaType"])
		case 4:
			layer["urls"], layer["annotations"], layer["data"] = []any{"http://127.0.0.1:1/x"}, object{"a": "b"}, "eA=="
			return "a layer with urls, annotations and data"
		case 5:
			doc["artifactType"] = "application/x-other"
			doc["subject"] = descriptor(manifestType, "sha256:"+strings.Repeat("a", 64), 7)
			return "an artifactType and a subject"
		}
		return d.changeDescriptor(layer)
	}
	list, entry := d.element(doc, "manifests")
	if entry == nil {
		return d.changeAny(doc)
	}
	switch d.IntN(10) {
	case 6, 7, 8:
		return d.addImage(doc, entry)
	case 0:
		entry["mediaType"] = mediaTypes[d.IntN(len(mediaTypes))]
		return fmt.Sprintf("a manifest of type %q", entry["mediaType"])
	case 1:
		entry["platform"] = object{"os": d.pick("linux", "windows", ""), "architecture": d.pick("amd64", "arm64", "")}
		return fmt.Sprintf("platform %v", entry["platform"])
	case 2:
		entry["annotations"] = object{"org.opencontainers.image.ref.name": d.pick("t", "", "other:tag", "a b")}
		return fmt.Sprintf("annotations %v", entry["annotations"])
	case 3:
		doc["manifests"] = d.reorder(list)
		return "other manifests"
	case 4:
		inner := marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": slices.Clone(list)})
		doc["manifests"] = []any{descriptor(indexType, d.blob(inner), len(inner))}
		return "an index of an index"
	case 5:
		other := descriptor(manifestType, d.blob([]byte("{}")), 2)
		other["platform"] = object{"os": "linux", "architecture": d.pick("arm64", "amd64")}
		doc["manifests"] = []any{entry, other}
		return "a second manifest"
	}
	return d.changeDescriptor(entry)
}

// addImage lists another image, of one layer less, before or behind the one that is there:
// another one for readers to take, or something that is attached to it.
func (d *documentMaker) addImage(doc, entry object) string {
	var manifest, config object
	digest, _ := entry["digest"].(string)
	if json.Unmarshal(d.layout.Files["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")], &manifest) != nil {
		return d.changeAny(doc)
	}
	stated, _ := manifest["config"].(object)
	digest, _ = stated["digest"].(string)
	if json.Unmarshal(d.layout.Files["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")], &config) != nil {
		return d.changeAny(doc)
	}
	list, _ := manifest["layers"].([]any)
	rootfs, _ := config["rootfs"].(object)
	diffIDs, _ := rootfs["diff_ids"].([]any)
	if len(list) == 0 || len(list) != len(diffIDs) {
		return d.changeAny(doc)
	}
	manifest["layers"], rootfs["diff_ids"] = list[:len(list)-1], diffIDs[:len(list)-1]
	raw := marshal(config)
	manifest["config"] = descriptor(configType, d.blob(raw), len(raw))
	raw = marshal(manifest)
	other := descriptor(manifestType, d.blob(raw), len(raw))
	var what []string
	for _, e := range []object{entry, other} {
		if d.IntN(2) == 0 {
			e["platform"] = object{"os": d.pick("linux", "unknown"), "architecture": d.pick("amd64", "arm64", "unknown")}
		}
		annotations := object{}
		if d.IntN(2) == 0 {
			annotations["org.opencontainers.image.ref.name"] = d.pick("t", "t", "u", "")
		}
		if d.IntN(4) == 0 {
			annotations["vnd.docker.reference.type"] = "attestation-manifest"
		}
		if d.IntN(4) == 0 {
			e["artifactType"] = d.pick("application/x-other", configType)
		}
		e["annotations"] = annotations
		what = append(what, fmt.Sprintf("platform %v, annotations %v, artifactType %v", e["platform"], annotations, e["artifactType"]))
	}
	if d.IntN(2) == 0 {
		doc["manifests"] = []any{other, entry}
		return "another image (" + what[1] + ") before the image (" + what[0] + ")"
	}
	doc["manifests"] = []any{entry, other}
	return "another image (" + what[1] + ") behind the image (" + what[0] + ")"
}

// element is one of a list of objects, nil if that was changed to something else.
func (d *documentMaker) element(doc object, name string) ([]any, object) {
	list, _ := doc[name].([]any)
	if len(list) == 0 {
		return nil, nil
	}
	o, _ := list[d.IntN(len(list))].(object)
	return list, o
}

// changeDescriptor changes a descriptor's digest or size.
func (d *documentMaker) changeDescriptor(o object) string {
	digest, isText := o["digest"].(string)
	size, isNumber := o["size"].(int)
	if !isText || !isNumber || len(digest) != 71 {
		return d.changeAny(o)
	}
	switch d.IntN(4) {
	case 0:
		o["size"] = size + d.IntN(3) - 1
	case 1:
		o["digest"] = "sha256:" + strings.ToUpper(digest[7:])
	case 2:
		o["digest"] = d.pick(digest+"0", digest[:70], "sha512:"+strings.Repeat("a", 128), "SHA256:"+digest[7:], digest[7:], "sha256:", " "+digest, digest+"\n")
	case 3:
		delete(o, d.pick("digest", "size", "mediaType"))
	}
	return fmt.Sprintf("a descriptor %v", o)
}

// reorder repeats, removes or exchanges elements.
func (d *documentMaker) reorder(list []any) []any {
	list = slices.Clone(list)
	if len(list) == 0 {
		return list
	}
	i, j := d.IntN(len(list)), d.IntN(len(list))
	switch d.IntN(3) {
	case 0:
		list[i], list[j] = list[j], list[i]
	case 1:
		list = slices.Insert(list, i, list[j])
	case 2:
		list = slices.Delete(list, i, i+1)
	}
	return list
}

// changeAny replaces, removes or adds some member.
func (d *documentMaker) changeAny(doc object) string {
	o, path := doc, ""
	for {
		keys := slices.Sorted(maps.Keys(o))
		if len(keys) == 0 {
			break
		}
		key := keys[d.IntN(len(keys))]
		path += "/" + key
		inner, isObject := o[key].(object)
		if list, isList := o[key].([]any); isList && len(list) > 0 {
			inner, isObject = list[d.IntN(len(list))].(object)
		}
		if isObject && len(inner) > 0 && d.IntN(3) > 0 {
			o = inner
			continue
		}
		switch d.IntN(3) {
		case 0:
			delete(o, key)
			return "without " + path
		case 1:
			o["x-"+key] = o[key]
			return "x- besides " + path
		}
		var value any
		text := d.pick("null", "true", "0", "-1", "1.5", `""`, `"x"`, "[]", "{}", "[null]", "[{}]", "[[]]")
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		if err := decoder.Decode(&value); err != nil {
			panic(err)
		}
		o[key] = value
		return fmt.Sprintf("%s is %s", path, text)
	}
	return "nothing"
}
