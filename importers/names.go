package importers

import (
	"io"

	"cfsverify/canon/seal"
	"cfsverify/importers/composefs"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/scan"
	"cfsverify/importers/seals"
	"cfsverify/importers/source"
)

// The names of the rooms that callers of this package need.
type (
	Source          = source.Source
	Transport       = source.Transport
	Rules           = layer.Rules
	Event           = layer.Event
	OtherRules      = layer.OtherRules
	Stack           = layer.Stack
	Limits          = limits.Limits
	Limit           = limits.Limit
	Progress        = limits.Progress
	LimitError      = limits.LimitError
	TimeoutError    = limits.TimeoutError
	HashError       = composefs.HashError
	OtherBytesError = composefs.OtherBytesError
	MountsError     = scan.MountsError
	MountPolicy     = scan.MountPolicy
	ScanOptions     = scan.Options
	PlatformError   = image.PlatformError
	SharedLayers    = image.Shared
	ObjectStore     = objects.Store
	Engine          = engine.Engine
	LayoutWriter    = layout.Writer
	SealPlaces      = rewrite.SealPlaces
	SealDigests     = rewrite.SealDigests
	Sealed          = rewrite.Sealed
	RepairStep      = rewrite.RepairStep
	RepairKind      = rewrite.RepairKind
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

	RulesOCI         = layer.RulesOCI
	RulesComposefsRS = layer.RulesComposefsRS

	MountsFail = scan.MountsFail

	EntriesLimit  = limits.EntriesLimit
	BytesLimit    = limits.BytesLimit
	MetadataLimit = limits.MetadataLimit
	RatioLimit    = limits.RatioLimit
	CopyLimit     = limits.CopyLimit
)

// ParseSource is source.Parse.
func ParseSource(arg string) (Source, error) { return source.Parse(arg) }

// ParseLayout is source.ParseLayout.
func ParseLayout(arg string) (Source, error) { return source.ParseLayout(arg) }

// AllRules is layer.AllRules.
func AllRules() []Rules { return layer.AllRules() }

// AllMountPolicies is scan.AllMountPolicies.
func AllMountPolicies() []MountPolicy { return scan.AllMountPolicies() }

// SeesTrustedXattrs is scan.SeesTrustedXattrs.
func SeesTrustedXattrs() bool { return scan.SeesTrustedXattrs() }

// DefaultLimits is limits.Default.
func DefaultLimits() Limits { return limits.Default() }

// OpenObjectStore is objects.Open.
func OpenObjectStore(dir string) (*ObjectStore, error) { return objects.Open(dir) }

// OpenLayout is layout.NewWriter.
func OpenLayout(target Source) (*LayoutWriter, error) { return layout.NewWriter(target) }

// Engines is engine.Engines.
func Engines() []Engine { return engine.Engines() }

// RepairKinds is rewrite.RepairKinds.
func RepairKinds() []RepairKind { return rewrite.RepairKinds() }

// SealsOfUKI is seals.OfUKI.
func SealsOfUKI(name string, r io.ReaderAt) ([]seal.Seal, error) { return seals.OfUKI(name, r) }
