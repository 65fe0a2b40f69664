// Package gate decides which findings and departures a user accepts, and whether what
// is left makes a comparison or a lint fail. It reads allowances, but opens no files,
// and it finds no differences itself.
package gate
