// Package demo plays the story of `espace-git demo`: Alice and Bob plan a picnic in a space on a throw-away host. It is a
// real one, smart HTTP on loopback with stock git behind it, and everything goes through package space as it does for users.
// The host is then caught lying, and at the end the demo looks at the repository with the host's eyes.
//
// demo.go tells the story in scenes, host.go is the host and how it lies, eyes.go what it can see; story.go holds the words.
package demo
