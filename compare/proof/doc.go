// Package proof computes what findings are worth: it patches one tree by the findings
// of blame, and compares digests. It makes no findings of its own.
package proof
