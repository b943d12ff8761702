package view

// ddl makes the tables that every store has. A name with $ is this package's:
// the schema's names have none, so the two never meet. Tables of rows (t$3) and
// views with the user's names come with the schema, see migrate.go.
//
// Evolution: a change here raises storeFormat. Columns that change often stand
// before long ones, so that reading them follows no overflow pages.
const ddl = `
BEGIN IMMEDIATE;
CREATE TABLE bucket$ (
	id     INTEGER PRIMARY KEY,
	bucket TEXT NOT NULL,
	key    BLOB NOT NULL,
	value  BLOB NOT NULL,
	UNIQUE (bucket, key)
);
CREATE TABLE journal$ (
	seq    INTEGER PRIMARY KEY,
	id     BLOB NOT NULL UNIQUE,
	number INTEGER NOT NULL,
	time   INTEGER NOT NULL,
	seen   INTEGER NOT NULL,
	state  INTEGER NOT NULL,
	reason TEXT NOT NULL,
	tx     BLOB NOT NULL
);
-- A local write does not pay for this index: it is not in it.
CREATE INDEX journal$number ON journal$ (number) WHERE state <> 0;
CREATE TABLE log$ (
	seq     INTEGER PRIMARY KEY,
	time    INTEGER NOT NULL,
	device  BLOB NOT NULL,
	member  BLOB NOT NULL,
	number  INTEGER NOT NULL,
	txid    BLOB NOT NULL,
	kind    TEXT NOT NULL,
	tables  TEXT NOT NULL,
	ops     INTEGER NOT NULL,
	summary TEXT NOT NULL,
	state   INTEGER NOT NULL,
	reason  TEXT NOT NULL
);
CREATE INDEX log$number ON log$ (device, number) WHERE number > 0;
CREATE INDEX log$refused ON log$ (seq) WHERE state >= 4;
CREATE TABLE device$ (
	device BLOB PRIMARY KEY,
	member TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE version$ (
	tbl   INTEGER PRIMARY KEY,
	value INTEGER NOT NULL
);
` + documentDDL + `
PRAGMA application_id = 1702035458;
COMMIT;
`

// documentDDL came with storeFormat 2. edit$tx finds an edit that comes again, and all
// of a transaction.
const documentDDL = `
CREATE TABLE doc$ (
	id      INTEGER PRIMARY KEY,
	tbl     INTEGER NOT NULL,
	row     TEXT NOT NULL,
	col     INTEGER NOT NULL,
	type    INTEGER NOT NULL,
	version INTEGER NOT NULL,
	upto    INTEGER NOT NULL,
	base    BLOB,
	snap    BLOB,
	UNIQUE (tbl, row, col)
);
CREATE TABLE edit$ (
	doc    INTEGER NOT NULL,
	seq    INTEGER NOT NULL,
	device BLOB NOT NULL,
	number INTEGER NOT NULL,
	place  INTEGER NOT NULL,
	time   INTEGER NOT NULL,
	before INTEGER NOT NULL,
	change BLOB NOT NULL,
	PRIMARY KEY (doc, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX edit$tx ON edit$ (device, number, doc, place);
`
