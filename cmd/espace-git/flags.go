package main

// What each flag does, as the help says it. A word in backquotes names its value.
const (
	flagDirectory = "run as if started in `DIR`"
	flagJSON      = "print JSON, errors too"
	flagYes       = "answer questions with yes"
	flagTransport = "`WAY` to the host: auto, git (the system's) or inprocess"

	flagName         = "`NAME` of the space, seen by members only"
	flagAs           = "your `NAME`, seen by members only"
	flagRemote       = "`URL` of an empty repository, or one with a README: https, ssh, or a local path"
	flagSchema       = "`FILE` with the tables (YAML)"
	flagTemplate     = "start with the ready schema `NAME`: todo, chat or notes"
	flagNoRecovery   = "make no recovery words"
	flagLedgerRef    = "`REF` of the ledger, instead of refs/heads/main"
	flagPrefix       = "`REFS` below which all others stand, instead of refs/espace/"
	flagDevice       = "`NAME` of this device, seen by members only"
	flagNoPassphrase = "store new keys unprotected"

	flagRole      = "`ROLE` of the newcomer: viewer, editor, admin or owner"
	flagExpires   = "`TIME` until the invite closes, like 12h or 7d"
	flagUses      = "`N` people may use the link"
	flagHistory   = "what the newcomer may read of the past: `all`, none or an epoch's number"
	flagApprove   = "the newcomer also needs an admin's approval"
	flagFor       = "`NAME` of whom it is for, a note for members"
	flagDeployKey = "tell how the host lets the newcomer in by a deploy key"
	flagNoWait    = "do not stay to let the newcomer in"

	flagLink    = "read the link from `FILE`; - is stdin"
	flagWait    = "wait for up to `TIME` to be let in (default: 10m on a terminal, else 0)"
	flagOffline = "contact nobody; print a request that a member brings to the host"

	flagSyncWatch = "go on until interrupted"
	flagLocal     = "do not sync meanwhile"

	flagWhere   = "only rows for which `EXPR` holds"
	flagOrder   = "sort by `COL[,-COL]`; - is descending"
	flagLimit   = "at most `N` rows"
	flagOffset  = "skip `N` rows"
	flagColumns = "only columns `A,B`, and id"
	flagNull    = "`COL[,COL]` that get no value"

	flagLine   = "as a line of its own"
	flagEditor = "edit with `COMMAND` instead of $VISUAL or $EDITOR"
	flagLong   = "with indexes and IDs"
	flagTyped  = "VALUEs are JSON: 3, true, null, \"text\""

	flagFormat       = "`FORMAT` of the rows: csv or jsonl"
	flagImportUpdate = "update rows that are there already, by their id"

	flagLogTable   = "only changes of `TABLE`"
	flagLogMember  = "only changes by `MEMBER`"
	flagLogRefused = "only what had no effect, with the reason"
	flagLogLimit   = "at most the `N` newest"

	flagFull         = "decrypt and fold everything anew, and compare"
	flagEvidence     = "write the evidence of violations to a new `FILE`"
	flagAt           = "ledger entry `N` instead of the last"
	flagRebuild      = "make the view anew from the git repository and the journal"
	flagShare        = "tell all members, through the ledger: their devices use it too (admins)"
	flagShareRemoval = "tell all members, through the ledger, not to use it any more (admins)"
	flagGone         = "the primary remote is lost for good, and does not come back"

	flagNow              = "do not wait for what others have seen and the host does not show"
	flagKeep             = "leave `WHAT` open: a device or invite that would go, or recovery"
	flagEvery            = "those who were removed, too"
	flagRequire          = "`FEATURE` that a program must have to write here (repeatable)"
	flagDrop             = "`FEATURE` that is not required any more (repeatable)"
	flagNewWords         = "make new recovery words for yourself, instead of a new key for this device"
	flagPolicyInvite     = "the least `ROLE` that may invite: editor, admin or owner"
	flagApprovals        = "`KIND=N`: so many others must approve entries of that kind; 0 asks for none"
	flagEndorsements     = "`N` members must endorse the state that a newcomer begins with"
	flagSealDays         = "seal an epoch after `N` days"
	flagSealTransactions = "seal an epoch after `N` transactions"
	flagSealMiB          = "seal an epoch after `N` MiB of entries"

	flagConsent = "`TEXT` that another owner got from fork consent"
	flagBefore  = "drop ledger entry `N`, a seal that nobody can follow, and what stands on it"

	flagVouch         = "for `NAME`, who lost all devices: you vouch for it, and are named for ever (admins)"
	flagSheet         = "read the recovery sheet from `FILE`; - is stdin"
	flagRecoverRemote = "`URL` of the repository, if it is another than the sheet's"
	flagLost          = "`DEVICE` of yours to remove at once, by its ID, or all"

	flagListen = "`ADDR` to listen on"

	flagFileLong    = "with size, time, who wrote it and version"
	flagFileDeep    = "folders, with all in them"
	flagFileForce   = "replace files that are there"
	flagFileVersion = "`VERSION` to read, instead of the one under the name"
	flagFileRange   = "only bytes `A-B`, both included, from 0; A- from A on, -N the last N"
	flagFileResolve = "replace all versions that stand beside each other"

	flagProtectSpace   = "`DIR` of the space whose members read the files"
	flagProtectRewrite = "put all protected files into the index anew, under the newest key"
	flagProtectGuard   = "check what is about to be committed (for hooks)"
)
