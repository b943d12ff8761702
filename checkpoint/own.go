package checkpoint

// Unread lets a manifest that this device kept be read again, as if it had come from
// elsewhere: its pages and digest are checked all the same.
func (m *Manifest) Unread() *Unread { return &Unread{m} }
