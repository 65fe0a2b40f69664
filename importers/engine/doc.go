// Package engine holds what container engines make of layers: a simulation of
// their unpacking, as far as it shows in a scan. What layers should mean is in
// package layer.
package engine
