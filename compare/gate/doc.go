// Package gate decides which findings and departures a user accepts, by allowances
// that the caller has read. Where allowances come from does not matter here.
package gate
