package blame

import (
	"os"
	"path/filepath"
	"testing"

	"cfsverify/testdata/oracle"
)

// latin1Locale makes a locale of ISO 8859-1, and gives what a shell command
// needs to be run in it.
func latin1Locale(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/usr/share/i18n/locales/en_US"); err != nil {
		oracle.Missing(t, "the source of the locale en_US is missing: install the package locales")
	}
	dir := t.TempDir()
	oracle.Run(t, "libc-bin", "localedef", "-i", "en_US", "-f", "ISO-8859-1", filepath.Join(dir, "en_US.ISO-8859-1"))
	return "LOCPATH=" + dir + " LC_ALL=en_US.ISO-8859-1 "
}

const accented = "d a mtime=1\nf \"a/caf\u00e9\" =x mtime=2\nf \"a/e\u0301\" =y mtime=3\nd \"d\u00fc\" mtime=4\nf \"d\u00fc/x\" mtime=5\nf plain mtime=6"

// TestUnpackedInLatin1: bsdtar takes names of PAX headers for UTF-8, and writes
// them in the locale's own encoding.
func TestUnpackedInLatin1(t *testing.T) {
	oracle.Root(t)
	inLatin1 := latin1Locale(t)
	_, outside := layerOf(t, accented)
	u := unpacking{t: t, dir: t.TempDir()}
	oracle.Tool(t, "bsdtar", "libarchive-tools")
	// Only PAX headers say that names are UTF-8.
	files, _ := layerOf(t, accented)
	u.sh(u.dir, "mkdir -m 755 source root; tar -px -C source -f "+files[0]+"; touch -d @1 source; tar --format=pax -C source -cf layer.tar .; "+inLatin1+"bsdtar -p -C root -xf layer.tar; touch -d @1 root")
	outside.Root.Perm, outside.Root.Mtime.Sec = 0o755, 1
	checkExplained(t, load(t, "dir:"+filepath.Join(u.dir, "root")), outside, []string{
		"name-encoding /a/caf\u00e9", "name-encoding /a/caf\xe9", "name-encoding /a/e\u0301", "name-encoding /a/\xe9",
		"name-encoding /d\u00fc", "name-encoding /d\u00fc/x", "name-encoding /d\xfc", "name-encoding /d\xfc/x"})
}

// TestArchivedInLatin1: there bsdtar takes every byte of UTF-8 for a character.
func TestArchivedInLatin1(t *testing.T) {
	oracle.Root(t)
	inLatin1 := latin1Locale(t)
	u := unpacking{t: t, dir: t.TempDir()}
	oracle.Tool(t, "bsdtar", "libarchive-tools")
	u.sh(u.dir, "mkdir -m 755 root; echo x >root/caf\u00e9; touch -d @1 root/* root; "+inLatin1+"bsdtar --format=pax -C root -cf layer.tar .")
	checkExplained(t, load(t, "dir:"+filepath.Join(u.dir, "root")), load(t, "tar:"+filepath.Join(u.dir, "layer.tar")), []string{
		"name-encoding /caf\u00c3\u00a9", "name-encoding /caf\u00e9"})
}

// TestNames: pairs that are one name, and such as only look like it.
func TestNames(t *testing.T) {
	const pair, none = "name-encoding", "unexplained"
	for name, tt := range map[string]struct {
		inside, outside string // Go strings
		want            string
	}{
		"case":                             {"README", "ReadMe", pair},
		"case beyond ASCII":                {"\u00c4", "\u00e4", pair},
		"normal form D":                    {"a\u0308", "\u00e4", pair},
		"a question mark for each byte":    {"a??b", "a\\xe4\\xf6b", pair},
		"U+FFFD for each byte":             {"a\ufffd\ufffdb", "a\\xe4\\xf6b", pair},
		"U+FFFD for bytes amid others":     {"\u00e4\ufffdb", "\u00e4\\xf6b", pair},
		"a question mark for a character":  {"a?b", "a\u00e4b", pair},
		"Latin 1 for UTF-8":                {"a\\xe4b", "a\u00e4b", pair},
		"other bytes that are not UTF-8":   {"a\\xe4b", "a\\xf6b", none},
		"other characters":                 {"a\u00e4b", "a\u00f6b", none},
		"question marks on both sides":     {"a?b", "a??b", none},
		"a question mark for an ASCII one": {"a?b", "acb", none},
		"a suffix":                         {"a~", "a", none},
		"without the accent":               {"a", "\u00e4", none},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, "f \""+tt.outside+"\" =x mtime=1")
			_, inside := layerOf(t, "f \""+tt.inside+"\" =x mtime=1")
			for _, line := range explained(t, withoutOrigins(inside), outside) {
				if got := line[:len(tt.want)]; got != tt.want {
					t.Errorf("%q, want %s", line, tt.want)
				}
			}
		})
	}
}

// TestNamesOfOtherContent: one that has the name of another in other case is not
// the same file.
func TestNamesOfOtherContent(t *testing.T) {
	for name, tt := range map[string]struct {
		inside, outside string
		want            []string
	}{
		"content":      {"f A =1 mtime=1", "f a =2 mtime=1", []string{"unexplained /A", "unexplained /a"}},
		"target":       {"l A ->x mtime=1", "l a ->y mtime=1", []string{"unexplained /A", "unexplained /a"}},
		"type":         {"f A mtime=1", "d a mtime=1", []string{"unexplained /A", "unexplained /a"}},
		"directory":    {"d p mtime=1\nf p/a mtime=1\nd q mtime=1", "d p mtime=1\nd q mtime=1\nf q/A mtime=1", []string{"unexplained /p/a", "unexplained /q/A"}},
		"the third":    {"f A =1 mtime=1", "f a =2 mtime=1\nf \u00e0 =1 mtime=1\nf A =1 mtime=1", []string{"unexplained /a", "unexplained /\u00e0"}},
		"the right of": {"f FOO =2 mtime=1\nf Foo =1 mtime=1", "f foo =1 mtime=1", []string{"name-encoding /Foo", "name-encoding /foo", "unexplained /FOO"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, tt.outside)
			_, inside := layerOf(t, tt.inside)
			checkExplained(t, withoutOrigins(inside), outside, tt.want)
		})
	}
}
