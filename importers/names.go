package importers

import "cfsverify/importers/source"

// The names of the room for sources, which all callers need.
type (
	Source    = source.Source
	Transport = source.Transport
)

const (
	Dir           = source.Dir
	Dump          = source.Dump
	Erofs         = source.Erofs
	OCI           = source.OCI
	OCIArchive    = source.OCIArchive
	DockerArchive = source.DockerArchive
	Docker        = source.Docker
	Tar           = source.Tar

	ContainersStorage = source.ContainersStorage
	DockerOverlay2    = source.DockerOverlay2
)

// ParseLayout is source.ParseLayout.
func ParseLayout(arg string) (Source, error) { return source.ParseLayout(arg) }
