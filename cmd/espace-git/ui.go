package main

import (
	"fmt"
	"io"
)

// What the program says while it works. Commands are written as `espace-git …`; whoever calls it as `git espace` is told that.

const (
	createdSpace = "Space %q\n  id:  %s\n  dir: %s\n"

	recoverySheet = `
RECOVERY SHEET. Copy it to paper now: it is shown once, and stored nowhere.
It is for the day when every device is lost:  espace-git recover DIR . Whoever has the words is you.

%s

`
	createdWithoutRemote = "The space has no remote yet: it lives on this device only."
	createdResumed       = "An earlier run of init was finished. If you did not write down its recovery words, they are lost:\nadd a second device with  espace-git device add  so that a lost one is not the end."
	createdNext          = "Next:  cd %s && espace-git invite"

	joining       = "Joining space %s\n  at %s"
	joinedSpace   = "Space\n  id:    %s\n  dir:   %s\n  state: %s\n"
	joinedApprove = "An admin approves you first: both run  espace-git member words %[1]q , compare by voice, and they run\n  espace-git member approve %[1]q"
	joinedWaiting = "A member's device lets you in at its next sync. Then every command works here; `espace-git status` tells."
	joinedOffline = "This is your request to join. Send it to a member, who runs:  espace-git member admit FILE"
	stillWaiting  = "still waiting to be let in; the host can't be asked: %s"

	deviceTold    = "WHOEVER USES THIS LINK BECOMES YOU. It is for your own other device only: give it to nobody.\nThere, run  espace-git join DIR --link -    It is open until %[2]s;  espace-git invite revoke %[1]s  closes it."
	deviceVouched = "WHOEVER USES THIS LINK BECOMES %[3]s. Give it to nobody else, and be sure that it is they who ask: you are named for ever as who vouched.\nThere,  espace-git join DIR --link -    It is open until %[2]s;  espace-git invite revoke %[1]s  closes it."
	deviceLater   = "The device is let in by the next sync of any member."
	deviceStays   = "Waiting to let your device in. Ctrl-C is safe: the next sync of any member does it."
	deviceDone    = "Your device is in."
	inviteTold    = "Send the link to one person, by any channel you both trust. Invite %s, open until %s."
	inviteLater   = "The newcomer is let in by the next sync of any member."
	inviteApprove = "The newcomer joins, and waits until an admin approves: compare the words of  espace-git member words NAME  by voice, then run\n  espace-git member approve NAME"
	inviteStays   = "Waiting to let the newcomer in. Ctrl-C is safe: the next sync of any member does it."
	inviteDone    = "The newcomer is in."
	inviteRevoked = "Invite %s is closed."

	uploadingBytes  = "uploading: %.1f MiB of files are not on the host yet\n"
	parkedCount     = "parked:    %d writes wait for another's; see  espace-git pending\n"
	conflictCount   = "conflicts: %d writes could not be written again, or not all of them; see  espace-git conflicts\n"
	asideCount      = "set aside: %d writes of others do not count; see  espace-git set-aside\n"
	conflictRetried = "Written anew: espace-git receipt %s"
	adoptedTold     = "It is your own write now, told as adopted: espace-git receipt %s"
	dismissedTold   = "Dismissed %s."

	syncSummary  = "fetched %d, pushed %d, refused %d\n"
	syncLetIn    = "let in: %s\n"
	syncSealed   = "sealed the epoch, which was due: see  espace-git log"
	pendingCount = "%d waiting to be pushed"
	noRemote     = "none"
	never        = "never"

	roleChanged  = "%s is now %s."
	roleSame     = "%s is %s already."
	approved     = "%s is approved."
	admitted     = "The join is on the host; the next  espace-git sync  of any member lets the newcomer in."
	historyGiven = "%s may read from %s on."

	approvedEntry    = "Entry %d is approved and in force."
	approvedNotYet   = "You have approved entry %[1]d. It waits for %[2]d more, who run  espace-git member approve %[1]d"
	outcomeSealed    = " Sealed: ledger entry %d, epoch %d."
	outcomeRequested = "Asked for in ledger entry %d. It takes effect with the next sync of an admin's device, which seals it."
	outcomeProposed  = "Proposed in ledger entry %[1]d: it waits for %[2]d approvals of others, who run  espace-git member approve %[1]d"
	left             = "You have left."
	rotated          = "This device has a new encryption key; the old one is destroyed."
	sealedEpoch      = "Epoch %d is open, by ledger entry %d.\n"
	sealedShort      = "the host did not show all that others had seen; its author issues the rest again: %s"
	policySet        = "The policy is in force."
	noneAsked        = "none"
	deviceRenamed    = "The device is called %s now."

	oldSheet         = "The sheet that you used is worth nothing now: destroy it."
	recoveredWaiting = "An admin's device seals, or a member's lets this one in, at its next sync. Then every command works here."
	otherDevice      = "Still a device of yours: %s. If it is lost:  espace-git device remove %s"

	closing         = "Removing %s closes:"
	closingDevice   = "  device    %s %s"
	closingInvite   = "  invite    %s %s"
	closingRecovery = "  recovery  the words on paper"
	closingKeep     = "What of it is to stay, name with --keep ID."
	removedName     = "Removed %s."
	removalAchieves = "From the seal on nothing that was removed writes, nor reads what is written from then on.\nWhat it could read before it may have copied: that stays readable to whoever has it."
	removalAtHost   = "One step remains, at the host %s : take away the collaborator's access, or the deploy key.\nUntil then the host still serves what is encrypted, and pushes there cost others time."
	wordsMeaning    = "Compare all twelve by voice. If one differs, you do not see the same ledger."

	schemaSame    = "The schema is the same."
	schemaApplied = "Applied."
	schemaFits    = "These changes can be applied."
	schemaSeals   = "Some of them take something away: applying them seals the epoch."

	rowUpdated   = "Updated %s."
	rowDeleted   = "Deleted %s."
	rowsImported = "%d rows imported\n"
	phaseImport  = "importing"
	phaseExport  = "exporting"

	textTold     = "Written. To take it back:  espace-git text undo %s %s"
	textSame     = "Nothing was changed."
	editKeptAt   = "what you wrote is kept in %s"
	documentTold = "Written: espace-git receipt %s"

	verifyProblem      = "problem: %s\n"
	evidenceWritten    = "The evidence is in %s. It holds no plaintext and can be checked offline."
	fingerprintMeaning = "Ledger entry %d. Compare with another member:  espace-git fingerprint --at %[1]d"

	filesPut           = "%d put, %d as they were\n"
	filesSaved         = "%d files written, %d bytes; %d were there already\n"
	fileRemoved        = "Removed %s."
	fileLeftOut        = "left out: %s: %s"
	noteFileCurrent    = "current"
	noteFileConflict   = "beside it"
	noteFileMerged     = "merged by a program"
	noteFileDeleted    = "deleted"
	noteFileMissing    = "content deleted"
	noteFileExecutable = "executable"

	protectRewrite   = "To encrypt what is there:  espace-git protect --rewrite  and commit. What was committed in plaintext stays in the history."
	protectRewritten = "Encrypted anew in the index, under the newest key: git commit."

	unlocked = "Unlocked until `espace-git lock`, or for 8 hours."
	locked   = "Locked."
	healthy  = "nothing to repair"

	mirrorAdded  = "The mirror %[1]s has everything. Only this device knows it; to tell all members:  espace-git remote add %[1]s %[2]s --share"
	mirrorShared = "The mirror %s has everything, and all members' devices will use it."
	promoted     = "The primary remote is %s now: %s\nThe other members' devices follow when they read it in the ledger. New join links name it."

	forkRole        = "you are %s there\n"
	forkNobody      = "you do not belong to the space there"
	forkNone        = "The ledger has one branch."
	forkRefused     = "does not count: %s\n"
	forkResolvedBy  = "%s has resolved it with entry %d. To see what would go, and to move over:  espace-git fork follow"
	forkMay         = "You are an owner on every branch. To keep this device's branch and drop the others:  espace-git fork resolve\nFirst compare the words with the others, by voice: who resolves decides for all."
	forkMayConsents = "%d other owners must consent, on the branch to keep:  espace-git fork consent"
	forkWait        = "An owner of every branch resolves it. If none can, compare the words with the others, by voice, and move over with  espace-git fork choose HASH"
	forkUndecided   = "This device met all branches at once and stands on none; nothing after entry %[1]d counts here. Compare the words with the others,\nby voice, and then  espace-git fork choose HASH  or wait until an owner resolves it."
	forkFollows     = "%s keeps another branch (entry %d). Of this device's branch these entries go:"
	forkChooses     = "The branch that ends at entry %d: compare its words above with the others, by voice, all twelve. Of this device's branch these entries go:"
	forkReissued    = "What you wrote into tables since is issued again on the other branch; what does not fit there goes to the conflicts."
	forkDone        = "This device stands on the other branch now."
	forkResolved    = "resolved with entry %d, which opened epoch %d\n"
	forkConsented   = "Send it to the owner who resolves, who runs:  espace-git fork resolve --consent TEXT"

	revokedBefore = "Invite %s is closed already."
	found         = "what was caught is listed above (%d)"

	warnUnprotected = "--no-passphrase: whoever can read %s has your keys"
)

