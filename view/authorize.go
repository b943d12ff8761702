package view

import (
	"slices"
	"strings"
	"unicode"

	"github.com/ncruces/go-sqlite3"
)

// functions may be called; what is not here may not: nothing that reads files,
// loads code, or tells about the machine.
var functions = strings.Fields(`abs avg ceil ceiling char coalesce concat concat_ws count date datetime exp floor format
	glob group_concat hex ifnull iif instr julianday length like ln log log10 log2 lower ltrim max min mod nullif
	octet_length pow power printf quote replace round row_number rank dense_rank percent_rank cume_dist ntile lag lead
	first_value last_value nth_value rtrim sign sqrt strftime string_agg substr substring sum time timediff total trim
	trunc typeof unhex unicode unixepoch upper likely unlikely likelihood random
	json json_array json_array_length json_extract json_group_array json_group_object json_object json_patch json_quote
	json_remove json_replace json_set json_insert json_type json_valid json_each json_tree -> ->>`)

// authorize is asked about each thing that a statement would do, while it is
// compiled. inner names the view through which it would do it.
func (l *layout) authorize(action sqlite3.AuthorizerActionCode, name, other, db, inner string) sqlite3.AuthorizerReturnCode {
	allowed := false
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_RECURSIVE:
		allowed = true
	case sqlite3.AUTH_FUNCTION:
		allowed = slices.Contains(functions, strings.ToLower(other))
	case sqlite3.AUTH_READ:
		allowed = l.readable(name, db, inner) || other == "" && l.counted(name)
	}
	if allowed {
		return sqlite3.AUTH_OK
	}
	return sqlite3.AUTH_DENY
}

// readable: the user's views, and what lies below them only through them; and
// the rows that JSON functions make.
func (l *layout) readable(name, db, inner string) bool {
	if t := l.names[strings.ToLower(name)]; t != nil && !t.hidden || name == "json_each" || name == "json_tree" {
		return true
	}
	t := l.names[strings.ToLower(inner)]
	return t != nil && strings.EqualFold(name, t.store) && db == "main"
}

// counted: SQLite asks with an empty column about a table of which only the rows
// count. That may be a name that the query itself gave to a subquery; all names
// of this package have a $ in them.
func (l *layout) counted(name string) bool {
	lower := strings.ToLower(name)
	return !strings.Contains(name, "$") && !strings.HasPrefix(lower, "sqlite_") && !strings.HasPrefix(lower, "pragma_") &&
		!strings.HasPrefix(lower, "dbstat")
}

// printable takes out of SQLite's message what the query brought in that would
// move a terminal's cursor or turn its text around.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
