package gitea

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// User is an account with a token for all that it may do.
type User struct {
	Name, Token string
	password    string
}

// Options of a new repository. The zero value is empty, private and unprotected.
type Options struct {
	README    bool // the default branch main exists and holds a README.md
	Protected bool // nobody may push to main
}

// Repository is one repository on the server.
type Repository struct {
	URL string // for clone and push; it holds no credentials
	Dir string // the bare repository on disk, for hooks and settings of the host's side

	owner, name string
}

func (s *Server) createAdmin(t testing.TB) User {
	t.Helper()
	admin := User{Name: "keeper", password: rand.Text()}
	if _, err := s.run("admin", "user", "create", "--admin", "--username", admin.Name, "--password", admin.password,
		"--email", "keeper@localhost.invalid", "--must-change-password=false"); err != nil {
		t.Fatalf("creating the administrator: %v", err)
	}
	token, err := s.run("admin", "user", "generate-access-token", "--username", admin.Name, "--token-name", "test", "--scopes", "all", "--raw")
	if err != nil {
		t.Fatalf("creating the administrator's token: %v", err)
	}
	admin.Token = token[strings.LastIndexByte(token, '\n')+1:] // it logs to stdout, too
	return admin
}

// CreateUser makes an account and a token.
func (s *Server) CreateUser(t testing.TB, name string) User {
	t.Helper()
	u := User{Name: name, password: rand.Text()}
	s.call(t, s.admin, "POST", "/admin/users", map[string]any{
		"username": name, "password": u.password, "email": name + "@localhost.invalid", "must_change_password": false,
	}, nil)
	var made struct {
		Token string `json:"sha1"`
	}
	s.call(t, User{Name: name, password: u.password}, "POST", "/users/"+name+"/tokens",
		map[string]any{"name": "test", "scopes": []string{"all"}}, &made)
	u.Token = made.Token
	return u
}

// CreateRepository makes a repository of owner's.
func (s *Server) CreateRepository(t testing.TB, owner User, name string, o Options) Repository {
	t.Helper()
	s.call(t, owner, "POST", "/user/repos", map[string]any{
		"name": name, "private": true, "auto_init": o.README, "default_branch": "main",
	}, nil)
	r := Repository{
		URL:   s.URL + "/" + owner.Name + "/" + name + ".git",
		Dir:   filepath.Join(s.path("data"), "repositories", strings.ToLower(owner.Name), strings.ToLower(name)+".git"),
		owner: owner.Name,
		name:  name,
	}
	if o.Protected {
		s.call(t, owner, "POST", r.api("/branch_protections"), map[string]any{"rule_name": "main", "enable_push": false}, nil)
	}
	return r
}

// AddCollaborator lets u push to r.
func (s *Server) AddCollaborator(t testing.TB, r Repository, u User) {
	t.Helper()
	s.call(t, s.admin, "PUT", r.api("/collaborators/"+u.Name), map[string]any{"permission": "write"}, nil)
}

func (r Repository) api(path string) string { return "/repos/" + r.owner + "/" + r.name + path }

// Home makes a home directory in which git, and whoever reads .netrc, finds u's token.
func (s *Server) Home(t testing.TB, u User) string {
	t.Helper()
	home := t.TempDir()
	host := strings.TrimPrefix(s.URL, "http://")
	name, _, _ := strings.Cut(host, ":")
	for file, content := range map[string]string{
		".gitconfig":       "[credential]\n\thelper = store\n[user]\n\tname = " + u.Name + "\n\temail = " + u.Name + "@localhost.invalid\n",
		".git-credentials": fmt.Sprintf("http://%s:%s@%s\n", u.Name, u.Token, strings.ReplaceAll(host, ":", "%3a")),
		".netrc":           fmt.Sprintf("machine %s login %s password %s\n", name, u.Name, u.Token),
	} {
		if err := os.WriteFile(filepath.Join(home, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// Login makes u's home the test's home, so that all it starts is logged in.
func (s *Server) Login(t testing.TB, u User) {
	t.Helper()
	home := s.Home(t, u)
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
}

// call asks the server's API as u, with the token or else the password, and fails t unless the answer is a good one.
func (s *Server) call(t testing.TB, u User, method, path string, body, answer any) {
	t.Helper()
	if err := s.ask(u, method, path, body, answer); err != nil {
		t.Fatalf("gitea: %s %s: %v", method, path, err)
	}
}

func (s *Server) ask(u User, method, path string, body, answer any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, s.URL+"/api/v1"+path, bytes.NewReader(sent))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if u.Token != "" {
		request.Header.Set("Authorization", "token "+u.Token)
	} else {
		request.SetBasicAuth(u.Name, u.password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", response.Status, got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got, answer)
}