var inviteHost = map[bool]string{
	false: "On the host, let the newcomer read and write %s: add them as a collaborator.",
	true: "On the host, add a deploy key with write access to %s and hand its private half to the newcomer.\n" +
		"Whoever holds it can push until you remove it there; what is pushed without being a member counts for nothing.",
}

var thisDevice = map[bool]string{true: " (this device)"}

// forkBranch is the head line of a branch, of this device's and of others.
var forkBranch = map[bool]string{
	true:  "this device's branch, from entry %d on, ends at entry %d %s\n",
	false: "another branch, from entry %d on, ends at entry %d %s\n",
}

const waitsForApproval = " (for an admin's approval; compare the words of `member words` with them)"

// inviteHere is for a folder or a host that asks nobody who they are.
const inviteHere = "The newcomer must be able to reach and write %s."

var stateMeaning = map[string]string{
	"waiting":     " (for a member's device to let you in)",
	"unwitnessed": " (you can read; what you write is pushed once a member has signed the ledger with you in it)",
	"behind":      " (what a seal needs, or an upgrade, is missing)",
	"leaving":     " (an admin's next sync takes you out)",
	"removed":     " (you no longer belong to this space)",
}

var verifyResult = map[bool]string{
	true:  "ok: %d ledger entries, %d lanes, %d operations\n",
	false: "NOT ok: %d ledger entries, %d lanes, %d operations\n",
}

