package view

// Forget removes what journal and changelog say of transactions that are settled
// (Sealed, Refused or Lost), and of events of the ledger, with times up to until: for
// what the group shredded. What is not settled stays, whatever its time. It goes
// from the file's pages when the store is moved: see Move.
func (tx *Tx) Forget(until uint64) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if err := tx.c.exec("DELETE FROM journal$ WHERE state IN (3, 5, 6) AND time <= ?1", until); err != nil {
		return failed("forgetting", err)
	}
	if err := tx.c.exec("DELETE FROM log$ WHERE (state IN (3, 5, 6) OR number = 0) AND time <= ?1", until); err != nil {
		return failed("forgetting", err)
	}
	return tx.putNumber(lowKey, 0) // SQLite gives places anew that were the last
}
