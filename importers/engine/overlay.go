package engine

import (
	"errors"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/overlayfs"
	"cfsverify/importers/layer"
)

// mount gives what overlayfs shows of the directories that the layers were unpacked
// into, the bottom one first, below that of a container, which is empty.
func (u *unpacker) mount(layers []*layer.Entries, unpacked []*canon.Node) (*canon.Node, error) {
	dirs := append(unpacked, u.root)
	slices.Reverse(dirs)
	view, err := overlayfs.Rules{}.Merge(dirs)
	if err == nil {
		return view.Root, nil
	}
	var refused *overlayfs.Error
	if !errors.As(err, &refused) {
		return nil, err
	}
	where, isWhiteout := u.whiteouts[refused.Node]
	if isWhiteout {
		where.Err = errors.New("overlayfs lists this whiteout, since no other layer has its directory, but does not let it be opened: the unpacked image cannot be scanned")
		return nil, &where
	}
	return nil, &canon.EntryError{Layer: layers[len(layers)-refused.Layer].Layer, Path: refused.Path[1:], Err: refused.Err}
}