func hostTold(addr, dir string) func(io.Writer) {
	return func(w io.Writer) {
		fmt.Fprintf(w, "http://%s/\n", addr)
		fmt.Fprintf(w, "Bare repositories in %s, for everybody who can reach this address. Try:\n", clean(dir))
		fmt.Fprintf(w, "  git init --bare -b main %s/shared.git\n", clean(dir))
		fmt.Fprintf(w, "  espace-git init mine --name NAME --as YOU --remote http://%s/shared.git\n", addr)
	}
}

// Questions.
const (
	questionSpaceName   = "Name of the space:"
	questionPersonName  = "Your name, as members see it:"
	questionLink        = "Join link:"
	questionUnlock      = "Passphrase:"
	questionNew         = "New passphrase:"
	questionAgain       = "Again:"
	questionOwner       = "Make %s an owner? Owners can do everything that you can, to you too. [yes/no]"
	questionSheetSpace  = "Space, as the sheet has it:"
	questionSheetLedger = "Ledger, number and hash (empty if the sheet has none):"
	questionSheetWords  = "The twelve words:"
	questionRemote      = "URL of the repository:"
	questionRemove      = "Remove %s? [yes/no]"
	questionLeave       = "Leave this space? Only an invite brings you back. [yes/no]"
	questionFork        = "Leave this device's branch? [yes/no]"
	explainPassphrase   = "Your keys for all spaces are kept under one passphrase. There is no way to reset it."
)

