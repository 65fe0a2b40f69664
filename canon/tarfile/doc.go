// Package tarfile reads tar archives as they are written, tells where one entry
// departs from the canonical tar and where two archives differ, and writes the
// canonical tar of a tree, so that the same tree gives the same bytes wherever it
// comes from. What entries mean together, in a layer and on other layers, belongs in
// importers/layer and importers/lint. What is canonical follows the draft of composefs-rs (pull requests
// 224 and 356, July 2026):
//
//   - The first entry is a pax global header with the one record canonical-tar=1.
//   - Then every name in the order of canon.Tree.All, from "./" on: "./" before
//     each, "/" behind directories. The first name of an inode has its content, the
//     others are hardlinks to that name, with the same metadata but no xattrs.
//   - Headers are of the ustar format, without names of users and groups and
//     without the prefix field. What does not fit is in a pax extended header
//     before the entry, with the records in this order, each only if needed: path,
//     linkpath, size, uid, gid, mtime, SCHILY.xattr.NAME by name.
//   - The archive ends after two zero blocks.
//
// Where the draft is open, this is decided:
//
//   - Of a path or target that does not fit, the ustar field has the first 100
//     bytes, even if they end inside a character. A path of just 100 bytes fits.
//   - A size, owner or time before 1970 that does not fit is 0 in the ustar field; a
//     time with nanoseconds is there in whole seconds.
//   - The time in a pax record is a decimal number, so that half a second before
//     1970 is -0.5.
//   - Extension headers are named pax_global_header and PaxHeaders.0/NAME, cut to
//     100 bytes, and have mode 0644, owner 0:0 and mtime 0.
//   - Bytes that are not UTF-8 stand in pax records as they are.
//   - The mode has setuid, setgid and sticky bits: 07777.
//   - Sockets, xattrs whose name has a "=", and names that begin with ".wh." outside
//     of a single layer's tar are errors: no tar holds them, or readers would take
//     them for something else. So are the xattrs that the draft leaves out, and what
//     importers/layer refuses: longer paths, later times, more xattrs.
//   - What only dump files and composefs images say is left out: link counts that are
//     not the number of names, sizes of devices, FIFOs and sockets, and where content is
//     kept.
package tarfile
