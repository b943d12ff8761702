package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/espace-git/espace-git/cmd/espace-git/demo"
	"github.com/espace-git/espace-git/space"
)

// TestDocumentedShapes: docs/cli.md names every field of what a command prints.
func TestDocumentedShapes(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, " | "); len(cells) == 2 && strings.HasPrefix(line, "| `") {
			for _, command := range strings.Split(strings.TrimPrefix(cells[0], "| "), ", ") {
				rows[strings.Trim(command, "`")] = cells[1]
			}
		}
	}
	for command, v := range map[string]any{
		"init": space.Created{}, "invite": invited{}, "device add": invited{}, "invite list": space.InviteInfo{}, "join": joinResult{},
		"status": space.Status{}, "sync": space.SyncResult{}, "member list": space.Member{}, "member words": words{},
		"device list": space.DeviceInfo{}, "log": space.LogEntry{}, "pending": space.LogEntry{}, "verify": space.VerifyResult{},
		"fingerprint": space.Fingerprint{}, "schema show": schemaShown{}, "schema apply": schemaChanges{}, "insert": inserted{},
		"import": imported{}, "watch": change{}, "demo": demo.Result{}, "remote list": space.RemoteInfo{}, "heal": space.Healed{},
		"text show": textShown{}, "text blame": blamed{}.Credit, "list show": listItem{}, "set show": setItem{}, "counter show": counted{},
		"flag show": flagged{}, "record show": space.RecordEntry{}, "text ls": listed{},
	} {
		row, ok := rows[command]
		if !ok {
			t.Errorf("%s is not documented", command)
		}
		for _, key := range keys(reflect.TypeOf(v)) {
			if !strings.Contains(row, fmt.Sprintf("%q", key)) {
				t.Errorf("%s: field %q is not documented in %s", command, key, row)
			}
		}
	}
}

func keys(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		switch {
		case !t.Field(i).IsExported() || name == "-":
		case name == "":
			names = append(names, t.Field(i).Name)
		default:
			names = append(names, name)
		}
	}
	return names
}

// TestDocumentedExitCodes: the README has the one table.
func TestDocumentedExitCodes(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range exitCodes {
		if !strings.Contains(string(page), fmt.Sprintf("%d", e.code)) {
			t.Errorf("exit code %d (%s) is not in the README", e.code, e.meaning)
		}
	}
}
