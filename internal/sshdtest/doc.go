// Package sshdtest runs OpenSSH's sshd on loopback for tests: an own host key, one authorised key, and the user who runs
// the test as account, so that git speaks ssh as with any host. Tests that call Start are skipped, and say so, where no
// sshd is installed.
package sshdtest
