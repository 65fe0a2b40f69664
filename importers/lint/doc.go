// Package lint holds where the layers of an image depart from the canonical tar,
// and what in them makes tools disagree. The rules themselves, and what can be
// said of a single header, are in canon/tarfile.
package lint
