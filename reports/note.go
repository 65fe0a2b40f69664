package reports

import (
	"fmt"

	"cfsverify/canon/printable"
	"cfsverify/compare/notes"
)

// noteTexts are what notes say: with the number of paths, or without if they are about
// something else.
var noteTexts = map[notes.Kind]struct {
	title  func(n int) string
	advice string
}{
	notes.BootMtime: {
		func(int) string {
			return "bootc and composefs-rs make different digests for booting of this image, as /usr, /boot and /sysroot have different nanoseconds"
		},
		"Both give /boot and /sysroot the mtime of /usr: bootc in whole seconds (--for bootc), composefs-rs from 0.9.3 on with the nanoseconds (--for composefs-rs). In an image whose mtimes are whole seconds there is no difference: build with --timestamp or SOURCE_DATE_EPOCH.",
	},
	notes.BootEntry: {
		func(n int) string {
			return fmt.Sprintf("composefs-rs refuses %s, and the image with it", count(n, "boot entry", "boot entries"))
		},
		"cfsctl and bootc look up what can be booted before they compute the digest of an image, and end with an error; cfsctl compute-id does not look when it scans a directory. The digest does not depend on it. Name files that are in the image, by their path from the root, or remove the entry.",
	},
	notes.SELinuxType: {
		func(int) string { return "programs take different lines for the name of the SELinux policy" },
		"composefs-rs takes the first line with the key SELINUXTYPE, libselinux the last that begins with SELINUXTYPE=. Leave one line: SELINUXTYPE=NAME, without quotes, blanks or a comment.",
	},
	notes.CompiledPolicy: {
		func(n int) string {
			return fmt.Sprintf("%s of the SELinux policy %s there in compiled form only", count(n, "file", "files"), map[bool]string{true: "is", false: "are"}[n == 1])
		},
		"composefs-rs labels without these rules, restorecon with them. Keep the text beside the .bin file.",
	},
	notes.PolicyReadOtherwise: {
		func(int) string { return "whether restorecon would change labels is not known" },
		"libselinux and composefs-rs use other engines for patterns. Write the rule with parentheses, and in ASCII.",
	},
	notes.RestoreconLabels: {
		func(n int) string {
			return fmt.Sprintf("restorecon would change the labels of %s", count(n, "file", "files"))
		},
		"By the same policy libselinux chooses other rules than composefs-rs: a path without special characters counts over patterns, file_contexts.local over file_contexts.homedirs, and aliases act once. So these files have another label after restorecon, setfiles or an update than the image gave them. Write the rules so that one of them fits each path.",
	},
	notes.SplitHardlinks: {
		func(n int) string {
			return fmt.Sprintf("labels make several inodes of %s", count(n, "hardlinked file", "hardlinked files"))
		},
		"One inode has one label. composefs-rs copies the inode for each name with another label; up to its release 0.6 it did not, and gave another digest (--hardlinks last-label). Give all names the same label, or no hardlinks.",
	},
}

// notes writes each with its first items.
func (t *text) notes(list []notes.Note) {
	for _, n := range list {
		words := noteTexts[n.Kind]
		fmt.Fprintln(t)
		t.prose("", "note:", words.title(len(n.Items)))
		for i, item := range n.Items {
			if i == shownPerFinding && !t.verbose {
				fmt.Fprintf(t, "  %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(n.Items)-i))
				break
			}
			if item.Path != "" {
				fmt.Fprintf(t, "  %s\n", t.path(item.Path, 2))
			}
			t.prose("    ", "", printable.Text(item.Text))
		}
		t.prose("  ", "", words.advice)
	}
}

type jsonNote struct {
	Kind   notes.Kind     `json:"kind"`
	Title  string         `json:"title"`
	Advice string         `json:"advice"`
	Items  []jsonNoteItem `json:"items"`
}

type jsonNoteItem struct {
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

func notesJSON(list []notes.Note) []jsonNote {
	all := []jsonNote{}
	for _, n := range list {
		words := noteTexts[n.Kind]
		j := jsonNote{Kind: n.Kind, Title: words.title(len(n.Items)), Advice: words.advice}
		for _, item := range n.Items {
			j.Items = append(j.Items, jsonNoteItem{printable.Text(item.Path), printable.Text(item.Text)})
		}
		all = append(all, j)
	}
	return all
}
