package membership

// RemoteBody names the remotes of the space, the private item "remote": which
// one orders and which are mirrors (DESIGN 4). The public part says nothing: an
// address is for members' eyes.
type RemoteBody struct{}

// ItemRemote is the name of the private item with the remotes.
const ItemRemote = "remote"

func (*RemoteBody) Kind() string       { return KindRemote }
func (*RemoteBody) least(*Roster) Role { return Admin }

func (*RemoteBody) wellFormed(e *Entry) error {
	if _, ok := e.Items[ItemRemote]; !ok || len(e.Items) != 1 {
		return malformed("remote-item", "a remote entry has the private item %q alone", ItemRemote)
	}
	return nil
}

func (*RemoteBody) apply(f *fold) error {
	f.next.remote = f.entry.Number
	return nil
}
