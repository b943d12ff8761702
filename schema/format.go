package schema

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/espace-git/espace-git/internal/wire"
)

// Show is a converted value as JSON output has it: numbers and bools as they
// are; times, bytes and IDs as the text that Format prints; json as itself.
func Show(c *Column, v any) any {
	switch v := v.(type) {
	case string:
		if c.Type == JSON {
			return json.RawMessage(v)
		}
	case int64:
		if c.Type == Time {
			return FormatTime(v)
		}
	case []byte:
		return formatBytes(c.Type, v)
	}
	return v
}

// Format is a converted value as text that Convert takes back; null is empty.
func Format(c *Column, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		if c.Type == Time {
			return FormatTime(v)
		}
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return formatBytes(c.Type, v)
	}
	return fmt.Sprint(v)
}

func formatBytes(t Type, b []byte) string {
	switch {
	case !t.is16() || len(b) != 16:
		return base64.StdEncoding.EncodeToString(b)
	case t == Member:
		return wire.MemberID(b).String()
	}
	return FormatID([16]byte(b))
}

// FormatTime prints Unix microseconds as RFC 3339, UTC, as short as they allow.
func FormatTime(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano) }

// FormatID prints a row's ID as a UUID: 8-4-4-4-12 lower-case hexadecimal digits.
func FormatID(id [16]byte) string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// ParseID reads what FormatID prints, in any case of letters.
func ParseID(s string) (id [16]byte, err error) {
	bad := fmt.Errorf("%w: %s is no row ID", ErrValue, strconv.QuoteToASCII(cut(s)))
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, bad
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		return id, bad
	}
	return [16]byte(b), nil
}
