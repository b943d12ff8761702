// Package githost is a small git host over smart HTTP: net/http/cgi in front of
// git http-backend. It serves tests, the demo and `espace-git host`, on loopback
// only, since it asks nobody who they are unless told to.
//
// Nobody trusts a host (DESIGN 2), so this one can be made to misbehave: [Tamper]
// is what a malicious or broken host may do to requests and answers, and the
// methods of [Host] do to its repositories what its owner could.
package githost
