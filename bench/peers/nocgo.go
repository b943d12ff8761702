//go:build !cgo

package main

var automergePeer newReplica
