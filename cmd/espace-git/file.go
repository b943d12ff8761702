package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/espace-git/espace-git/space"
)

// fileVerb is about files in folders, and in columns of rows.
func (a *app) fileVerb() *cobra.Command {
	c := a.command("file")
	c.AddCommand(a.filePutVerb(), a.fileGetVerb(), a.fileCatVerb(), a.fileListVerb(), a.fileRemoveVerb(), a.fileMoveVerb(),
		a.fileMkdirVerb(), a.fileVersionsVerb(), a.fileChooseVerb(), a.fileMergeVerb())
	return c
}

// fileSub is a verb below file.
func (a *app) fileSub(line string, args cobra.PositionalArgs, f func(*space.Files, []string) error) *cobra.Command {
	return a.verb(line, args, func(args []string) error {
		return a.inSpace(func(s *space.Space) error { return a.columnHint(s, args, fileHint(f(s.Files(), args))) })
	})
}

// fileHint says what can be done about what went wrong with files.
func fileHint(err error) error {
	if errors.As(err, new(*fault)) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return &fault{err, exitConflict, hintFileForce}
	case errors.Is(err, space.ErrVersions):
		return &fault{err, exitConflict, hintFileVersions}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return usage(err, "")
	}
	return hintFor(err, space.ErrNotFound, hintFiles)
}

// columnHint names the command for a column that holds no files, where one was named last.
func (a *app) columnHint(s *space.Space, args []string, err error) error {
	if !errors.Is(err, space.ErrNoFileColumn) {
		return err
	}
	if other := a.documentCommand(s, args[len(args)-1]); other != "" {
		return hinted(err, other)
	}
	return hinted(err, hintFileColumn)
}

func (a *app) fileListVerb() *cobra.Command {
	var long, deep bool
	c := a.fileSub("file ls [PATH]", cobra.MaximumNArgs(1), func(f *space.Files, args []string) error {
		list, err := a.filesIn(f, strings.Join(args, ""), deep)
		if err != nil {
			return err
		}
		return a.print(list, func(w io.Writer) { showFiles(w, list, long, deep) })
	})
	c.Flags().BoolVarP(&long, "long", "l", false, flagFileLong)
	c.Flags().BoolVarP(&deep, "recursive", "r", false, flagFileDeep)
	return c
}

func (a *app) filesIn(f *space.Files, p string, deep bool) ([]space.FileInfo, error) {
	list, err := f.ReadDir(a.ctx, p)
	if err != nil || !deep {
		return list, err
	}
	out := []space.FileInfo{}
	for _, e := range list {
		out = append(out, e)
		if e.Dir && e.Path != p {
			below, err := a.filesIn(f, e.Path, true)
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
		}
	}
	return out, nil
}

func showFiles(w io.Writer, list []space.FileInfo, long, deep bool) {
	name := func(e space.FileInfo) string {
		n := e.Name
		if deep {
			n = e.Path
		}
		if e.Dir {
			n += "/"
		}
		return n
	}
	if !long {
		for _, e := range list {
			fmt.Fprintln(w, clean(name(e)))
		}
		return
	}
	table(w, []string{"SIZE", "MODIFIED", "BY", "VERSION", "NOTE", "NAME"}, mapped(list, func(e space.FileInfo) []string {
		size, note := strconv.FormatInt(e.Size, 10), ""
		switch {
		case e.Dir:
			size = "-"
		case e.Missing:
			note = noteFileMissing
		case e.Conflict:
			note = noteFileConflict
		case e.Executable:
			note = noteFileExecutable
		}
		return []string{size, moment(e.Modified), e.Member, e.Version, note, name(e)}
	}))
}

func (a *app) fileRemoveVerb() *cobra.Command {
	var deep bool
	c := a.fileSub("file rm PATH…", cobra.MinimumNArgs(1), func(f *space.Files, args []string) error {
		for _, p := range args {
			info, err := f.Stat(a.ctx, p)
			if err != nil {
				return err
			}
			if info.Dir && !deep {
				return usagef(hintFileRecursive, fileIsFolder, p)
			}
			if err := f.Remove(a.ctx, p); err != nil {
				return err
			}
			a.say(fmt.Sprintf(fileRemoved, clean(p)))
		}
		return nil
	})
	c.Flags().BoolVarP(&deep, "recursive", "r", false, flagFileDeep)
	return c
}

func (a *app) fileMoveVerb() *cobra.Command {
	return a.fileSub("file mv SRC… DST", cobra.MinimumNArgs(2), func(f *space.Files, args []string) error {
		from, to := args[:len(args)-1], args[len(args)-1]
		into, err := a.isFolder(f, to)
		if err != nil {
			return err
		}
		if len(from) > 1 && !into {
			return usagef("espace-git file mkdir "+to, fileNoFolder, to)
		}
		for _, p := range from {
			target := to
			if into {
				target = path.Join(to, path.Base(path.Clean(p)))
			}
			if err := f.Rename(a.ctx, p, target); err != nil {
				return err
			}
		}
		return nil
	})
}

// isFolder says whether a path of the space is a folder that is there.
func (a *app) isFolder(f *space.Files, p string) (bool, error) {
	info, err := f.Stat(a.ctx, p)
	if errors.Is(err, space.ErrNotFound) {
		return false, nil
	}
	return info.Dir, err
}

func (a *app) fileMkdirVerb() *cobra.Command {
	return a.fileSub("file mkdir PATH…", cobra.MinimumNArgs(1), func(f *space.Files, args []string) error {
		for _, p := range args {
			if err := f.Mkdir(a.ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) fileVersionsVerb() *cobra.Command {
	return a.fileSub("file versions PATH", cobra.ExactArgs(1), func(f *space.Files, args []string) error {
		list, err := f.Versions(a.ctx, args[0])
		if err != nil {
			return err
		}
		return a.print(list, func(w io.Writer) {
			table(w, []string{"VERSION", "SIZE", "WRITTEN", "BY", "NOTE"}, mapped(list, func(v space.FileVersion) []string {
				return []string{v.ID, strconv.FormatInt(v.Size, 10), moment(v.Written), v.Member, versionNote(v)}
			}))
		})
	})
}

func versionNote(v space.FileVersion) string {
	var notes []string
	for _, n := range []struct {
		is   bool
		note string
	}{{v.Current, noteFileCurrent}, {v.Conflict, noteFileConflict}, {v.Merged, noteFileMerged}, {v.Deleted, noteFileDeleted}, {v.Executable, noteFileExecutable}} {
		if n.is {
			notes = append(notes, n.note)
		}
	}
	return strings.Join(notes, ", ")
}

func (a *app) fileChooseVerb() *cobra.Command {
	return a.fileSub("file choose PATH VERSION", cobra.ExactArgs(2), func(f *space.Files, args []string) error {
		return hintFor(f.Choose(a.ctx, args[0], args[1]), space.ErrNotFound, fmt.Sprintf(hintFileChoose, args[0]))
	})
}

func (a *app) fileMergeVerb() *cobra.Command {
	return a.fileSub("file merge PATH", cobra.ExactArgs(1), func(f *space.Files, args []string) error {
		marked, err := f.Merge(a.ctx, args[0])
		if marked != nil {
			a.clearProgress()
			if _, err := a.out.Write(marked); err != nil {
				return err
			}
		}
		return err
	})
}
