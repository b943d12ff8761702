package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// hostile are texts that a member or host may choose, by what they would do to a terminal or a reader.
var hostile = map[string]string{
	"clear screen":       "a\x1b[2Jb",
	"title":              "\x1b]0;owned\x07",
	"carriage return":    "bad\rgood",
	"backspace":          "bad\b\b\bgood",
	"C1 CSI":             "a\u009b31mb",
	"delete":             "a\x7fb",
	"new line":           "a\nespace-git: hint: run this",
	"right to left":      "a\u202egnp.exe",
	"isolate":            "a\u2066b\u2069",
	"Arabic letter mark": "a\u061cb",
	"line separator":     "a\u2028b",
	"zero width space":   "ad\u200bmin",
	"byte order mark":    "\ufeffadmin",
	"tag characters":     "admin\U000e0041\U000e007f",
	"soft hyphen":        "ad\u00admin",
	"invalid UTF-8":      "a\xff\x9bb",
	"NUL":                "a\x00b",
}

func TestAttackTerminalEscapes(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			for form, got := range map[string]string{"clean": clean(s), "lines": cleanLines(s), "text": cleanText(s)} {
				for _, r := range got {
					if harmful(r) && !(r == '\n' && form != "clean") {
						t.Errorf("%s(%q) = %q holds %U", form, s, got, r)
					}
				}
			}
			if got := clean(s); got == s {
				t.Errorf("clean(%q) changed nothing", s)
			}
			if lines := strings.Split(cleanLines(s), "\n"); len(lines) > 1 && !strings.HasPrefix(lines[1], "    ") {
				t.Errorf("cleanLines(%q) lets a line pose as the program's own", s)
			}
		})
	}
}

// JSON is escaped by JSON's own means: what is read back is what was there.
func TestAttackTerminalEscapesJSON(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) {
			b, err := encodeJSON(map[string]string{"v": s})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range string(b) {
				if harmful(r) {
					t.Errorf("%q holds %U", b, r)
				}
			}
			var back map[string]string
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatalf("%q: %v", b, err)
			}
			if want := strings.ToValidUTF8(s, "\ufffd"); name != "invalid UTF-8" && back["v"] != want {
				t.Errorf("got %q, want %q", back["v"], want)
			}
		})
	}
}

func TestCleanKeepsLanguages(t *testing.T) {
	for _, s := range []string{"", "plain", "Zoë", "日本語", "שלום", "مرحبا", "क्\u200dष", "👩\u200d👩\u200d👧", "a\ufffdb", `C:\x`} {
		if got := clean(s); got != s {
			t.Errorf("clean(%q) = %q", s, got)
		}
	}
}
