// Package registry holds images in registries: how they are asked for, again if
// need be, and what their answers mean. What an image is, whatever it comes from,
// is in package image.
package registry
