package demo

import (
	"errors"
	"fmt"
	"strings"

	"github.com/espace-git/espace-git/space"
)

const (
	textName  = "minutes"
	textBegin = "Whoever comes brings a casserole.\n"
	textAlice = "Alice brings the gramophone.\n"
	textBob   = "Bob brings the trampoline.\n"
	listName  = "shopping"
	fileName  = "route.txt"
	fileText  = "Over the footbridge, then along the vineyard.\n"
)

// together: both write one text and one list at the same time, and Bob adds a file.
func (p *play) together() (string, error) {
	p.appended(textBegin, "")
	p.command("espace-git list append %s raspberries gingerbread", listName)
	_, err := p.alice.s.Text(textName).Append(p.ctx, textBegin)
	if _, more := p.alice.s.List(listName).Append(p.ctx, "raspberries", "gingerbread"); err != nil || more != nil {
		return "", errors.Join(err, more)
	}
	if err := p.syncAll(p.alice, p.bob); err != nil {
		return "", err
	}
	p.say(sayTogether)
	if err := p.bothWrite(); err != nil {
		return "", err
	}
	if err := p.syncAll(p.alice, p.bob, p.alice); err != nil {
		return "", err
	}
	return p.sameText()
}

func (p *play) bothWrite() error {
	p.appended(textAlice, "   # Alice")
	_, err := p.alice.s.Text(textName).Append(p.ctx, textAlice)
	p.appended(textBob, "   # Bob")
	_, err2 := p.bob.s.Text(textName).Append(p.ctx, textBob)
	p.command("espace-git list move %s 1 0   # Alice", listName)
	err3 := p.gingerbreadFirst()
	p.command("espace-git list append %s sparklers   # Bob", listName)
	_, err4 := p.bob.s.List(listName).Append(p.ctx, "sparklers")
	p.command("espace-git file put %s   # Bob", fileName)
	_, _, err5 := p.bob.s.Files().Put(p.ctx, fileName, strings.NewReader(fileText), space.PutOptions{})
	return errors.Join(err, err2, err3, err4, err5)
}

func (p *play) appended(line, who string) {
	p.command("espace-git text append %s --line %q%s", textName, strings.TrimSpace(line), who)
}

func (p *play) gingerbreadFirst() error {
	list := p.alice.s.List(listName)
	items, err := list.Items(p.ctx)
	if err != nil || len(items) != 2 {
		return errors.Join(err, fmt.Errorf("%w: %d things on the list", errStory, len(items)))
	}
	return list.Move(p.ctx, items[1].ID, 0)
}

// sameText shows what both have now, and that it is the same and whole.
func (p *play) sameText() (string, error) {
	ours, err := p.alice.s.Text(textName).String(p.ctx)
	theirs, more := p.bob.s.Text(textName).String(p.ctx)
	if err := errors.Join(err, more); err != nil {
		return "", err
	}
	if ours != theirs || !strings.Contains(ours, textAlice) || !strings.Contains(ours, textBob) {
		return "", fmt.Errorf("%w: the text is %q for Alice and %q for Bob", errStory, ours, theirs)
	}
	p.say(sayOneText)
	for line := range strings.Lines(ours) {
		p.print("      %s", line)
	}
	items, err := p.bob.s.List(listName).Items(p.ctx)
	if err != nil {
		return "", err
	}
	var list []string
	for _, it := range items {
		list = append(list, fmt.Sprint(it.Value))
	}
	if got := strings.Join(list, ", "); got != "gingerbread, raspberries, sparklers" {
		return "", fmt.Errorf("%w: the list is %s", errStory, got)
	}
	p.say(sayOneList, strings.Join(list, ", "))
	return fmt.Sprintf("%d code points, the same for both", len([]rune(ours))), p.readFile()
}

func (p *play) readFile() error {
	f, err := p.alice.s.Files().Open(p.ctx, fileName)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, len(fileText))
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != fileText {
		return fmt.Errorf("%w: the file is %q, %v", errStory, b, err)
	}
	p.command("espace-git file cat %s   # Alice", fileName)
	p.print("      %s", b)
	return nil
}

func (p *play) syncAll(all ...*person) error {
	for _, who := range all {
		if err := p.sync(who); err != nil {
			return err
		}
	}
	return nil
}
