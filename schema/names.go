package schema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Names of tables and columns are shown on terminals, become files when tables
// are exported, and are typed into SQL and rules without quotes. So they are
// ASCII letters, digits and underscores: no path, escape sequence, bidirectional
// mark or look-alike letter can be in one (attack 66).

// reservedColumns are what every row has, or SQL's own names for a row.
const reservedColumns = " id created_at created_by updated_at updated_by rowid oid _rowid_ "

// reservedSQL are the words that SQLite does not take as a bare name of a table
// or column (tried one by one), its constants, and operators.
const reservedSQL = " add all alter and as autoincrement between case cast check collate commit constraint create " +
	"current_date current_time current_timestamp default deferrable delete distinct drop else escape except exists " +
	"false foreign from glob group having if in index indexed insert intersect into is isnull join like limit match " +
	"natural not nothing notnull null on or order primary raise references regexp returning select set table then to " +
	"transaction true union unique update using values when where without "

// reservedTables are words of rules and actions (CEL), where a table's name
// stands alone, and names that Windows gives to devices.
const reservedTables = " auth row new exists now break const continue for function import let loop package namespace " +
	"return var void while con prn aux nul clock$ "

// checkName says why a name can't be one, in words for the person who wrote it.
// The name itself is quoted, so that the message is safe to print.
func checkName(kind, name string) error {
	quoted := strconv.QuoteToASCII(cut(name))
	switch {
	case name == "":
		return invalid("%s has no name", kind)
	case len(name) > MaxName:
		return invalid("%s name %s has more than %d characters", kind, quoted, MaxName)
	case !plain(name):
		return invalid("%s name %s: a name begins with a letter and goes on with letters, digits and underscores (ASCII)", kind, quoted)
	}
	lower := strings.ToLower(name)
	switch {
	case listed(reservedSQL, lower):
		return invalid("%s name %s is a word of SQL: choose another", kind, quoted)
	case strings.HasPrefix(lower, "sqlite_"), strings.HasPrefix(lower, "espace_"), strings.HasPrefix(lower, "pragma_"):
		return invalid("%s name %s begins like the database's own names", kind, quoted)
	case kind == "column" && listed(reservedColumns, lower):
		return invalid("column name %s: every row has this by itself", quoted)
	case kind == "table" && (listed(reservedTables, lower) || device(lower)):
		return invalid("table name %s is a reserved word: choose another", quoted)
	case kind == "table" && internal(lower):
		return invalid("table name %s is a name of the store itself: choose another", quoted)
	}
	return nil
}

// plain: a letter, then letters, digits, underscores, all ASCII.
func plain(name string) bool {
	for i, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}

func listed(words, name string) bool { return strings.Contains(words, " "+name+" ") }

// device: COM1 … COM9, LPT1 … LPT9.
func device(name string) bool {
	return len(name) == 4 && (strings.HasPrefix(name, "com") || strings.HasPrefix(name, "lpt")) && name[3] >= '0' && name[3] <= '9'
}

// internal: t and a number, as the store names its tables.
func internal(name string) bool {
	digits := strings.Trim(name[1:], "0123456789")
	return name[0] == 't' && len(name) > 1 && digits == ""
}

// cut bounds what an error repeats of the input.
func cut(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return fmt.Sprintf("%s…", s[:n])
}