// What went wrong. What the SDK says stands as it is.
const (
	interrupted           = "interrupted"
	notBuiltYet           = "%q is not built in this version"
	unknownCommand        = "unknown command %q for %q"
	remoteFirst           = "a first remote %q: the first one orders, and is called origin"
	noHome                = "there is no folder for this user's keys"
	badTransport          = "--transport: there is no transport %q"
	noKeys                = "there are no keys of yours in %s"
	noTerminal            = "there is no terminal to ask: %s"
	notConfirmed          = "nothing was changed"
	needsYes              = "an owner can do everything, and there is no terminal to ask"
	needsYesFlag          = "there is no terminal to ask"
	notRemovedYet         = "nothing was removed: %w"
	badApprovals          = "--approvals: %q is not of the form KIND=N"
	forkNeedsYes          = "it is a decision to leave a branch of the ledger, and there is no terminal to ask"
	emptyAnswer           = "the answer is empty"
	emptyPassphrase       = "the passphrase is empty"
	passphrasesDiffer     = "the passphrases differ"
	newKeysNeedPassphrase = "your keys are made now and need a passphrase, and there is no terminal to ask"
	fileIsFolder          = "%s is a folder"
	fileNoFolder          = "%s is no folder of the space"
	fileStdinName         = "what comes on stdin has no name"
	fileRangeDest         = "--range: a part of a file goes to stdout"
	badFileRange          = "--range: %q is not of the form A-B, A- or -N"
	fileOwnData           = "a program's own data"
	fileIsDevice          = "%s is a device: its bytes can come on stdin"
	fileNotRegular        = "a link, or no ordinary file"
	filesLeftOut          = "%d were left out"
	fileTooBig            = "%s is larger than %d MiB"

	linkInArguments = "a link in the arguments stays in the shell's history and is seen by every process"
	noLinkInside    = "there is no join link (espace1…)"
	notARequest     = "this is armoured, but no request to join"
	badDuration     = "%s: %q is no duration"
	badRole         = "there is no role %q"
	badUses         = "--uses: %d is less than 1"

	badAssignment   = "%q is not of the form col=value"
	columnTwice     = "column %q is given twice"
	oneObject       = "exactly one JSON object is expected"
	emptyStdin      = "nothing came on stdin: exactly one JSON object is expected"
	cutObject       = "the JSON ends in the middle of an object"
	badRowID        = "%q is no row ID (a UUID)"
	csvCells        = "%d cells, and the first line has %d"
	csvQuote        = "a quote where none may be: cells with quotes are quoted, and their quotes doubled"
	csvOpen         = "a quoted cell does not end"
	csvLong         = "a cell is too long"
	nothingToUpdate = "no column to update is given"
	negativeLimit   = "a limit or offset must not be negative"
	noTable         = "there is no table %q: %w"
	noMember        = "there is no member %q: %w"
	rowExists       = "row %s is there already"
	unknownFormat   = "%q is no format of rows"
	noCSVHead       = "the file is empty: its first line must name the columns"
	badCSVHead      = "column %d of the first line has no name, or one that stands before it already"

	badNumber      = "%s: %q is no whole number"
	badPosition    = "position %d: the text has %d code points"
	badSpan        = "%d code points from position %d on: the text has %d"
	badIndex       = "index %d: the list has %d items"
	noElement      = "%q is no element of the set: %w"
	noEditor       = "there is no terminal to edit on, and no editor is named"
	editorOnScreen = "%q needs a terminal, and there is none"
	editorFailed   = "the editor (%s) failed: %w"
	editorRemoved  = "the editor removed the file: nothing was changed"
	editedNotText  = "what the editor wrote is not UTF-8"
	editKept       = "%w\nwhat you wrote is kept in %s"

	urlPassword = "the URL holds a password, which would stand in every join link"
	emptySchema = "the schema is empty"
	badColumns  = "--columns: %q is empty or given twice"
	noSuchTopic = "there is no command or topic %q"

	noConflict = "there is no conflict %q: %w"
	noAside    = "nothing is set aside as %q: %w"

	verifyFailed     = "%d problems were found: %w"
	mergeConflict    = "%s: both sides changed the same part"
	badMarker        = "%q is no length of a conflict marker"
	badPattern       = "only names, *, ? and ** between slashes, without spaces and a slash at the end"
	notProtected     = "no path is protected here: the repository's configuration names no space"
	hookThere        = "%s is there already, and is not this program's: nothing was changed"
	plainOnProtected = "plaintext on a protected path: %s"
	hintFlagMissing  = "the first time, %s is needed"
	stillPlain       = "%s is in the index in plaintext"
	stillEncrypted   = "protected files could not be opened and stand encrypted in the work tree: sync the space, then run protect again"

	badAt    = "--at: %q is no number of a ledger entry"
	notAHook = "this is run by git, as the pre-receive hook of a bare repository"
	openHost = "%s can be reached from other machines, and this host asks nobody who they are"
)

