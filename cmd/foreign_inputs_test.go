package cmd

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/uki"
)

// hostileInputs makes files and images in which fields of foreign origin hold a text. They
// are otherwise as they should be, so that what lies behind a field is reached as well.
type hostileInputs struct {
	*testing.T
	text string
	// where has a bit for each field that holds the text, counted from the lowest.
	where uint64
	next  int
}

// or is the text if the next field is to hold it, else what should be there.
func (h *hostileInputs) or(usual string) string {
	field := h.next
	h.next++
	if h.where>>(field%64)&1 == 1 {
		return h.text
	}
	return usual
}

// quoted is a string in JSON, but keeps bytes that are no UTF-8.
func (h *hostileInputs) quoted(usual string) string {
	var b strings.Builder
	for _, c := range []byte(h.or(usual)) {
		switch {
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		default:
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}

// name is the text as a name in a directory.
func (h *hostileInputs) name(usual string) string {
	text := strings.NewReplacer("/", "_", "\x00", "_").Replace(h.or(usual))
	if text = text[:min(len(text), 200)]; text == "" || text == "." || text == ".." || text == "-" {
		return usual
	}
	return text
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// layer is a bootable tree with a policy, a unified kernel image and entries that lint and
// the engines have something to say of.
func (h *hostileInputs) layer() []byte {
	quote := strconv.Quote
	kernel := uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", h.or("composefs=" + strings.Repeat("0", 128))}, [2]string{h.or(".osrel"), h.or("ID=a\n")},
		[2]string{".profile", "ID=" + h.or("main") + "\nTITLE=" + h.or("Main")})
	cut := func(s string, n int) string { return s[:min(len(s), n)] }
	spec := "d boot\nd boot/EFI\nd boot/EFI/Linux\nd boot/loader\nd boot/loader/entries\nd sysroot\nd run\nd usr\nd etc\nd etc/selinux\nd etc/selinux/targeted\nd etc/selinux/targeted/contexts\nd etc/selinux/targeted/contexts/files\n" +
		"f " + quote("boot/EFI/Linux/"+h.name("a")+".efi") + " =" + quote(string(kernel)) + "\n" +
		"f " + quote("boot/loader/entries/"+h.name("a")+".conf") + " =" + quote("title "+h.or("a")+"\nlinux "+h.or("/vmlinuz")+"\noptions "+h.or("quiet")+"\n") + "\n" +
		"f etc/selinux/config =" + quote("SELINUXTYPE="+h.or("targeted")+"\n") + "\n" +
		"f etc/selinux/targeted/contexts/files/file_contexts =" + quote(h.or("/.*")+" "+h.or("system_u:object_r:a_t:s0")+"\n") + "\n" +
		"f etc/selinux/targeted/contexts/files/file_contexts.subs =" + quote(h.or("/a")+" "+h.or("/b")+"\n") + "\n" +
		"f " + quote("etc/"+h.name("a")) + " =a pax:" + quote("SCHILY.xattr."+h.or("user.a")+"="+h.or("v")) + " pax:" + quote(h.or("comment")+"="+h.or("c")) + " pax:" + quote("mtime="+h.or("1")) + "\n" +
		"f etc/owners =b @265=" + quote(cut(h.or("root"), 32)) + " @297=" + quote(cut(h.or("root"), 32)) + " @100=" + quote(cut(h.or("0000644"), 8)) + "\n" +
		"l etc/link ->" + quote(h.or("a")) + "\n" +
		"h etc/hard ->" + quote(h.or("etc/owners")) + "\n" +
		"f " + quote(h.or("etc/.wh.b")) + "\n" +
		h.or("f") + " etc/type\n"
	return h.tar(spec)
}

// tar is an archive of a spec; what a spec cannot tell is skipped.
func (h *hostileInputs) tar(spec string) []byte {
	defer func() {
		if wrong := recover(); wrong != nil {
			h.Skip(wrong)
		}
	}()
	return layers.Tar(spec)
}

// blobs are the files of an OCI layout by their names.
func (h *hostileInputs) blobs() map[string][]byte {
	layer := h.layer()
	all := map[string][]byte{}
	put := func(data []byte) string {
		digest := digestOf(data)
		all["blobs/sha256/"+digest[7:]] = data
		return digest
	}
	config := []byte(`{"architecture":` + h.quoted("amd64") + `,"os":` + h.quoted("linux") + `,"variant":` + h.quoted("") + `,"created":` + h.quoted("2026-01-01T00:00:00Z") +
		`,"config":{"Labels":{` + h.quoted("a") + `:` + h.quoted("b") + `,"containers.composefs.fsverity":` + h.quoted(strings.Repeat("0", 128)) + `}},"history":[{"created_by":` + h.quoted("RUN a") +
		`}],` + h.quoted("x") + `:1,"rootfs":{"type":"layers","diff_ids":[` + h.quoted(digestOf(layer)) + `]}}`)
	const mediaTypes = "application/vnd.oci.image."
	manifest := []byte(`{"schemaVersion":2,"mediaType":` + h.quoted(mediaTypes+"manifest.v1+json") +
		`,"config":{"mediaType":` + h.quoted(mediaTypes+"config.v1+json") + `,"digest":` + h.quoted(put(config)) + `,"size":` + strconv.Itoa(len(config)) +
		`},"layers":[{"mediaType":` + h.quoted(mediaTypes+"layer.v1.tar") + `,"digest":` + h.quoted(put(layer)) + `,"size":` + strconv.Itoa(len(layer)) +
		`,"annotations":{` + h.quoted("composefs.layer.erofs.v1.fsverity-sha512-12") + `:` + h.quoted("x") + `}}],"annotations":{` +
		h.quoted("composefs.merged.erofs.v1.fsverity-sha512-12") + `:` + h.quoted(strings.Repeat("0", 128)) + `}}`)
	all["index.json"] = []byte(`{"schemaVersion":2,"manifests":[{"mediaType":` + h.quoted(mediaTypes+"manifest.v1+json") + `,"digest":` + h.quoted(put(manifest)) +
		`,"size":` + strconv.Itoa(len(manifest)) + `,"platform":{"os":` + h.quoted("linux") + `,"architecture":` + h.quoted("amd64") +
		`},"annotations":{"org.opencontainers.image.ref.name":` + h.quoted("1") + `}}],` + h.quoted("annotations") + `:{}}`)
	all["manifest"], all["config"], all["layer"] = manifest, config, layer
	all["oci-layout"] = []byte(`{"imageLayoutVersion":` + h.quoted("1.0.0") + `}`)
	return all
}

// write writes all that commands may be given to the working directory.
func (h *hostileInputs) write() {
	blobs := h.blobs()
	manifest, config, layer := blobs["manifest"], blobs["config"], blobs["layer"]
	delete(blobs, "manifest")
	delete(blobs, "config")
	delete(blobs, "layer")
	for name, data := range blobs {
		files.Write(h.T, filepath.Join("layout", name), data)
	}
	blobs[h.or("odd")] = nil
	files.Write(h.T, "oci.tar", h.archive(blobs))
	files.Write(h.T, "docker.tar", h.archive(map[string][]byte{
		"manifest.json": []byte(`[{"Config":` + h.quoted("config.json") + `,"RepoTags":[` + h.quoted("a:1") + `,` + h.quoted("b:1") + `],"Layers":[` + h.quoted("l.tar") + `]}]`),
		"config.json":   config, h.or("l.tar"): layer,
	}))
	files.Write(h.T, "layer.tar", layer)
	files.Write(h.T, "manifest", manifest)
	dump := []byte("/ 0 40755 2 0 0 0 0.0 - - -\n/usr 0 40755 2 0 0 0 0.0 - - -\n/" + h.or("a") + " " + h.or("1") + " 100644 1 0 0 0 " + h.or("0.0") + " " + h.or("-") + " " + h.or("a") + " - " + h.or("user.a=b") + "\n")
	files.Write(h.T, "tree.dump", dump)
	files.Write(h.T, "tree.dump.policy", []byte(`{"schemaVersion":1,"dump":`+h.quoted(digestOf(dump))+`,"source":`+h.quoted("dir")+`,"layerRules":`+h.quoted("oci")+
		`,"policy":{"root":`+h.quoted("usr")+`,"dirMtime":"keep","run":"empty","xattrs":`+h.quoted("allowlist")+`,"mtime":"keep","boot":"no","hardlinks":"keep"}}`))
	files.Write(h.T, "rules.yaml", []byte("allow:\n  - reason: "+h.or("known")+"\n    "+h.or("path")+": "+h.or("/**")+"\n"))
	files.Write(h.T, "cmdline", []byte(h.or("composefs=0")))
	files.Write(h.T, "a.efi", uki.File([2]string{h.or(".cmdline"), h.or("composefs=0")}, [2]string{".linux", "kernel"}))
	files.Write(h.T, "cert.pem", []byte(h.or("-----BEGIN CERTIFICATE-----\n")))
	files.Write(h.T, filepath.Join("root", h.name("a")), []byte("a"))
	files.Write(h.T, "root/usr/a", []byte("a"))
	files.Write(h.T, h.name("file"), []byte(h.or("content")))
}

// archive has members of these names, in their order.
func (h *hostileInputs) archive(members map[string][]byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		data := members[name]
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			h.Skip(err)
		}
		if _, err := w.Write(data); err != nil {
			h.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		h.Fatal(err)
	}
	return out.Bytes()
}

// registry serves the layout, and the text in what registries answer.
func (h *hostileInputs) registry() string {
	index, err := os.ReadFile("layout/index.json")
	if err != nil {
		h.Fatal(err)
	}
	// What is no header is an error of the client, which asks again after a pause.
	header := func(text string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, text)
	}
	status := []int{200, 400, 401, 403, 404, 307}[h.where%6]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		digest := filepath.Base(r.URL.Path)
		blob, err := os.ReadFile(filepath.Join("layout/blobs/sha256", strings.TrimPrefix(digest, "sha256:")))
		switch {
		case r.URL.Path == "/v2/":
			return
		case status != 200:
			w.Header().Set("Location", header("/v2/a/"+h.text))
			w.Header().Set("WWW-Authenticate", "Basic realm="+header(h.text))
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"errors":[{"code":%s,"message":%s,"detail":%s}]}`, h.quoted("DENIED"), h.quoted("no"), h.quoted("x"))
		case err == nil:
			w.Header().Set("Content-Type", header(h.or("application/vnd.oci.image.manifest.v1+json")))
			_, _ = w.Write(blob)
		default:
			w.Header().Set("Docker-Content-Digest", header(h.or(digestOf(index))))
			_, _ = w.Write(index)
		}
	}))
	h.Cleanup(server.Close)
	return "docker://" + strings.TrimPrefix(server.URL, "http://") + "/a:1"
}
