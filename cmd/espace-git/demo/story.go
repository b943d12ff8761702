package demo

import (
	"fmt"
	"strings"
)

// What the demo writes into the space. The hunt looks for all of it on the host: long words, so that no random bytes look
// like one.
const (
	spaceName    = "Midsummer picnic"
	aliceName    = "Alice Example"
	bobName      = "Bob Example"
	aliceDevice  = "alice-workbench"
	bobDevice    = "bob-travelbook"
	taskLanterns = "hang the paper lanterns"
	taskCordial  = "brew elderflower cordial"
	newTitle     = "brew elderflower cordial, two bottles"
	taskBlanket  = "bring the tartan blanket"
	taskSurprise = "order the marzipan for the surprise"
	schemaText   = `tables:
  errands:
    columns:
      title: {type: text, required: true}
      done: {type: bool, default: false}
`
)

func secrets() []string {
	return []string{
		"Midsummer", "picnic", aliceName, bobName, "workbench", "travelbook", "errands",
		"lanterns", "elderflower", "cordial", "bottles", "tartan", "blanket",
		"casserole", "gramophone", "trampoline", "raspberries", "gingerbread", "sparklers", "footbridge", "vineyard", "route.txt",
		"marzipan", "surprise",
	}
}

const (
	titleCreate   = "Alice makes a space on a host that she does not trust"
	titleInvite   = "She invites Bob"
	titleJoin     = "Alice's device lets Bob in"
	titleOffline  = "The host goes away; both go on writing"
	titleMerge    = "The host comes back; both sync"
	titleTogether = "They write one text, one list, and share a file"
	titleVerify   = "They check every signature"
	titleTamper   = "The host turns a page back"
	titleHeal     = "The space heals itself"
	titleRemove   = "Bob has to go"
	titleSight    = "What the host could see"

	sayHost        = "A git host runs at %s: stock git behind plain HTTP."
	sayCreated     = "Space %s… is there. Its name is the hash of its first entry, so no host can pass off another."
	sayLink        = "The link %s… (%d letters) names the space and pins this invitation. It opens no content."
	sayWaiting     = "Bob made his own keys and asked to join. He is %q: the link alone reads nothing."
	sayIn          = "Alice's sync wrapped the key for Bob's device alone. He reads at once:"
	sayOffline     = "No host, no problem: writes are local and durable."
	sayUnreachable = "Bob tries to sync: %s. His writes wait."
	sayMerged      = "Her new title and his tick landed in the same row; nobody's write was lost:"
	sayTogether    = "Now both write at the same end of the same text, and change the same list, before either syncs."
	sayOneText     = "One text for both, and nobody's line is lost or torn:"
	sayOneList     = "One list: %s. And Bob's file:"
	sayVerified    = "%s verified %d ledger entries, %d lanes, %d operations, from the signatures up."
	sayStockGit    = "Stock git agrees: %d signed commits, each by a device of the ledger."
	sayRollback    = "The host quietly resets Alice's lane to its older commit. To stock git all is well."
	sayCaught      = "Bob had seen the newer one. A device never goes back behind what it has verified (exit code 20)."
	sayHealed      = "Every member holds what was verified, and pushes what the host lost. All is there again:"
	sayRemoved     = "Ledger entry %d names exactly where Bob's writes end and opens epoch %d, with a new secret that no key of his opens."
	sayGone        = "The host serves Bob everything that it has. His program: %s. He sees what he saw before:"
	sayRefs        = "All names that it has:"
	sayObjects     = "%d objects, %d bytes. An entry of Alice's lane begins like this:"
	sayHunt        = "A search through every object, name and file of the host for: %s."
	sayNothing     = "Nothing found."
	theEnd         = "\nThat was %.1f seconds. Nothing is left of it: the demo removes its folder."
)

func (p *play) title(n int, text string) {
	if p.o.Colour {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	fmt.Fprintf(p.o.Out, "\n%d. %s\n", n, text)
}

func (p *play) say(format string, args ...any) { p.print("   "+format, args...) }

func (p *play) command(format string, args ...any) { p.print("   $ "+format, args...) }

func (p *play) print(format string, args ...any) {
	fmt.Fprintln(p.o.Out, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
