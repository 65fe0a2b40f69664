// Package storage finds and opens the images in the local storage of podman, buildah and
// other programs that use containers/storage, and in that of docker: which stores there are,
// which of their images a name is of, the archives of its layers, put together again from
// their headers and the files that were unpacked, and where those files lie. It reads the
// layout of the driver overlay, writes, mounts and deletes nothing, and holds no lock while
// content is read. What the unpacked directories show when they are mounted belongs
// elsewhere.
package storage
