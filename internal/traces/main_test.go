package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRun(t *testing.T) {
	const sequential = `{"startContent":"ab","endContent":"aXc","txns":[{"patches":[[1,1,"X"],[2,0,"c"]]}]}`
	const concurrent = `{"kind":"concurrent","endContent":"xäb","txns":[
		{"parents":[],"agent":0,"patches":[[0,0,"äb"]]},
		{"parents":[0],"agent":0,"patches":[]},
		{"parents":[1],"agent":1,"patches":[[0,0,"x"]]},
		{"parents":[0],"agent":0,"patches":[[2,0,"c"]]},
		{"parents":[2,3],"agent":1,"patches":[[3,1,""]]}]}`
	const conformance = `{"endContent":"AB","txns":[{"span":[0,1],"parents":[],"agent":"a","seqStart":0,"ops":[[0,0,"A"]]},
		{"span":[1,2],"parents":[],"agent":"b","seqStart":0,"ops":[[0,0,"B"]]}]}
		{"endContent":"","txns":[]}`
	for _, tt := range []struct {
		name, file, want string
		code, matches    int
	}{
		{"sequential", sequential, "typed", 0, 3},
		{"concurrent", concurrent, "1 histories, 5 events", 0, 2},
		{"conformance", conformance, "2 histories, 2 events", 0, 2},
		{"differs", strings.Replace(sequential, "aXc", "acX", 1), "DIFFERS", 1, 0},
		{"no parent", strings.Replace(concurrent, "[2,3]", "[2,9]", 1), "parent 9", 1, 0},
		{"no JSON", "[", "unexpected EOF", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if code := run([]string{write(t, tt.file)}, &out, &out); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(out.String(), tt.want) || strings.Count(out.String(), "text matches") != tt.matches {
				t.Errorf("got %s", out.String())
			}
		})
	}
	var out strings.Builder
	if code := run(nil, &out, &out); code != 2 || !strings.Contains(out.String(), "usage") {
		t.Errorf("without a file: exit code %d, %s", code, out.String())
	}
}