// What to do about it: a command to paste where there is one.
const (
	hintNoHome         = "set ESPACE_HOME to a folder"
	hintNoKeys         = "set ESPACE_HOME to the folder that holds your keys"
	hintTransport      = "the transports are auto, git and inprocess"
	hintFlag           = "give %s"
	hintNoSpace        = "go to the space's folder (or give -C DIR), or make one:  espace-git init DIR --name NAME --as YOU"
	hintAddress        = "use https or ssh; plain http and paths only on this machine"
	hintLink           = "copy the whole link again, from espace1 to its last letter, and run:  espace-git join DIR --as YOU --link -"
	hintLinkArgument   = "paste it when asked:  espace-git join DIR --as YOU    or pipe it:  espace-git join DIR --as YOU --link -"
	hintNewLink        = "ask a member for a new link, who runs:  espace-git invite"
	hintInitAgain      = "check the URL and the network, then run the same init again"
	hintJoinAgain      = "check the network, then run the same join again"
	hintOwner          = "give --yes"
	hintRoles          = "the roles are owner, admin, editor and viewer"
	hintHistory        = "a name is one printable line; --history is all, none or the number of an epoch"
	hintRowThere       = "espace-git update %s %s COL=VALUE"
	hintRows           = "espace-git select %s"
	hintWhere          = "conditions:  espace-git select --help    columns:  espace-git schema show"
	hintSQL            = "tables and columns:  espace-git schema show"
	hintUpdate         = "espace-git update tasks ID done=true"
	hintPassphrase     = "try again:  espace-git unlock"
	hintPassphraseFile = "put the passphrase in the first line of a file that only you can read"
	hintNoPassphrase   = "name a file with a passphrase in ESPACE_PASSPHRASE_FILE, or give --no-passphrase"
	hintLocked         = "run  espace-git unlock  on a terminal, or name a file with the passphrase in ESPACE_PASSPHRASE_FILE"
	hintDamaged        = "espace-git doctor   (makes the local store anew; what was never pushed is lost with it)"
	hintLocalGit       = "espace-git doctor   (makes it anew; nothing that was written here is lost)"
	hintNotMine        = "this device may not have been let in yet:  espace-git sync"
	hintForbidden      = "your role, or the state of an invite, does not allow it; see  espace-git member list"
	hintWaiting        = "first a member syncs, or an admin approves (espace-git status tells which); then try again:  espace-git sync"
	hintRepository     = "check the URL; the repository must exist on the host"
	hintRefused        = "see what the host says; somebody with rights there may have to change its settings"
	hintConflict       = "somebody was faster: try again"
	hintTaken          = "choose another value, or free it first:  espace-git select TABLE"
	hintAuth           = "log in to the host as for git; try  git ls-remote URL"
	hintUnreachable    = "rows that you write stay here and are pushed later by  espace-git sync ; what concerns members or the schema needs the host"
	hintViolation      = "what was verified before stands, and the evidence is kept:  espace-git verify --full --evidence FILE"
	hintConflicts      = "espace-git conflicts"
	hintAside          = "espace-git set-aside"
	hintReceipts       = "IDs of writes:  espace-git log --json"
	hintForks          = "espace-git fork show"
	hintInvites        = "espace-git invite list"
	hintMembers        = "espace-git member list"
	hintTables         = "espace-git schema show"
	hintDevices        = "espace-git device list"
	hintSheet          = "copy the sheet as it was printed: the lines space and ledger, and the twelve words:  espace-git recover DIR --sheet FILE"
	hintRecoverHere    = "give another folder; a recovery here that was interrupted ends with  espace-git -C %s sync , and new words come from  espace-git rotate --recovery"
	hintRetryByHand    = "the schema has changed since: write what is still wanted with  espace-git insert  or  update , then  espace-git conflicts dismiss %s"
	hintRecoverAgain   = "check the URL and the network, then run the same recover again"
	hintProposals      = "espace-git proposals"
	hintPolicy         = "espace-git policy set --approvals member.remove=1   (kinds: those of  espace-git policy set --help )"
	hintNotSealed      = "it counts when it is sealed on the host: an admin's sync does that, once enough have approved"
	hintRemoveAgain    = "it is not in force: try again, and meanwhile take the access away at the host"
	hintRequest        = "give the file that  espace-git join --offline  printed"
	hintTemplate       = "the templates are todo, chat and notes"
	hintDuration       = "like 30m, 12h, 7d or 2w"
	hintAssignment     = "espace-git insert tasks 'title=buy milk' done=false"
	hintJSONRow        = `echo '{"title": "buy milk"}' | espace-git insert tasks -`
	hintFormat         = "give --format csv or --format jsonl"
	hintImportUpdate   = "to change rows that are there already, give --update"
	hintPartImport     = "the %d rows before that batch are in: remove them from the file before you import it again"
	hintRemote         = "espace-git remote add origin URL"
	hintRemotes        = "espace-git remote list"
	hintGone           = "try again later; if that host is lost for good:  espace-git remote promote %s --gone"
	hintCredentials    = "leave the password out of the URL: git's credential helpers and ssh keys serve;  git ls-remote URL  shows whether they do"
	hintLockFile       = "if no git runs on the host, remove that file (below its refs) and run  espace-git sync  again"
	hintAt             = "espace-git fingerprint --at 12"
	hintHook           = "put into hooks/pre-receive:  exec espace-git hook pre-receive"
	hintRefusedPush    = "nothing of the push was taken; espace-git sync  tries again with what the host has now"
	hintListen         = "give --listen 127.0.0.1:0 for any free port"
	hintMergeDriver    = "git config merge.espace.driver 'espace-git merge-driver %O %A %B %L %P'"
	hintMergeConflict  = "edit the file, and then  git add FILE"
	hintProtect        = "in a git repository:  espace-git protect 'secrets/**' --space DIR"
	hintPattern        = "espace-git protect 'secrets/**' '*.key' --space DIR"
	hintHookThere      = "add the line  %s  to it, and try again"
	hintPlain          = "see that .gitattributes has the line of the pattern, as  espace-git protect PATTERN  writes it, and  git add --renormalize FILE"
	hintFiles          = "espace-git file ls"
	hintFileColumn     = "files are in columns of type file:  espace-git schema show ; with a slash before it a path means the folders"
	hintFileForce      = "--force replaces what is there"
	hintFileVersions   = "edit it and  espace-git file put --resolve FILE PATH , or  espace-git file choose PATH VERSION"
	hintFileRecursive  = "-r takes a folder with all in it"
	hintFileChoose     = "espace-git file versions %s"
	hintFileDest       = "give a name as DEST"
	hintDocument       = "a document is a name, or TABLE/ROW/COLUMN:  espace-git text ls    espace-git schema show"
	hintTyped          = "with --typed a VALUE is JSON, quoted for the shell:  3   true   null   '\"text\"'"
	hintUTF8           = "for bytes that are no text:  espace-git file put"
	hintPosition       = "positions count code points from 0; see  espace-git text show DOC --json"
	hintIndex          = "indexes count from 0:  espace-git list show DOC --long"
	hintSetShow        = "espace-git set show %s"
	hintUndoSealed     = "take it back by hand:  espace-git text edit %s"
	hintRetryGone      = "write by hand what of it is still wanted, and then  espace-git conflicts dismiss %s"
	hintEditor         = "name a program that edits without a terminal:  espace-git text edit DOC --editor 'sed -i s/old/new/'    or pipe:  espace-git text append DOC -"
	hintOpenHost       = "listen on 127.0.0.1, or give --yes"
)

// notBuilt are commands that are agreed and are not there yet, each with what to do meanwhile.
var notBuilt = map[string]string{
	"shred": seeStatus, "retention": seeStatus,
	"member verify": "espace-git member words NAME",
	"identity":      "espace-git member words NAME",
	"action":        "espace-git insert --help",
	"git":           seeStatus, "serve": seeStatus, "hook install": "espace-git hook pre-receive --help",
}

const (
	seeStatus = "espace-git --help   (shows what this version has)"
)
