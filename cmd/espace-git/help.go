package main

import (
	"fmt"
	"strings"
)

// What the help, the completions and the manual say.

const (
	groupStart     = "Begin:"
	groupData      = "Data:"
	groupDocuments = "Documents that several people change at once:"
	groupTogether  = "Work together:"
	groupPeople    = "People and devices:"
	groupTrust     = "Trust and keys:"
	groupHost      = "Hosts:"
	groupGit       = "Ordinary git repositories:"
)

// page is the help of a command: a line without full stop, paragraphs, examples.
type page struct{ short, long, example string }

var help = map[string]page{
	"espace-git": {"End-to-end-encrypted spaces in ordinary git repositories", `A space is a shared, encrypted database for a group of people. It lives in a git repository on any host; the host can
read nothing, and nothing that it changes, drops or rolls back goes unnoticed. Reads and writes are local; sync
exchanges them with the others.

A space is used from its folder or below it, like a git work tree.`,
		`espace-git init picnic --name Picnic --as Alice --remote https://example.org/alice/picnic.git --template todo
cd picnic
espace-git invite
espace-git insert tasks 'title=buy milk'
espace-git sync
espace-git select tasks`},
	"init": {"Create a space", `Makes the folder DIR with a new space in it, and its ledger on the remote. Your keys for this space are made on this
device. It prints the recovery sheet once: copy it to paper. When all your devices are lost, "recover" asks for it.`,
		`espace-git init picnic --name Picnic --as Alice --remote git@example.org:alice/picnic.git --template todo`},
	"invite": {"Print a join link", `Registers an invite on the host and then prints a link. The link pins the invite's entry in the ledger and opens no
content: once somebody has used it, the next sync of any member's device wraps the keys for that one device. On a
terminal the command stays and does so itself.

Roles: owner, admin, editor, viewer. Nobody grants more than they have. Who comes as owner or admin needs an admin's approval
in any case, as with --approve.`,
		`espace-git invite --role viewer --expires 2d --for Bob
espace-git invite > link.txt`},
	"invite list":   {"List invites", "", ""},
	"invite revoke": {"Close an invite", "Who joined by it before stays.", "espace-git invite revoke ID"},
	"join": {"Join a space by link", `Asks for the link, or reads it from a file or stdin; never from the arguments, which the shell keeps. This device
makes its own keys, checks that the ledger holds exactly the invite that the link names, and asks to join. Until a
member's device lets it in, the state is "waiting", which is no error.

With --offline it contacts nobody and prints a request that a member brings to the host (member admit).`,
		`espace-git join picnic --as Bob
espace-git join picnic --as Bob --link link.txt --wait 5m`},
	"recover": {"Come back by the recovery sheet", `Asks for the sheet that "init" or "rotate --recovery" printed, makes this device one of yours, and prints a new sheet: the
old one is worth nothing then. It lists your other devices, to be removed if they are lost. A ledger that does not hold the
entry of the sheet's day is refused. While a space has one member the words read it, too; else a member's next sync lets the
device in, and below admin an admin's next sync seals it.`,
		`espace-git recover picnic
espace-git recover picnic --sheet sheet.txt --lost all`},
	"sync": {"Fetch, verify, merge and push", `Every signature and hash is checked before anything counts. A violation ends with exit code 20; its evidence is kept,
and what is good is merged all the same.`, "espace-git sync --watch"},
	"status": {"Show where this device stands", `States: active; waiting (to be let in); unwitnessed (reads; its writes wait); behind (a seal's data or an upgrade is
missing); removed.`, ""},
	"member":      {"Members of the space", "", ""},
	"member list": {"List members, their roles and devices", "", ""},
	"member show": {"Show one member", "", "espace-git member show Bob"},
	"member role": {"Change a member's role", `Roles: owner, admin, editor, viewer. Nobody grants more than they have, and only owners touch owners. A lower role takes
rights away at a seal, and closes the member's invites above it. Before it makes an owner it asks, or wants --yes.`, "espace-git member role Bob admin"},
	"member remove": {"Remove a member", `Seals the epoch without the member and closes every way back: devices, recovery words, open invites that it made and the one
that it came by. It lists them first. From the seal on the member writes and reads nothing new; what it could read before
it may have copied. Its access to the host is taken away at the host.

The exit code is 0 only when the removal is sealed on the host; else it is 11, with the reason.`, "espace-git member remove Bob"},
	"member words": {"Print twelve words to compare with a member", `Both sides run it and compare by voice: all twelve, or nothing.`, "espace-git member words Bob"},
	"member approve": {"Approve a newcomer, or a proposal by its entry", `A newcomer by its name, who joined by an invite that asks for it; what "proposals" lists by its number.`,
		"espace-git member approve Bob\nespace-git member approve 12"},
	"member admit":   {"Bring a newcomer's request to the host", `The request is what "join --offline" printed. It proves itself, so any member may bring it.`, "espace-git member admit request.txt"},
	"member history": {"Give a member more of the history", "", "espace-git member history Bob all"},
	"protect": {"Encrypt paths of an ordinary git repository", `Files whose paths match are encrypted in what git stores, for the members of a space; the work tree, git diff and git merge
show plaintext. It writes .gitattributes, which is yours to commit, this clone's configuration, and a hook that refuses
plaintext on such a path. Every clone runs it once.

Who was removed from the space reads nothing that is committed with a later sync; what was committed before stays readable
to them. That two files are equal, and their exact sizes, can be seen. stash, rerere, archives and the work tree hold plaintext.`,
		"espace-git protect 'secrets/**' '*.key' --space ~/team\nespace-git protect --rewrite"},
	"merge-driver": {"Merge two versions of a file, for git", `Text by lines, JSON and YAML by structure, CSV by rows and columns, as the name says; encrypted files as well. Other ways for
some paths are set in git's configuration, never in .gitattributes: text, json, yaml, csv, or a command with git's placeholders.`,
		"git config merge.espace.driver 'espace-git merge-driver %O %A %B %L %P'\ngit config 'espace-merge.*.lock.driver' 'mytool %O %A %B'\ngit config 'espace-merge.data/*.csv.key' sku"},
	"filter-process": {"Encrypt and decrypt files for git", "Git runs it, as `protect` has set it up.", ""},
	"textconv":       {"Print the plaintext of a file, for git diff", "Git runs it, as `protect` has set it up.", ""},
	"device":         {"Devices of the members", "", ""},
	"device list":    {"List everybody's devices", "", ""},
	"device add": {"Print a link for another device of your own", `Whoever uses the link acts as you: it is for your own other device only. There:  espace-git join DIR --link -
It becomes a device of yours, not a new member, so it needs no name.`, ""},
	"device remove": {"Remove a device", `Removes a device that is lost or stolen, with what it made: further devices, open invites, the recovery words. It lists
them first; --keep leaves something open. An admin's device seals at once; else an admin's next sync does, and until then
nobody wraps keys for the device.`, "espace-git device remove phone --keep recovery"},
	"device rename": {"Give a device of yours another name", "This one, or a further one by its ID or name.", "espace-git device rename laptop"},
	"leave": {"Leave the space", `Asks for your own removal: an admin's next sync seals it. What you wrote stays; what you have here stays readable. The last
owner can't leave.`, ""},
	"policy":      {"Rules about rules", "", ""},
	"policy show": {"Print the policy", "", ""},
	"policy set": {"Change the policy", `Owners only. What tightens is sealed. Approvals can be asked for device.remove, fork.resolve, invite, key.wrap, member.remove,
member.role, policy, remote, retention, schema and upgrade; with any of them, also for the policy itself and for new admins.`,
		"espace-git policy set --approvals member.remove=1,retention=2"},
	"proposals": {"List what waits for approvals", "Somebody else approves by the number:  espace-git member approve ENTRY", ""},
	"upgrade": {"Show or change what a program must have to write here", `A program that lacks a required feature writes nothing and says so; it goes on judging the ledger. Owners only: it seals
the epoch. What was asked for by mistake an owner takes back with --drop.`, "espace-git upgrade\nespace-git upgrade --require seal"},
	"seal": {"End the epoch and begin a new one", `Admins only. A fresh secret, and a new start: tombstones and merge data go. It happens by itself by policy, and with every
removal.`, ""},
	"rotate": {"Change this device's encryption key", `Whoever has a copy of the old key reads nothing that is wrapped from now on. With --recovery it makes new recovery words
instead and prints the sheet; words from before are worth nothing then.`, "espace-git rotate"},
	"schema":       {"Tables and columns", "", ""},
	"schema show":  {"Print the schema", "", "espace-git schema show > schema.yaml"},
	"schema check": {"Check a schema file and list its changes", "", "espace-git schema check schema.yaml"},
	"schema apply": {"Change the schema", "Needs an admin. What takes something away seals the epoch, so that it holds exactly from there on.", "espace-git schema apply schema.yaml"},
	"insert": {"Add a row and print its ID", `Values are converted by the column's type: 3, true, 2026-03-01T12:00:00Z. With - one JSON object is read from stdin.`,
		`espace-git insert tasks 'title=buy milk' done=false
echo '{"title": "buy milk"}' | espace-git insert tasks -`},
	"get": {"Show a row", "", "espace-git get tasks ID"},
	"update": {"Change columns of a row", `Columns that are not named stay as they are; concurrent changes of other columns of the row are kept.`,
		`espace-git update tasks ID done=true
espace-git update tasks ID --null due`},
	"delete": {"Delete a row", "", "espace-git delete tasks ID"},
	"select": {"List rows", `Conditions: = != < <= > >=, and, or, not, in (…), like, is null, is not null, parentheses; texts in single quotes.`,
		`espace-git select tasks --where "done = false and title like '%milk%'" --order -created_at --limit 10`},
	"sql": {"Query with SQL, read-only", `One SELECT over the tables of the schema. With - it is read from stdin.`,
		`espace-git sql 'select done, count(*) as n from tasks group by done'`},
	"watch": {"Print changes as they happen", `One JSON object per line and change, until interrupted: {"kind":"insert|update|delete","row":{…}}. It syncs meanwhile.`,
		`espace-git watch tasks --where "done = false"`},
	"import": {"Add rows from a file", `CSV or JSON lines; - is stdin. In CSV the first line names the columns, an empty cell is no value, and a quoted
empty cell ("") is the empty text. Rows go in batches of 1000, each one transaction. A row may bring its id.`,
		`espace-git import tasks tasks.csv
espace-git import tasks - --format jsonl < tasks.jsonl`},
	"export": {"Print a table as JSON lines or CSV", "An import reads back what is printed. In CSV an empty cell is no value, and a quoted empty cell (\"\") the empty text.", "espace-git export tasks --format csv > tasks.csv"},
	"file": {"Files, in folders, with their versions", `Any size, encrypted in pieces of 8 MiB; what others put is fetched when it is read. A path has slashes; table/row/column is the
file in that column of a row. Two who write a text, JSON, YAML or CSV file at once find both changes in it; of other files,
and where they contradict, the last stands under the name, the others beside it: "plan (from Bob, 2026-11-23).pdf".`,
		"espace-git file put -r photos\nespace-git file ls -l photos\nespace-git file get photos/cat.jpg"},
	"file put": {"Put files and folders", `One file goes to the path DST, or into the folder DST; several go into it; without DST they go to the top. One folder becomes the
folder DST, and fills it if it is there; with a slash behind DST it goes into it. Folders above are made. A content that is
there already makes no new version, and of a long file only the pieces that changed are stored: a run that was broken off
is begun again. - is stdin. Links are left out.`, "espace-git file put report.pdf\nespace-git file put -r site docs/\necho hello | espace-git file put - notes/hello.txt\nespace-git file put photo.jpg messages/ID/attachment"},
	"file get": {"Write files and folders to this disk", `A file goes into the folder DEST, or under that name; - is stdout. A folder becomes the folder DEST, and fills it if it is there; without
DEST, and with a slash behind it, it keeps its name. A file is written under another name and renamed when it is whole, with its
time and executable bit; pieces that were fetched are kept, so a run that was broken off goes on. It replaces nothing without
--force. Names of others that could harm here are left out and told.`, "espace-git file get report.pdf\nespace-git file get -r docs /tmp/docs\nespace-git file get --range 0-99 big.iso -"},
	"file cat":      {"Print a file", "", "espace-git file cat notes/hello.txt"},
	"file ls":       {"List a folder", "", "espace-git file ls -l docs"},
	"file rm":       {"Delete files and folders", "It takes what is seen here: a file that somebody writes meanwhile stays. Of a version that stands beside its file only that goes.", "espace-git file rm -r old"},
	"file mv":       {"Rename and move files and folders", "A folder takes all with it, also what others put into it meanwhile.", "espace-git file mv draft.txt docs/final.txt"},
	"file mkdir":    {"Make folders", "Those above are made, too.", "espace-git file mkdir docs/2026"},
	"file versions": {"List the versions of a file, the last one first", "A seal keeps the newest 1,000.", "espace-git file versions report.pdf\nespace-git file get --version 3f2a9c report.pdf old.pdf"},
	"file choose":   {"Make one version the content of a file", "It replaces all that stand beside each other. An old one works, too.", "espace-git file choose report.pdf 3f2a9c"},
	"file merge": {"Merge the versions that stand beside each other", `A sync does so by itself where nothing contradicts. Else the text with git's markers goes to stdout and the exit code is 11: edit it,
and put it with --resolve.`, "espace-git file merge plan.txt > plan.txt"},
	"text": {"Texts that several people write at once", `DOC is a name, of which you need none to be made, or a column of type textarea: TABLE/ROW/COLUMN. Everybody's edits are kept,
offline ones too, and what two people write at one place does not mix. Positions count code points from 0.`,
		`espace-git text append minutes --line 'Present: Alice, Bob'
espace-git text edit minutes
espace-git text show tasks/ID/notes`},
	"text show":   {"Print a text", "As it is; on a terminal control characters are escaped.", "espace-git text show minutes > minutes.txt"},
	"text insert": {"Insert at a position", "With - the text is read from stdin.", "espace-git text insert minutes 0 'Minutes: '"},
	"text delete": {"Delete N code points from a position on", "", "espace-git text delete minutes 0 9"},
	"text append": {"Add at the end", "With - the text is read from stdin. With --line it begins a line and ends it.",
		`espace-git text append minutes --line 'Bob brings the cordial'
date | espace-git text append minutes -`},
	"text edit": {"Edit in your editor", `Opens $VISUAL or $EDITOR, which may have arguments, on a file that only you can read. When the editor ends, what you changed
is written onto the text as it is by then: what others wrote meanwhile stays. If that can't be done, the file with what
you wrote is kept, and its name told; else it is removed. If the editor fails, nothing is written.`,
		`espace-git text edit minutes
espace-git text edit minutes --editor 'sed -i s/Bob/Robert/'`},
	"text blame": {"Show who wrote what, and when", "To the minute, as the authors' clocks say.", "espace-git text blame minutes"},
	"text undo": {"Take back what an own write did to a text", `What it inserted goes, what it deleted comes back, what others did stays. Without RECEIPT: this device's last write. An
undo is a write: undo it to redo. What lies before a seal can't be undone.`, "espace-git text undo minutes"},
	"text ls": {"List the texts that go by a name", "", ""},
	"list": {"Lists that several people change at once", `DOC is a name, or a column of type list: TABLE/ROW/COLUMN. ITEM is an index from 0 or an item's ID. Two moves of an item never
double it, and what is removed is not lost to a move. VALUEs are texts, or JSON scalars with --typed.`,
		`espace-git list append shopping bread butter
espace-git list move shopping 1 0`},
	"list show":   {"Print the items, one a line", "With --long their indexes and IDs.", "espace-git list show shopping --long"},
	"list append": {"Add items at the end, and print their IDs", "", "espace-git list append shopping bread butter"},
	"list insert": {"Add items before an index, and print their IDs", "", "espace-git list insert shopping 0 matches"},
	"list set":    {"Give an item another value", "", "espace-git list set shopping 0 'two loaves'"},
	"list move":   {"Bring an item to another index", "", "espace-git list move shopping 2 0"},
	"list remove": {"Remove items", "", "espace-git list remove shopping 0 1"},
	"list ls":     {"List the lists that go by a name", "", ""},
	"set": {"Sets that several people change at once", `DOC is a name, or a column of type set: TABLE/ROW/COLUMN. Who adds what another removes at the same time keeps it in the set.
VALUEs are texts, or JSON scalars with --typed.`,
		`espace-git set add guests Carol Dave
espace-git set remove guests Dave`},
	"set show":   {"Print the elements, one a line", "", "espace-git set show guests"},
	"set add":    {"Add elements", "", "espace-git set add guests Carol"},
	"set remove": {"Remove elements", "", "espace-git set remove guests Carol"},
	"set ls":     {"List the sets that go by a name", "", ""},
	"counter": {"Numbers that several people add to at once", "DOC is a name, or a column of type counter: TABLE/ROW/COLUMN. Every addition counts, once.",
		`espace-git counter add likes
espace-git counter add stock -3`},
	"counter show": {"Print the number", "", "espace-git counter show likes"},
	"counter add":  {"Add N, or 1, and print the sum", "", "espace-git counter add stock -3"},
	"counter ls":   {"List the counters that go by a name", "Those that are not 0.", ""},
	"flag": {"Flags that several people set at once", "DOC is a name, or a column of type flag: TABLE/ROW/COLUMN. Who turns it on while another turns it off keeps it on.",
		"espace-git flag on gate-open"},
	"flag show": {"Print on or off", "", "espace-git flag show gate-open"},
	"flag on":   {"Turn a flag on", "", "espace-git flag on gate-open"},
	"flag off":  {"Turn a flag off", "", "espace-git flag off gate-open"},
	"flag ls":   {"List the flags that go by a name", "Those that are on.", ""},
	"record": {"Logs of operations, in one order for all", `DOC is a name, or a column of type log: TABLE/ROW/COLUMN. Entries are only added; one that comes late takes its place by its
time. VALUEs are texts, or JSON scalars with --typed.`, "espace-git record append moves 'e2 e4'"},
	"record show":   {"Print the entries", "", "espace-git record show moves --json"},
	"record append": {"Add entries", "", "espace-git record append moves 'e2 e4' 'e7 e5'"},
	"record ls":     {"List the logs that go by a name", "", ""},
	"log": {"Show the changelog", `States: local, pushed, witnessed, sealed, parked, refused, lost. Nothing disappears silently.`,
		`espace-git log --table tasks --member Bob --limit 20`},
	"receipt": {"Ask how far a write of this device has come", `States: local; pushed (the host has it); witnessed (another member has seen it); sealed (final); parked (it waits for another
write); refused (it broke a rule); lost (a seal left it out and it could not be issued again: see conflicts).
Without an ID: of the last write.`, "espace-git receipt"},
	"pending": {"Show what waits: to be pushed, or for another write", "", ""},
	"conflicts": {"Show own writes that could not be written again after a seal", `A seal ends an epoch at what had reached the host. What came later is written again by itself; what can't be, since its row
is gone, or a newer value is there, stands here with its values until you retry or dismiss it.`,
		`espace-git conflicts
espace-git conflicts retry ID`},
	"conflicts show":    {"Show a conflict with its values", "", "espace-git conflicts show ID"},
	"conflicts retry":   {"Write a conflict's values anew, as a new write", "", "espace-git conflicts retry ID"},
	"conflicts dismiss": {"Forget a conflict and its values; \"all\" forgets all of them", "", "espace-git conflicts dismiss ID"},
	"set-aside": {"Show writes of others that do not count", `What lies beyond the end of a sealed epoch is written again by its author. Until the author comes back it stands here; so does
what a lane holds after an entry that is wrong. Adopt what an author never comes back for: its values become your own write.`,
		`espace-git set-aside
espace-git set-aside adopt ID`},
	"set-aside show":    {"Show what was set aside with its values", "", "espace-git set-aside show ID"},
	"set-aside adopt":   {"Write another's values as an own write, told as adopted", "", "espace-git set-aside adopt ID"},
	"set-aside dismiss": {"Forget what was set aside; \"all\" forgets all of it", "", "espace-git set-aside dismiss ID"},
	"verify": {"Verify again what is stored", `Checks signatures, hashes and roots of the ledger and of every lane; with --full also decrypts and folds everything anew
and compares. Exit code 20 on a violation.`, "espace-git verify --full --evidence evidence.bin"},
	"fingerprint": {"Print twelve words of the verified ledger", `Two members who compare them at the same number know that the host shows them the same history.`, "espace-git fingerprint --at 12"},
	"allowed-signers": {"Print the signers' keys for stock git", "",
		`espace-git allowed-signers > signers
git -c gpg.ssh.allowedSignersFile=signers verify-commit COMMIT`},
	"fork": {"Two branches of the ledger", `Whoever can write to the host, and the host itself, may show different members different ledgers. It is found as soon as
one sees both. Each device stays on the branch that it verified first, until an owner of every branch resolves the fork,
or its user chooses.`, ""},
	"fork show":   {"Show the branches, and what can be done", "For each: who did what on it, and twelve words of its end, to compare by voice.", ""},
	"fork follow": {"Move to the branch that an owner keeps", "Shows what would go, and asks, or wants --yes.", ""},
	"fork choose": {"Move to another branch by your own choice", `HASH is that of the last entry on it, or its first letters (at least 8). Compare the words with the others first: a host
that shows you a branch of its own wants you to choose it.`, "espace-git fork choose 8f14e45f"},
	"fork resolve": {"Keep this device's branch and drop the others", `For an owner of every branch. It seals, and takes away again whatever a dropped branch took away: a fork brings nobody back.
The others move over with fork follow.

With --before an entry is dropped that sealed at a cut which nobody can supply, so that nobody can follow it.`,
		`espace-git fork resolve
espace-git fork resolve --before 41`},
	"fork consent": {"Agree, as an owner, that a branch be kept", `Where the policy asks for approvals of fork.resolve. It prints a text for the owner who resolves. Without HASH, as in fork
choose, it is this device's branch that is to be kept.`, "espace-git fork consent 8f14e45f"},
	"unlock": {"Ask for the passphrase once", "It then serves until lock, or for 8 hours.", ""},
	"lock":   {"Forget the passphrase", "", ""},
	"doctor": {"Check and repair the local store", `With --rebuild the view is made anew from the git repository and the journal.`, "espace-git doctor --rebuild"},
	"remote": {"The hosts of this space", `The first remote is primary: it orders the ledger. All others are mirrors. Every sync brings the mirrors up to date, at most
once a minute, and reads them: what a mirror shows and the primary hides is found, told, and pushed to the primary.`, ""},
	"remote add": {"Put a space on a host, or add a mirror", `The first remote is called origin; a space that was made without --remote is put there, so that others can join. Each
further one is a mirror: an empty repository on another host, or one that has this space already. With --share the
ledger names it, which needs an admin; then everybody finds the space there when the first host is lost.`,
		`espace-git remote add origin git@example.org:alice/picnic.git
espace-git remote add backup https://example.net/alice/picnic.git --share`},
	"remote list":   {"Show where the space is", "", ""},
	"remote remove": {"Forget a mirror", "What it holds stays there. With --share the others' devices forget it too.", "espace-git remote remove backup"},
	"remote promote": {"Make a mirror the primary remote, for everybody", `An entry of the ledger says so, which needs an admin. The others' devices follow when they read it; the old primary becomes a
mirror. If the old one does not answer, the command stops: only with --gone does it go on, and forgets the old one. Do
that only when nobody can reach it any more: whatever is added to the ledger there afterwards splits it in two.`,
		`espace-git remote promote backup
espace-git remote promote backup --gone`},
	"heal": {"Give the remotes what they lost", `Pushes whatever a remote lacks of what was verified here, whoever signed it: the ledger, keys and lanes. A repository that
was wiped, or made anew, becomes the space again. Every member can heal; what others have more, they add the same way
or at their next sync.`, "espace-git heal"},
	"host": {"Serve bare repositories, for trying out", `A small git host over plain HTTP: git's own http-backend. It asks nobody who they are.`,
		`espace-git host --listen 127.0.0.1:8418 repositories`},
	"hook": {"Checks at a host", "", ""},
	"hook pre-receive": {"Refuse pushes that no member may make", `A host's pre-receive hook. It holds no key and reads nothing: from the public part of the ledger it knows which device may
write where, and refuses the whole push otherwise. Members check all of it again; the hook spares them the junk.`,
		`printf '#!/bin/sh\nexec espace-git hook pre-receive\n' > shared.git/hooks/pre-receive
chmod 755 shared.git/hooks/pre-receive`},
	"demo": {"Watch Alice and Bob use a space, in a minute", `On a throw-away host on this machine: create, invite, join, offline edits on both sides, merge, verification, a host
that is caught lying, and what it could see. Nothing is left behind.`, ""},
	"docs":        {"Documentation for packagers", "", ""},
	"docs man":    {"Write manual pages", "", ""},
	"exit-codes":  {"What the exit codes mean", "", ""},
	"environment": {"Environment variables", "", ""},
}

// exitCodes is the documented table; exit.go has what leads to each.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "ok"},
	{exitFailed, "failed"},
	{exitUsage, "wrong usage"},
	{exitNoSpace, "no space here"},
	{exitConflict, "conflict or busy, try again"},
	{exitNoKey, "no key opens it"},
	{exitForbidden, "not permitted by role or rule"},
	{exitNotFound, "not found"},
	{exitViolation, "violation detected (evidence kept): something was taken back, or a member signed what it must not"},
	{exitInterrupted, "interrupted"},
}

func exitCodesHelp() string {
	var b strings.Builder
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

const environmentHelp = `  ESPACE_HOME             folder of this user's keys (default: espace-git in the configuration directory)
  ESPACE_PASSPHRASE_FILE  file whose first line unlocks the keys
  ESPACE_PASSPHRASE       the passphrase itself; a file is better
  ESPACE_AGENT            "off": no process keeps the keys unlocked between commands
  ESPACE_KEYRING          "system": the system's keyring keeps them instead
  ESPACE_TRANSPORT        like --transport
  NO_COLOR                no colour, whatever the terminal`
