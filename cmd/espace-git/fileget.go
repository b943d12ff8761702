package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

type fileGetFlags struct {
	deep, force    bool
	version, bytes string
}

func (a *app) fileGetVerb() *cobra.Command {
	var g fileGetFlags
	c := a.fileSub("file get PATH [DEST]", cobra.RangeArgs(1, 2), func(f *space.Files, args []string) error {
		dest := ""
		if len(args) == 2 {
			dest = args[1]
		}
		if dest == "-" || g.bytes != "" && dest == "" {
			return a.fileStream(f, args[0], g)
		}
		if g.bytes != "" {
			return usagef("", fileRangeDest)
		}
		return a.fileSave(f, args[0], dest, g)
	})
	g.flags(c)
	c.Flags().BoolVarP(&g.deep, "recursive", "r", false, flagFileDeep)
	c.Flags().BoolVar(&g.force, "force", false, flagFileForce)
	return c
}

func (a *app) fileCatVerb() *cobra.Command {
	var g fileGetFlags
	c := a.fileSub("file cat PATH", cobra.ExactArgs(1), func(f *space.Files, args []string) error { return a.fileStream(f, args[0], g) })
	g.flags(c)
	return c
}

func (g *fileGetFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&g.version, "version", "", flagFileVersion)
	c.Flags().StringVar(&g.bytes, "range", "", flagFileRange)
}

// fileStream prints a file, or a part of it.
func (a *app) fileStream(f *space.Files, p string, g fileGetFlags) error {
	file, err := f.OpenVersion(a.ctx, p, g.version)
	if err != nil {
		return err
	}
	defer file.Close()
	a.clearProgress()
	if g.bytes == "" {
		_, err = file.WriteTo(a.out)
		return err
	}
	from, n, err := byteRange(g.bytes, file.Size())
	if err != nil {
		return err
	}
	_, err = io.Copy(a.out, io.NewSectionReader(file, from, n))
	return err
}

// byteRange reads A-B, the bytes from A to B, both included and counted from 0; A- is all from A on, -N the last N.
func byteRange(text string, size int64) (from, n int64, err error) {
	bad := usagef("", badFileRange, text)
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, bad
	}
	a, errA := strconv.ParseUint(first, 10, 62)
	b, errB := strconv.ParseUint(last, 10, 62)
	switch {
	case first == "" && errB == nil:
		from = max(size-int64(b), 0)
		return from, size - from, nil
	case errA != nil, last != "" && (errB != nil || b < a):
		return 0, 0, bad
	case last == "":
		b = uint64(max(size, 1)) - 1
	}
	from = min(int64(a), size)
	return from, max(min(int64(b)+1, size)-from, 0), nil
}

// fileSave writes to this computer's disk.
func (a *app) fileSave(f *space.Files, p, dest string, g fileGetFlags) error {
	info, err := f.Stat(a.ctx, p)
	if err != nil && (g.version == "" || !errors.Is(err, space.ErrNotFound)) {
		return err
	}
	if info.Dir && !g.deep {
		return usagef(hintFileRecursive, fileIsFolder, p)
	}
	local, err := a.localTarget(info, dest)
	if err != nil {
		return err
	}
	saved, err := f.Save(a.ctx, p, local, space.SaveOptions{Force: g.force, Version: g.version})
	if err != nil && !errors.Is(err, space.ErrLeftOut) {
		return err
	}
	for _, r := range saved.Refused {
		a.warn(fmt.Sprintf(fileLeftOut, clean(strconv.Quote(r.Path)), clean(r.Reason)))
	}
	printed := a.print(saved, func(w io.Writer) { fmt.Fprintf(w, filesSaved, saved.Files, saved.Bytes, saved.Same) })
	return errors.Join(err, printed)
}

// localTarget is where a file or folder goes: a file into a folder that is there, else under the name given. A folder fills the
// one that is named, whether it is there or not, so that a run which was broken off can be repeated; "." and what ends in a slash
// are folders to put it into.
func (a *app) localTarget(info space.FileInfo, dest string) (string, error) {
	here := a.path(orElse(dest, "."))
	into := dest == "" || dest == "." || strings.HasSuffix(dest, "/")
	if at, err := os.Stat(here); err == nil && at.IsDir() && !info.Dir {
		into = true
	}
	if !into || info.Dir && info.Name == "." {
		return here, nil
	}
	name, err := info.SaveName()
	if err != nil {
		return "", usagef(hintFileDest, "%q: %w", info.Path, err)
	}
	return filepath.Join(here, name), nil
}
