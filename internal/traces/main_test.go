package main

import (
	"bytes"
	"compress/gzip"
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

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
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
		{"cases", `[{"events":[{"parents":null,"agent":"a","pos":0,"ch":"A","seq":0},{"parents":null,"agent":"b","pos":0,"ch":"B","seq":0}],
			"fugue":"AB","fuguemax":"AB"}]`, "1 histories, 2 events", 0, 2},
		{"no JSON", "[", "not a trace", 1, 0},
		{"truncated", concurrent[:len(concurrent)/2], "unexpected EOF", 1, 0},
		{"text", "hello", "not a trace", 1, 0},
		{"empty", "", "no history", 1, 0},
		{"no cases", "[]", "no history", 1, 0},
		{"a causal graph", `{"hist":[{"span":[0,1],"parents":[]}],"a":[0],"b":[]}`, "causal graph", 1, 0},
		{"another program's", `{"steps":[{"actor":"alice"}]}`, "in which text it ends", 1, 0},
		{"half a patch", strings.Replace(sequential, `"c"]`, `"c",1]`, 1), "patch", 1, 0},
		{"a huge patch", strings.Replace(sequential, "1,1", "1,1000000000000000", 1), "patch", 1, 0},
		{"many huge patches", strings.Replace(sequential, "[1,1,", "[1,134217728,\"\"],[1,134217728,", 1), "events", 1, 0},
		{"a wrong span", strings.Replace(conformance, "[1,2]", "[1,3]", 1), "other events", 1, 0},
		{"gzip", gzipped(t, sequential), "typed", 0, 3},
		{"truncated gzip", gzipped(t, sequential)[:40], "unpacking: unexpected EOF", 1, 0},
		{"broken gzip", "\x1f\x8bx", "unpacking", 1, 0},
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
	if code := run([]string{filepath.Join(t.TempDir(), "missing.json")}, &out, &out); code != 1 || !strings.Contains(out.String(), "no such file") {
		t.Errorf("a missing file: exit code %d, %s", code, out.String())
	}
	if code := run(nil, &out, &out); code != 2 || !strings.Contains(out.String(), "usage") {
		t.Errorf("without a file: exit code %d, %s", code, out.String())
	}
}
