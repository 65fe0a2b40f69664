// Package seals computes what the digests that seal an image should be, and says of
// each whether it is good, and of a wrong one what gives its digest. Where seals are
// found is not known here; what they look like is in canon/seal.
package seals
