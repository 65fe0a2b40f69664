// Package limits holds how much an image may take of memory and time, and how much
// of it was read. What is read, and what exceeding a limit means to a user, is not
// its business.
package limits
