// Package gitea runs a real Gitea on loopback for tests: a host with accounts, tokens, branch protection and hooks of its
// own, as people have it. .ci/gitea builds the binary that ESPACE_GITEA names; without it the tests that call Start are
// skipped and say so.
//
// Tokens never stand in a URL: Home writes them where git and its helpers look for them.
package gitea
