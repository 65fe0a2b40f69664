// Package selinux labels a tree by the SELinux policy that the tree brings, exactly as
// composefs-rs 0.9 does when it prepares an image for booting: where the policy is, its
// rules and aliases, and the walk that labels. When a tree is labelled, and what else
// is done to it for booting, belongs to canon/policy; reading the content of policy
// files belongs to importers.
//
// Policies and patterns that this package cannot read as composefs-rs does are errors:
// it never gives a label that may be wrong.
package selinux
